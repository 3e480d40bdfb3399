"""Look at the pool, and refuse before anything is changed."""

from prefect import task
from prefect.cache_policies import NO_CACHE

from blocks import Dom0SSH, XenServerPool
from tasks import artifacts
from tasks.connection import connected
from tasks.retries import RETRIED
from tasks.telling import telling
from xenpatch.errors import PrecheckRefused, Refused
from xenpatch.hotfix.intake import Hotfix
from xenpatch.options import PatchOptions
from xenpatch.plan.model import Plan
from xenpatch.prechecks.finding import Finding
from xenpatch.prechecks.picture import Picture
from xenpatch.progress import Condition, HostState, Planned, Step, publish
from xenpatch.record import RunId
from xenpatch.steps.foresight import foresee
from xenpatch.steps.precheck import ask_hosts, look, refuse_if_blocked
from xenpatch.updates.mechanism import mechanism_for
from xenpatch.xapi.inventory import Host
from xenpatch.xapi.session import open_session
from xenpatch.xapi.survey import read_inventory


@task(task_run_name="look at the pool", cache_policy=NO_CACHE)
def look_at_pool(
    pool: XenServerPool, run: RunId, hotfix: Hotfix, ssh: Dom0SSH | None, options: PatchOptions
) -> Picture:
    """Everything that can be checked without the hotfix on the pool; raise PrecheckRefused."""
    with telling(Step.PRECHECK, "look at the pool") as told, open_session(pool.endpoint()) as session:
        picture = look(session, run, hotfix, ssh.access(pool) if ssh else None, options)
        for host in picture.pool.hosts:
            publish(HostState(host.uuid, host.name, _condition(picture, host)))
        if isinstance(picture.plan, Plan):
            publish(Planned(picture.plan, foresee(picture.plan)))
        _refuse_with_report(picture)
        told.done(f"{len(picture.pool.hosts)} hosts, {len(picture.todo)} to patch or reboot")
    return picture


@task(task_run_name="precheck {hotfix.manifest.name} on every host", cache_policy=NO_CACHE, **RETRIED)
def precheck(
    pool: XenServerPool,
    run: RunId,
    hotfix: Hotfix,
    ssh: Dom0SSH | None,
    options: PatchOptions,
    *,
    uploaded: bool,
) -> tuple[Finding, ...]:
    """Everything again, and each host's own precheck; a refusal takes our upload off the pool again."""
    with telling(Step.PRECHECK, "precheck every host") as told, connected(pool) as session:
        try:
            picture = look(session, run, hotfix, ssh.access(pool) if ssh else None, options)
            findings = _refuse_with_report(ask_hosts(session, hotfix, picture))
        except Refused:
            if uploaded:
                mechanism_for(read_inventory(session)).remove(session, hotfix.manifest)
            raise
        artifacts.findings(findings)
        told.done(f"{len(findings)} findings, none blocks")
    return findings


def _condition(picture: Picture, host: Host) -> Condition:
    if host.uuid not in picture.todo:
        return Condition.PATCHED
    return Condition.IN_SERVICE if host.enabled and host.live else Condition.DISABLED


def _refuse_with_report(picture: Picture) -> tuple[Finding, ...]:
    try:
        return refuse_if_blocked(picture)
    except PrecheckRefused as refused:
        artifacts.findings(refused.findings)
        raise
