"""Let a host prove that it is patched."""

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.logging import get_run_logger

from blocks import Dom0SSH, XenServerPool
from tasks.connection import connected
from tasks.retries import RETRIED
from tasks.telling import telling
from xenpatch.hotfix.manifest import Manifest
from xenpatch.plan.model import HostPlan
from xenpatch.progress import Condition, HostState, Step, publish
from xenpatch.steps.verify import Baseline, Verified, baseline, verify


@task(task_run_name="note what {turn.name} is like before", cache_policy=NO_CACHE, **RETRIED)
def note_before(pool: XenServerPool, ssh: Dom0SSH | None, turn: HostPlan) -> Baseline:
    """What the host will be compared with after its reboot."""
    with connected(pool) as session:
        return baseline(session, turn.host, ssh.access(pool) if ssh else None)


@task(task_run_name="verify {turn.name}", cache_policy=NO_CACHE, **RETRIED)
def verify_host(
    pool: XenServerPool, ssh: Dom0SSH | None, turn: HostPlan, manifest: Manifest, before: Baseline
) -> Verified:
    """Look at everything that patching means; raise VerificationFailed with all that is wrong."""
    with (
        telling(Step.VERIFY, f"verify {turn.name}", turn.host) as told,
        connected(pool) as session,
    ):
        verified = verify(session, turn.host, manifest, before, ssh.access(pool) if ssh else None)
        told.done(", ".join(verified.proved))
    publish(HostState(turn.host, turn.name, Condition.PATCHED))
    for check in verified.unchecked:
        get_run_logger().warning("not checked on %s: %s", turn.name, check)
    return verified
