"""Whether a run lives: it says so again and again, and who wants its pool listens for a while."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Final

from xenpatch import record
from xenpatch.errors import RunInProgress, WaitTimeout, XenpatchError
from xenpatch.record import RunId
from xenpatch.waiting import NotYet, grace, wait_for
from xenpatch.xapi.objects import pool_config
from xenpatch.xapi.session import Session

PERIODS: Final = 4
"""So many beats in a row may be missing before a run counts as silent."""

_LAST_BEAT: Final = 30.0
"""Seconds that the beat under way may take when the run ends; it logs out then."""

Opening = Callable[[], AbstractContextManager[Session]]


def period() -> float:
    """Seconds between two beats; XENPATCH_HEARTBEAT_SECONDS shortens it for pools with a faster clock."""
    return float(os.environ.get("XENPATCH_HEARTBEAT_SECONDS", "30"))


@contextmanager
def heartbeat(opening: Opening, run: RunId, every: float | None = None) -> Iterator[None]:
    """Have the run say that it lives for as long as the block lasts, while the pool is its own.

    ``every`` is in seconds, a period unless given.

    A pool that does not answer, as while its master reboots, is told later.
    """
    over = threading.Event()

    def beat_on() -> None:
        while not over.wait(every or period()):
            try:
                with opening() as session:
                    if record.owner(pool_config(session)) == run:
                        record.beat(session, run)
                        _unless_over(session, run)
            except XenpatchError:
                continue

    thread = threading.Thread(target=beat_on, name=f"heartbeat of {run}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(_LAST_BEAT)


def _unless_over(session: Session, run: RunId) -> None:
    """A beat that has crossed with the end of the run is taken away again."""
    if record.owner(pool_config(session)) != run:
        record.fall_silent(session, run)


def make_way(session: Session, run: RunId, key: str, *, take_over: bool) -> str | None:
    """See that no live run holds the pool; return what was said on the pool of one that did, or None.

    One that has been silent for several beats, as this very session sees it, is declared stopped. With
    `take_over` that is said of one that lives, too: it reads the record before each of its steps and stops,
    and what it has just begun is given a moment. Raises RunInProgress when another run lives, or is about
    other hotfixes.
    """
    found = pool_config(session)
    holder, held = record.owner(found), record.held_by(found)
    if held is None:
        record.sweep(session, found)  # a run may have died while it removed its own
    if (reason := record.obstacle(found, run, key)) is None or holder is None or held is None:
        return None
    if held.hotfix != key or record.stop_reason(found) is not None:
        raise RunInProgress(reason)
    if take_over:
        said = f"taken over by run {run}"
        record.declare_stopped(session, holder, said)
        time.sleep(grace())
        return f"run {holder} was told to stop: {said}"
    if _is_heard(session, holder, record.last_heard(found, holder)):
        raise RunInProgress(reason)
    said = f"silent since {record.last_heard(found, holder) or held.started}"
    record.declare_stopped(session, holder, said)
    return f"run {holder} is {said} and is taken over"


def _is_heard(session: Session, holder: RunId, before: str) -> bool:
    """Listen for a few beats; no clock but our own is asked how long that is."""

    def look() -> bool | NotYet:
        found = pool_config(session)
        changed = record.owner(found) != holder or record.last_heard(found, holder) != before
        return True if changed else NotYet(f"last heard of at {before}")

    try:
        return wait_for(f"a sign of life of run {holder}", look, PERIODS * period(), of_the_pool=False)
    except WaitTimeout:
        return False
