"""How a run ends early: what was put aside is put back, and the pool and the person are told."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import Final

from prefect.logging import get_run_logger

from blocks import XenServerPool
from tasks.record import give_up
from tasks.remedies import put_back_at_last
from xenpatch.errors import (
    LockLost,
    PoolError,
    RecordGone,
    ReplyLost,
    StepFailed,
    Stopped,
    TaskLost,
    Unreachable,
    WaitTimeout,
    XapiFailure,
    XenpatchError,
    in_words,
)
from xenpatch.prechecks.remedy import Remedy
from xenpatch.record import RunId, declare_dead
from xenpatch.steps.presence import heartbeat
from xenpatch.xapi.session import open_session

_IN_THE_MIDDLE: Final = (
    "No further host was touched, and every VM runs that is not named here; `xenpatch status` shows which "
    "host is out of service and which VMs are away from home. Start again to continue."
)
_BEFORE_THE_RECORD: Final = "No host was touched; the hotfix may have been uploaded. Start again."
_UNTOLD: Final = "The pool could not be told that this run has stopped. Before starting again, tell it: "


def before_the_record() -> AbstractContextManager[None]:
    """For what goes before the run record: a failure says that no host was touched."""
    return _explained(_BEFORE_THE_RECORD)


@contextmanager
def ours_until_the_end(pool: XenServerPool, run: RunId) -> Iterator[list[Remedy]]:
    """Whatever ends the run early, the record stays on the pool and says that this run acts no more.

    Yields a list for the remedies that the run makes.
    """
    aside: list[Remedy] = []
    try:
        with heartbeat(partial(open_session, pool.endpoint()), run), _explained(_IN_THE_MIDDLE):
            yield aside
    except BaseException as first:
        failed = _with_all_put_back(pool, run, first, aside)
        try:
            give_up(pool, run, (str(failed) or type(failed).__name__)[:500])
        except XenpatchError as silent:
            get_run_logger().warning("the pool could not be told that this run has stopped: %s", silent)
            if isinstance(failed, PoolError):
                raise PoolError(f"{failed} {_UNTOLD}{declare_dead(run)}") from failed
        if failed is first:
            raise
        raise failed from first


def _with_all_put_back(
    pool: XenServerPool, run: RunId, failed: BaseException, aside: list[Remedy]
) -> BaseException:
    """The failure, once what was put aside for the run is back; that this failed, too, is said beside it."""
    if isinstance(failed, RecordGone) and aside:
        return RecordGone(f"{failed} {_still(aside)}")
    if not isinstance(failed, PoolError | Stopped) or isinstance(failed, LockLost):
        return failed
    try:
        put_back_at_last(pool, run)
    except LockLost as lost:
        return lost
    except Unreachable:
        return StepFailed(f"{failed} {_still(aside)}") if aside else failed
    except PoolError as also:
        return failed if str(also) in str(failed) else StepFailed(f"{failed} Moreover, {also}")
    return failed


def _still(aside: list[Remedy]) -> str:
    names = ", ".join(f"{remedy.kind} of {remedy.name}" for remedy in aside)
    return f"Still as the run put it aside: {names}."


@contextmanager
def _explained(state: str) -> Iterator[None]:
    """A failure that says only what failed gets the state of the pool and what to do next beside it."""
    try:
        yield
    except (XapiFailure, ReplyLost, TaskLost, WaitTimeout, Unreachable) as bare:
        raise StepFailed(f"{in_words(bare)}. {state}") from bare
