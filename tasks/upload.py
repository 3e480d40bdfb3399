"""Bring the hotfix onto the pool."""

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.logging import get_run_logger

from blocks import XenServerPool
from tasks.connection import connected
from tasks.retries import RETRIED
from tasks.telling import telling
from xenpatch.errors import PoolError
from xenpatch.hotfix.intake import Hotfix
from xenpatch.progress import Step
from xenpatch.updates.mechanism import mechanism_for
from xenpatch.xapi.session import Session
from xenpatch.xapi.survey import read_inventory


@task(task_run_name="upload {hotfix.manifest.name}", cache_policy=NO_CACHE, **RETRIED)
def upload(pool: XenServerPool, hotfix: Hotfix) -> bool:
    """Upload unless it is there; return whether it was uploaded now, so that a refusal can undo it."""
    size = hotfix.update_size
    with (
        telling(Step.UPLOAD, f"upload {hotfix.manifest.name}") as told,
        connected(pool) as session,
    ):
        seen = read_inventory(session)
        if all(host.has(hotfix.manifest.uuid) for host in seen.hosts):
            told.done("every host has it already")
            return False
        mechanism = mechanism_for(seen)
        uploaded = mechanism.bring(session, hotfix, lambda sent: told.bytes_done(sent, size))
        told.done(f"{size} bytes uploaded" if uploaded else "it is on the pool already")
    return uploaded


def upload_all(pool: XenServerPool, hotfixes: tuple[Hotfix, ...]) -> tuple[Hotfix, ...]:
    """Bring all of them; those that were uploaded now."""
    return tuple(hotfix for hotfix in hotfixes if upload(pool, hotfix))


@task(task_run_name="take the upload back", cache_policy=NO_CACHE, **RETRIED)
def take_back(pool: XenServerPool, uploaded: tuple[Hotfix, ...]) -> None:
    """Give the pool back as it was, for a run that is refused after its upload."""
    with connected(pool) as session:
        remove(session, uploaded)


def remove(session: Session, uploaded: tuple[Hotfix, ...]) -> None:
    """Remove our uploads; a failure of that must not hide the refusal, and is only told."""
    for hotfix in uploaded:
        try:
            mechanism_for(read_inventory(session)).remove(session, hotfix.manifest)
        except PoolError as stays:
            get_run_logger().warning("%s stays uploaded: %s", hotfix.manifest.name, stays)
