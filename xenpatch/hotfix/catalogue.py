"""The hotfixes of XenServer 6.0.0 to 7.0 as their vendor listed them: names, uuids, what contains what.

Of most of them the sums of the files are not known here; a manifest has to be given with the file then.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Final

from xenpatch.hotfix.manifest import HotfixUuid

_TABLE: Final = Path(__file__).parent / "known" / "catalogue.tsv"


@dataclass(frozen=True)
class Listed:
    """A hotfix of the list: ``rolls_up`` names those that it contains, ``requires`` those before it."""

    product_version: str
    name: str
    uuid: HotfixUuid
    article: str
    rolls_up: frozenset[str]
    requires: frozenset[str]


class State(StrEnum):
    """How a pool stands to a hotfix."""

    APPLIED = "applied"
    IN_PART = "applied in part"
    SUPERSEDED = "superseded"
    MISSING = "missing"


@dataclass(frozen=True)
class Standing:
    """A hotfix and how a pool stands to it; ``by`` names the applied ones that contain it."""

    hotfix: Listed
    state: State
    by: tuple[str, ...] = ()


@cache
def catalogue() -> tuple[Listed, ...]:
    """All of them, by product version and name."""
    with _TABLE.open(encoding="utf-8", newline="") as table:
        return tuple(
            Listed(
                row["product_version"],
                row["name"],
                HotfixUuid(row["uuid"]),
                row["article"],
                frozenset(row["rolls_up"].split()),
                frozenset(row["requires"].split()),
            )
            for row in csv.DictReader(table, delimiter="\t")
        )


def listed(uuid: HotfixUuid) -> Listed | None:
    """The hotfix of that uuid, or None if the list does not have it."""
    return next((each for each in catalogue() if each.uuid == uuid.lower()), None)


def standings(product_version: str, applied: Iterable[Iterable[HotfixUuid]]) -> Iterator[Standing]:
    """How a pool stands to each hotfix of its version; ``applied`` are the uuids by host."""
    hosts = [frozenset(uuid.lower() for uuid in uuids) for uuids in applied]
    everywhere = frozenset[str].intersection(*hosts) if hosts else frozenset()
    anywhere = frozenset[str]().union(*hosts)
    ours = [each for each in catalogue() if each.product_version == product_version]
    for hotfix in ours:
        containing = tuple(
            each.name for each in ours if each.uuid in everywhere and hotfix.name in each.rolls_up
        )
        if hotfix.uuid in everywhere:
            yield Standing(hotfix, State.APPLIED)
        elif containing:
            yield Standing(hotfix, State.SUPERSEDED, containing)
        elif hotfix.uuid in anywhere:
            yield Standing(hotfix, State.IN_PART)
        else:
            yield Standing(hotfix, State.MISSING)
