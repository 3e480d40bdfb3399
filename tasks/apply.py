"""Apply the hotfix to the pool."""

from prefect import task
from prefect.cache_policies import NO_CACHE

from blocks import XenServerPool
from tasks.connection import connected
from tasks.telling import telling
from xenpatch.hotfix.bundle import Bundle
from xenpatch.hotfix.manifest import Manifest
from xenpatch.progress import Step
from xenpatch.record import RunId, assert_ours
from xenpatch.updates.mechanism import mechanism_for
from xenpatch.xapi.survey import read_inventory


def apply_all(pool: XenServerPool, run: RunId, bundle: Bundle) -> None:
    """Apply one after another, in their order."""
    for manifest in bundle.manifests:
        apply_to_pool(pool, run, manifest)


@task(task_run_name="apply {manifest.name} to the pool", cache_policy=NO_CACHE)
def apply_to_pool(pool: XenServerPool, run: RunId, manifest: Manifest) -> None:
    """Have every host list the hotfix; raise ApplyFailed with the hosts that do and those that do not."""
    with telling(Step.APPLY, f"apply {manifest.name}") as told, connected(pool) as session:
        assert_ours(session, run)
        mechanism_for(read_inventory(session)).apply(session, manifest, told.advanced)
        told.done("every host lists it")
