"""Long operations of the XenAPI: started with `Async.`, watched by their task (XenAPI class task)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any
from xml.sax.saxutils import unescape

from xenpatch.errors import PoolError, ReplyLost, TaskLost, WaitTimeout, XapiFailure
from xenpatch.waiting import NotYet, grace, wait_for
from xenpatch.xapi.session import Session
from xenpatch.xapi.types import TaskRef

Progress = Callable[[float], None]
Record = dict[str, Any]

_VALUE = re.compile(r"^<value>(.*)</value>$|^<value ?/>$", re.DOTALL)
_UNDER_WAY = ("pending", "cancelling")  # XenAPI enum task_status_type


def start(session: Session, method: str, *args: Any) -> TaskRef:
    """Start a message in the background; ReplyLost leaves it to the caller to look at the pool."""
    return TaskRef(session.call(f"Async.{method}", *args))


def start_surely(session: Session, method: str, *args: Any) -> TaskRef | None:
    """Start a message that must not run twice; after a lost answer look for the task that it made.

    None means that the answer was lost and no new task of that name has appeared since: the message was not
    carried out, or its task is gone already; the pool's state tells which.
    """
    before = set(_named(session, method))
    try:
        return start(session, method, *args)
    except ReplyLost:
        return _appeared(session, method, before)


def _appeared(session: Session, method: str, before: set[TaskRef]) -> TaskRef | None:
    def look() -> TaskRef | NotYet:
        new = [task for task in _named(session, method) if task not in before]
        return new[0] if new else NotYet("no task")

    try:
        return wait_for(f"a sign of {method}, whose answer was lost", look, grace())
    except WaitTimeout:
        return None


def _named(session: Session, method: str) -> list[TaskRef]:
    records = session.read("task.get_all_records")
    return [TaskRef(ref) for ref, record in records.items() if record["name_label"] == f"Async.{method}"]


def run(
    session: Session,
    method: str,
    *args: Any,
    what: str,
    limit: float,
    on_progress: Progress | None = None,
    on_end: Callable[[Record], None] | None = None,
    call_off: bool = False,
) -> str:
    """Start a message, wait for its end at most `limit` seconds, and return its result as text.

    One that takes longer goes on, unless it is to be called off then.
    """
    task = start(session, method, *args)
    try:
        return finish(session, task, method, what=what, limit=limit, on_progress=on_progress, on_end=on_end)
    except WaitTimeout:
        if call_off:
            cancel(session, task)
        raise


def finish(
    session: Session,
    task: TaskRef,
    method: str,
    *,
    what: str,
    limit: float,
    on_progress: Progress | None = None,
    on_end: Callable[[Record], None] | None = None,
) -> str:
    """Wait for the end of a task, whether it succeeds or fails, and destroy it.

    Returns its result: the text between ``<value>`` and ``</value>``, or the bare reference that uploads
    leave. ``on_end`` gets the task's last record. Raises XapiFailure with the task's error, TaskLost when the
    server forgot it (a restart of the master), WaitTimeout after `limit` seconds; then the operation itself
    goes on, and its task stays.
    """

    def look() -> Record | NotYet:
        try:
            record: Record = session.read("task.get_record", task)
        except XapiFailure as unknown:
            if unknown.code == "HANDLE_INVALID":
                raise TaskLost(
                    f"the pool has forgotten the task of {what}: its master was restarted"
                ) from None
            raise
        if record["status"] in _UNDER_WAY:
            progress = float(record["progress"])
            if on_progress is not None:
                on_progress(progress)
            return NotYet(f"{progress:.0%}")
        return record

    ended = wait_for(what, look, limit, tell=on_progress is None)
    destroy(session, task)
    if on_end is not None:
        on_end(ended)
    return _result(ended, method)


def cancel(session: Session, task: TaskRef) -> None:
    """Ask for the end of a task's work; whether it ends before its time is up to the server (XenAPI task)."""
    with suppress(PoolError):
        session.call("task.cancel", task)


def destroy(session: Session, task: TaskRef) -> None:
    """Remove a task from the pool; one that is gone already is fine."""
    with suppress(PoolError):
        session.call("task.destroy", task)


@contextmanager
def created(session: Session, label: str) -> Iterator[TaskRef]:
    """A task of our own, for an HTTP handler to report to; destroyed at the end."""
    task = TaskRef(session.call("task.create", label, ""))
    try:
        yield task
    finally:
        destroy(session, task)


def pending(session: Session, method: str) -> TaskRef | None:
    """A task under way for that message, whoever started it."""
    return next(
        (
            TaskRef(ref)
            for ref, record in session.read("task.get_all_records").items()
            if record["name_label"] in (method, f"Async.{method}") and record["status"] == "pending"
        ),
        None,
    )


def await_others(session: Session, method: str, *, what: str, limit: float) -> None:
    """Wait until no task of that message is under way, as one of a run that died or gave up may still be.

    Raises WaitTimeout after `limit` seconds.
    """

    def look() -> bool | NotYet:
        return NotYet(f"{method} is under way already") if pending(session, method) else True

    wait_for(what, look, limit)


def _result(ended: Record, method: str) -> str:
    match ended["status"]:
        case "success":
            found = _VALUE.match(ended["result"])
            return unescape(found.group(1) or "") if found else str(ended["result"])
        case "cancelled":
            raise XapiFailure(method, "TASK_CANCELLED", ended["error_info"][1:])
    code, *params = ended["error_info"] or ["INTERNAL_ERROR"]
    raise XapiFailure(method, code, params)
