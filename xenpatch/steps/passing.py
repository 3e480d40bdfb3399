"""Failures that pass by themselves, each with the reason to try again."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from xenpatch.errors import (
    AnswerUnusable,
    PoolError,
    ReplyLost,
    StepFailed,
    TaskLost,
    Unreachable,
    XapiFailure,
)

PASSING = {
    "VM_MIGRATE_FAILED": "live migration of fully virtualized VMs can occasionally fail (CA-87350)",
    "OTHER_OPERATION_IN_PROGRESS": "somebody else works on the object",
    "CANNOT_CONTACT_HOST": "a member cannot be reached at the moment",
    "HOST_OFFLINE": "after its restart the master waits for the heartbeat of each member",
    "HOST_NOT_LIVE": "after its restart the master waits for the heartbeat of each member",
    "HOST_STILL_BOOTING": "a toolstack is starting",
    "TASK_CANCELLED": "a restarting toolstack cancels its tasks",
    "HANDLE_INVALID": "references change when the master restarts",
}


def is_passing(error: BaseException) -> bool:
    """Whether the step may be tried again as it is: it looks at the pool first, so that is safe."""
    if isinstance(error, XapiFailure):
        return error.code in PASSING or (error.code == "INTERNAL_ERROR" and error.call == "VM.pool_migrate")
    return isinstance(error, ReplyLost | TaskLost | Unreachable) and not isinstance(error, AnswerUnusable)


@contextmanager
def refused_as(
    told: Callable[[PoolError], StepFailed], refusal: type[PoolError] = XapiFailure
) -> Iterator[None]:
    """Have a refusal end the step, as `told`; one that passes is raised as it is, to be tried again."""
    try:
        yield
    except refusal as refused:
        if is_passing(refused):
            raise
        raise told(refused) from None
