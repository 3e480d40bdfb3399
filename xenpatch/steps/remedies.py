"""Putting aside what stands in the way of a run, and putting it back: written down before it is made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from xenpatch.errors import LockLost, PoolError, StepFailed, during, in_words
from xenpatch.prechecks.remedies import action
from xenpatch.prechecks.remedy import Remedy
from xenpatch.record import RunId, add_once, assert_ours
from xenpatch.steps.passing import refused_as
from xenpatch.xapi.objects import pool_config, pool_ref
from xenpatch.xapi.session import Session

MADE: Final = "xenpatch-remedy-"
"""A key in the pool's other_config that begins so, and goes on with a number: a remedy, with its undo."""


def make(session: Session, run: RunId, remedy: Remedy) -> str:
    """Make one remedy, written down first, and return what was done.

    Safe to call again. What somebody else has done in the meantime is not ours, and is not written down.
    Raises StepFailed when the pool refuses.
    """
    assert_ours(session, run)
    does = action(remedy).does(remedy)
    found = written(pool_config(session))
    if not any((made.kind, made.subject) == (remedy.kind, remedy.subject) for made in found.values()):
        if not action(remedy).needed(session, remedy):
            return f"not needed any more: {does}"
        number = 1 + max((int(key.removeprefix(MADE)) for key in found), default=0)
        add_once(session, "pool", pool_ref(session), f"{MADE}{number:03}", remedy.text())
    left = "No host was touched. Cure the cause, or do it by hand, and start again."
    with refused_as(lambda refused: StepFailed(f"could not {does}: {refused}. {left}"), PoolError):
        action(remedy).make(session, remedy)
    return does


def written(other_config: Mapping[str, str]) -> dict[str, Remedy]:
    """The remedies that were made or begun and not undone yet, by their keys, the last one first.

    Raises StepFailed when somebody has spoilt one.
    """
    keys = sorted((key for key in other_config if key.startswith(MADE)), reverse=True)
    try:
        return {key: Remedy.parse(other_config[key]) for key in keys}
    except ValueError as spoilt:
        raise StepFailed(
            f"what an earlier run changed cannot be read from the pool's other-config ({spoilt}). Put it "
            f"back by hand, remove the key, and start again; the keys are {', '.join(keys)}."
        ) from None


def undo(session: Session, run: RunId, key: str, remedy: Remedy) -> str:
    """Undo one, and forget it; return what was done. Safe to call again. Raises StepFailed."""
    assert_ours(session, run)
    undoes = action(remedy).undoes(remedy)
    what = f"what was changed for the run on {remedy.name} could not be put back ({undoes})"
    with refused_as(lambda refused: StepFailed(f"{what}: {refused}"), PoolError):
        action(remedy).undo(session, remedy)
    with during(f"forget what was changed for the run on {remedy.name}"):
        session.call("pool.remove_from_other_config", pool_ref(session), key)
    return undoes


def undo_each(found: Mapping[str, Remedy], undo: Callable[[str, Remedy], object]) -> None:
    """Have each undone, whichever fail; raise StepFailed with those that did.

    Raises LockLost at once: whoever has the pool now undoes the rest.
    """
    failed = []
    for key, remedy in found.items():
        try:
            undo(key, remedy)
        except LockLost:
            raise
        except PoolError as reason:
            failed.append(in_words(reason))
    if failed:
        raise StepFailed(
            f"{'; '.join(failed)}. No host and no VM was touched by that. It is still written on the pool: "
            "put it right and start again, to have it tried once more."
        )
