"""Look at the pool, and refuse before anything is changed."""

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.logging import get_run_logger

from blocks import Dom0SSH, XenServerPool
from tasks import artifacts
from tasks.connection import connected
from tasks.retries import RETRIED
from tasks.telling import telling
from tasks.upload import remove
from xenpatch.errors import PrecheckRefused, Refused
from xenpatch.hotfix.choice import Wanted
from xenpatch.hotfix.intake import Hotfix
from xenpatch.options import PatchOptions, Remedies
from xenpatch.plan.model import Plan
from xenpatch.prechecks.finding import Finding, blocking
from xenpatch.prechecks.picture import Picture
from xenpatch.progress import Condition, HostState, Planned, PoolSeen, Step, publish
from xenpatch.record import RunId
from xenpatch.steps.foresight import foresee
from xenpatch.steps.precheck import ask_hosts, look, refuse_if_blocked
from xenpatch.xapi.inventory import Host
from xenpatch.xapi.session import open_session


@task(task_run_name="look at the pool", cache_policy=NO_CACHE)
def look_at_pool(
    pool: XenServerPool,
    run: RunId,
    wanted: Wanted,
    ssh: Dom0SSH | None,
    options: PatchOptions,
) -> Picture:
    """Everything that can be checked without the hotfixes there; raise PrecheckRefused, RunInProgress."""
    if (weakness := pool.endpoint().trust.weakness) is not None:
        get_run_logger().warning(weakness)
    with telling(Step.PRECHECK, "look at the pool") as told, open_session(pool.endpoint()) as session:
        picture = look(session, run, wanted, ssh.access(pool) if ssh else None, options, make_way=True)
        seen = picture.pool
        publish(PoolSeen(seen.uuid, seen.name, seen.master, wanted.name(picture.bundle)))
        for host in seen.hosts:
            publish(HostState(host.uuid, host.name, _condition(picture, host)))
        if isinstance(picture.plan, Plan):
            publish(Planned(picture.plan, foresee(picture.plan)))
        _refuse_with_report(picture)
        told.done(f"{len(picture.pool.hosts)} hosts, {len(picture.todo)} to patch or reboot")
    return picture


@task(task_run_name="precheck every host", cache_policy=NO_CACHE, **RETRIED)
def precheck(
    pool: XenServerPool,
    run: RunId,
    wanted: Wanted,
    ssh: Dom0SSH | None,
    options: PatchOptions,
    *,
    uploaded: tuple[Hotfix, ...],
    cured: bool = False,
) -> tuple[Finding, ...]:
    """Everything again, and each host's own precheck; a refusal takes our uploads off the pool again.

    ``cured`` says that the remedies were made: then nothing more is let pass because it has one.
    """
    with telling(Step.PRECHECK, "precheck every host") as told, connected(pool) as session:
        try:
            picture = look(session, run, wanted, ssh.access(pool) if ssh else None, options)
            findings = _refuse_with_report(ask_hosts(session, wanted, picture), cured=cured)
        except Refused:
            remove(session, uploaded)
            raise
        artifacts.findings(findings)
        curable = len(blocking(findings))
        told.done(
            f"{len(findings)} findings, " + (f"{curable} to be put aside" if curable else "none blocks")
        )
    return findings


def _condition(picture: Picture, host: Host) -> Condition:
    if host.uuid not in picture.todo:
        return Condition.PATCHED
    return Condition.IN_SERVICE if host.enabled and host.live else Condition.DISABLED


def _refuse_with_report(picture: Picture, *, cured: bool = False) -> tuple[Finding, ...]:
    to_be_cured = picture.options.remedy is Remedies.ALL and not cured
    try:
        return refuse_if_blocked(picture, cured=to_be_cured)
    except PrecheckRefused as refused:
        artifacts.findings(refused.findings)
        raise
