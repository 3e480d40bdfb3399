"""Tasks: how clients follow long calls."""

import contextlib
from typing import TYPE_CHECKING, Final

from simulator import rbac
from simulator.call import NULL, Call, Ref, XapiError, message
from simulator.datatypes import NEVER
from simulator.dates import iso8601

if TYPE_CHECKING:
    from simulator.world import World

COMPLETED_LIMIT: Final = 65 * 60.0
"""Seconds after which a finished task is dropped."""
PENDING_LIMIT: Final = 24 * 3600.0
"""Seconds after which a pending task is dropped, a client's own as well."""
MOST: Final = 200
"""Beyond this many tasks, those that finished first are dropped."""


class Task:
    """A task under way. It may be gone, as after a restart of the master: then nothing is written."""

    def __init__(self, world: "World", ref: Ref) -> None:
        self.ref = ref
        self._world = world

    def set_progress(self, fraction: float) -> None:
        """Set the task's progress, 0.0 to 1.0."""
        self._update_pending(progress=float(fraction))

    @property
    def cancelling(self) -> bool:
        """Whether a client asked to cancel the task."""
        row = self._world.db.rows("task").get(self.ref)
        return row is not None and "cancel" in row["current_operations"].values()

    def check_cancelled(self) -> None:
        """Raise TASK_CANCELLED if a client asked to cancel the task."""
        if self.cancelling:
            raise XapiError("TASK_CANCELLED", self.ref)

    def complete(self, result: str = "") -> None:
        """End the task in success; a task that is not pending stays as it is."""
        self._finish(status="success", result=result)

    def fail(self, error: XapiError) -> None:
        """End the task as cancelled, or in failure with the error; one that is not pending stays as it is."""
        if error.code == "TASK_CANCELLED":
            self._finish(status="cancelled")
        else:
            self._finish(status="failure", error_info=error.description)

    def destroy(self) -> None:
        """Remove the task."""
        self._world.db.destroy("task", self.ref)

    def _finish(self, **fields: object) -> None:
        now = iso8601(self._world.clock.now())
        self._update_pending(**fields, finished=now, progress=1.0, allowed_operations=[])

    def _update_pending(self, **fields: object) -> None:
        db = self._world.db
        with db.lock, contextlib.suppress(XapiError):
            if db.get("task", self.ref)["status"] == "pending":
                db.update("task", self.ref, **fields)


def start(
    world: "World",
    label: str,
    *,
    description: str = "",
    session: Ref | None = None,
    subtask_of: Ref = NULL,
    cancellable: bool = False,
) -> Task:
    """Make a pending task. It is resident on the master, wherever its work is done."""
    ref = world.db.create(
        "task",
        name__label=label,
        name__description=description,
        created=iso8601(world.clock.now()),
        finished=NEVER,
        status="pending",
        type="<none/>",
        session=session or NULL,
        subtask_of=subtask_of,
        resident_on=world.master,
        allowed_operations=["cancel"] if cancellable else [],
        externalpid=-1,
        stunnelpid=-1,
    )
    return Task(world, ref)


@message("task.create")
def create(call: Call, label: str, description: str) -> Ref:
    """Make a pending task for a client's own use, such as an upload."""
    return start(call.world, label, description=description, session=call.session).ref


@message("task.destroy")
def destroy(call: Call, self: Ref) -> None:
    """Remove a task, pending or not."""
    _assert_own(call, self)
    call.db.destroy("task", self)


@message("task.cancel")
def cancel(call: Call, task: Ref) -> None:
    """Ask for a task to be cancelled; whether and when it is, its work decides."""
    _assert_own(call, task)
    call.db.update("task", task, current_operations={f"DummyRef:|{call.db.new_uuid()}|task.cancel": "cancel"})


def _assert_own(call: Call, task: Ref) -> None:
    """Let users end their own tasks, whatever session they are of; others only those with that permission."""
    users = [_user(call, call.session), _user(call, call.db.get("task", task)["session"])]
    if call.session and users[0] != users[1]:
        rbac.check(call.world, call.session, rbac.ANY_TASK)


def _user(call: Call, session: str | None) -> str | None:
    if session is None or not call.db.exists("session", session):
        return None
    return str(call.db.get("session", session)["auth_user_sid"])


def collect_garbage(world: "World") -> None:
    """Drop tasks that finished or hang for too long, and the oldest finished of too many."""
    now = world.clock.now()
    tasks = world.db.rows("task")
    finished = {ref: row["finished"] for ref, row in tasks.items() if row["status"] != "pending"}
    by_age = sorted(finished, key=lambda ref: finished[ref])
    drop = {ref for ref in by_age if finished[ref] < iso8601(now - COMPLETED_LIMIT)}
    drop |= {
        ref
        for ref, row in tasks.items()
        if ref not in finished and row["created"] < iso8601(now - PENDING_LIMIT)
    }
    overflow = max(0, len(tasks) - len(drop) - MOST)
    drop |= set([ref for ref in by_age if ref not in drop][:overflow])
    for ref in drop:
        world.db.destroy("task", ref)
