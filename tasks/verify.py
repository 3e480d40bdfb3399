"""Let a host prove that it is patched."""

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.logging import get_run_logger

from blocks import Dom0SSH, XenServerPool
from tasks.connection import connected
from tasks.retries import RETRIED
from tasks.telling import telling
from xenpatch.hotfix.bundle import Bundle
from xenpatch.plan.model import Turn
from xenpatch.progress import Condition, HostState, Step, publish
from xenpatch.record import RunId, assert_ours
from xenpatch.steps import verify as steps
from xenpatch.steps.reboot import Rebooted, remember
from xenpatch.steps.verify import Baseline, Verified
from xenpatch.xapi.survey import read_inventory
from xenpatch.xapi.types import HostUuid


@task(task_run_name="note what {turn.name} is like before", cache_policy=NO_CACHE, **RETRIED)
def note_before(pool: XenServerPool, run: RunId, ssh: Dom0SSH | None, turn: Turn) -> Baseline | None:
    """What the host will be compared with; None for one that only gets its VMs back."""
    with connected(pool) as session:
        assert_ours(session, run)
        if turn.reboots:
            return steps.note_before(session, turn.host, ssh.access(pool) if ssh else None)
        return Baseline.noted(read_inventory(session).host(turn.host))


@task(task_run_name="verify {turn.name}", cache_policy=NO_CACHE, **RETRIED)
def verify_host(
    pool: XenServerPool,
    ssh: Dom0SSH | None,
    turn: Turn,
    bundle: Bundle,
    before: Baseline,
    booted: Rebooted,
    beside: frozenset[HostUuid],
) -> Verified:
    """Look at everything that patching means; raise VerificationFailed with all that is wrong."""
    with (
        telling(Step.VERIFY, f"verify {turn.name}", turn.host) as told,
        connected(pool) as session,
    ):
        access = ssh.access(pool) if ssh else None
        verified = steps.verify(session, turn.host, bundle, before, access, beside)
        remember(session, turn.host, booted)
        told.done(", ".join(verified.proved))
    publish(HostState(turn.host, turn.name, Condition.PATCHED))
    for check in verified.unchecked:
        get_run_logger().warning("not checked on %s: %s", turn.name, check)
    return verified
