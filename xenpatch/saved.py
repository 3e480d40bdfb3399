"""What is kept in Prefect: blocks are registered, found and saved, or it is said that Prefect is away."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar, cast

from xenpatch.errors import InputError, SettingsUnavailable

if TYPE_CHECKING:
    from blocks.reference import StoredByReference

Saved = TypeVar("Saved", bound="StoredByReference")

_QUIET = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",
}
"""Prefect's settings where the live view speaks instead; what the user has set stays."""


def quiet_prefect() -> None:
    """Set what Prefect is to know before it is imported."""
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)


def register_blocks() -> tuple[str, ...]:
    """Make all block types known to Prefect, and return their names. Safe to call again."""
    quiet_prefect()
    import blocks  # noqa: PLC0415 - importing Prefect takes a second

    kinds: list[type[StoredByReference]] = [getattr(blocks, name) for name in blocks.__all__]
    with talking_to_prefect("the blocks were not registered"):
        for kind in kinds:
            kind.register_type_and_schema()
    return tuple(kind.get_block_type_name() for kind in kinds)


def find_block(kind: type[Saved], name: str) -> Saved | None:
    """The saved block of that name, or None; raise SettingsUnavailable if Prefect cannot be asked."""
    with talking_to_prefect(f"the saved block {name!r} cannot be read"):
        try:
            return cast("Saved", kind.load(name))
        except ValueError:
            return None


def load_block(kind: type[Saved], name: str) -> Saved:
    """The saved block of that name; raise InputError if there is none."""
    if (found := find_block(kind, name)) is None:
        raise InputError(
            f"there is no saved {kind.__name__} block named {name!r} in this Prefect. Nothing was contacted."
        )
    return found


def keep_block(kind: type[Saved], name: str, before: Saved | None, fields: Mapping[str, Any]) -> str:
    """Save a block, what it held `before` aside from these fields staying; returns in words what was done."""
    block = before or kind(**fields)
    for field, value in fields.items():
        setattr(block, field, value)
    with talking_to_prefect(f"the block {name!r} was not saved"):
        block.save(name, overwrite=before is not None)
    return f"{'Saved' if before is None else 'Changed'} the {kind.get_block_type_name()} block {name!r}."


@contextmanager
def talking_to_prefect(in_vain: str) -> Iterator[None]:
    """Raise SettingsUnavailable where Prefect's API is not there; ``in_vain`` is what did not happen."""
    from httpx import HTTPError  # noqa: PLC0415 - Prefect's, and it takes long, too

    try:
        yield
    except (HTTPError, RuntimeError) as lost:  # what Prefect's client raises
        raise SettingsUnavailable(
            f"{in_vain}, since Prefect does not answer as it should ({type(lost).__name__}: {lost}). Nothing "
            "was changed on any pool. Is PREFECT_API_URL right, and is the server up?"
        ) from None
