"""Failures that pass by themselves, each with the reason to try again."""

from xenpatch.errors import PoolError, ReplyLost, TaskLost, Unreachable, Untrusted, XapiFailure

PASSING = {
    "VM_MIGRATE_FAILED": "live migration of fully virtualized VMs can occasionally fail (CA-87350)",
    "INTERNAL_ERROR": "6.x reports a migration that broke in the hypervisor so",
    "OTHER_OPERATION_IN_PROGRESS": "somebody else works on the object",
    "CANNOT_CONTACT_HOST": "a member cannot be reached at the moment",
    "HOST_OFFLINE": "after its restart the master waits for the heartbeat of each member",
    "HOST_NOT_LIVE": "after its restart the master waits for the heartbeat of each member",
    "HOST_STILL_BOOTING": "a toolstack is starting",
    "TASK_CANCELLED": "a restarting toolstack cancels its tasks",
    "VM_FAILED_SHUTDOWN_ACKNOWLEDGMENT": "the guest did not answer in time",
}


def is_passing(error: BaseException) -> bool:
    """Whether the step may be tried again as it is: it looks at the pool first, so that is safe."""
    if isinstance(error, XapiFailure):
        return error.code in PASSING
    return isinstance(error, ReplyLost | TaskLost | Unreachable) and not isinstance(error, Untrusted)


def reason(error: PoolError) -> str:
    """The failure in words, with the reason why it may pass if it may."""
    why = PASSING.get(error.code) if isinstance(error, XapiFailure) else None
    return f"{error} - {why}" if why else str(error)
