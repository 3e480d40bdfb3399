"""A pool: verify checksums, upload, precheck, record and backup, apply, each host in turn, report."""

import time
from dataclasses import replace
from pathlib import Path
from typing import Annotated

from prefect import flow
from prefect.runtime import flow_run
from pydantic import Field

from blocks import Dom0SSH, XenServerPool
from flows.approvals import asking
from flows.cancelled import reach_safe_point
from flows.job import Job, name_of, run_id, this_run
from flows.ours import before_the_record, ours_until_the_end
from flows.stopped import ends_as_stopped
from flows.waves import wave_after_wave
from flows.window import occurrence, refuse_if_too_late
from tasks.apply import apply_all
from tasks.checksum import verify_all
from tasks.following import followed, reported
from tasks.guidance import hand_over, what_is_left
from tasks.plan import plan_whole
from tasks.precheck import look_at_pool, precheck
from tasks.record import back_up, begin, claim, clean, finish, withdraw
from tasks.remedies import make_remedy, put_back
from tasks.restarts import restart_toolstacks, restart_vms
from tasks.result import kept
from tasks.upload import upload_all
from xenpatch.approval import Approval
from xenpatch.errors import Refused
from xenpatch.hotfix.intake import Hotfix
from xenpatch.options import Mode, PatchOptions, Remedies
from xenpatch.prechecks.finding import Finding, remedies
from xenpatch.prechecks.remedy import Remedy
from xenpatch.report import HostReport, RunReport
from xenpatch.steps.conductor import conductor
from xenpatch.window import Window


def _name() -> str:
    """By its files, which Prefect gives back as it stored them: as text."""
    given = flow_run.parameters
    hotfixes = ", ".join(Path(path).stem for path in given["hotfix"])
    return f"patch {name_of(given['pool'])} with {hotfixes}"


@flow(name="patch-pool", flow_run_name=_name, on_cancellation=[reach_safe_point])
@ends_as_stopped
def patch_pool(
    pool: XenServerPool,
    hotfix: Annotated[tuple[Path, ...], Field(min_length=1)],
    manifest: tuple[Path, ...] = (),
    ssh: Dom0SSH | None = None,
    options: PatchOptions = PatchOptions(),  # noqa: B008 - frozen; Prefect shows its fields as a form
    approval: Approval = Approval(),  # noqa: B008 - likewise
    window: Window | None = None,
) -> RunReport:
    """Patch a pool, host after host, the master first, without a running VM going down.

    Args:
        pool: The pool: a saved XenServer Pool block.
        hotfix: The .zip or .xsupdate files, or folders of them, by their paths where the worker runs.
        manifest: The manifests of those hotfixes that are not known, by their paths where the worker runs.
        ssh: Access to the control domains; without it, packages are not checked.
        options: How the run goes about its work.
        approval: Where the run waits for a person's yes.
        window: When it may work; what it cannot do in time is left to the next run. Always unless given.

    """
    began = time.monotonic()
    with kept() as result, asking(approval) as gate:
        within = occurrence(window)
        run = run_id(this_run())
        with followed(run):
            wanted = verify_all(hotfix, manifest)
            picture = look_at_pool(pool, run, wanted, ssh, options)
            report = carry_out(Job(pool, run, wanted, picture, ssh, options, gate, within), began)
        result.done(report.summary(), report.hosts)
    return report


def carry_out(job: Job, began: float) -> RunReport:
    """All that follows the first look, for a new run and for one that is continued from its record."""
    if job.picture.done:
        return reported(job.report(seconds=time.monotonic() - began))
    refuse_if_too_late(job)
    with before_the_record():
        uploaded = upload_all(job.pool, job.hotfixes)
        findings = precheck(job.pool, job.run, job.wanted, job.ssh, job.options, uploaded=uploaded)
        refuse_if_too_late(job, uploaded)
        job.gate.before_any_change(job.picture.plan, findings)
    with ours_until_the_end(job.pool, job.run) as aside:
        if job.options.mode is Mode.MANUAL:
            report = _apply_only(job, findings)
        else:
            report = _patch(job, findings, uploaded, aside)
    if job.options.clean:
        clean(job.pool, job.bundle)
    return reported(replace(report, seconds=time.monotonic() - began))


def _patch(
    job: Job, findings: tuple[Finding, ...], uploaded: tuple[Hotfix, ...], aside: list[Remedy]
) -> RunReport:
    """The automatic mode: all that has to follow is done, and the pool is as it was but for the hotfixes."""
    pool, run, bundle, options = job.pool, job.run, job.bundle, job.options
    begin(pool, run, bundle, options)
    backup = back_up(pool, options.backup_folder)
    findings = _put_aside(job, findings, uploaded, aside)
    plan = plan_whole(pool, bundle, options)
    apply_all(pool, run, bundle)
    hosts: tuple[HostReport, ...] = wave_after_wave(job, plan)
    restart_toolstacks(pool, run, bundle)
    restart_vms(pool, run, bundle, options)
    put_back(pool, run)
    left = what_is_left(pool, bundle)
    finish(pool, run, bundle, options)
    happened = conductor().happened() if hosts else None
    return job.report(hosts=hosts, findings=findings, backup=str(backup), happened=happened, left=left)


def _apply_only(job: Job, findings: tuple[Finding, ...]) -> RunReport:
    """The manual mode: apply, touch no VM and no host, and write down what is left to do."""
    claim(job.pool, job.run, job.bundle, job.options)
    backup = back_up(job.pool, job.options.backup_folder)
    apply_all(job.pool, job.run, job.bundle)
    todo, path = hand_over(job.pool, job.run, job.bundle, job.options.task_list)
    return job.report(findings=findings, backup=str(backup), todo=todo, task_list=str(path))


def _put_aside(
    job: Job, findings: tuple[Finding, ...], uploaded: tuple[Hotfix, ...], aside: list[Remedy]
) -> tuple[Finding, ...]:
    """Make the remedies one after another, then look at everything again.

    A pool that is refused then is given back as it was. Returns the findings of both looks.
    """
    wanted = remedies(findings) if job.options.remedy is Remedies.ALL else ()
    for remedy in wanted:
        aside.append(remedy)
        make_remedy(job.pool, job.run, remedy)
    if not wanted:
        return findings
    try:
        left = precheck(job.pool, job.run, job.wanted, job.ssh, job.options, uploaded=uploaded, cured=True)
    except Refused:
        put_back(job.pool, job.run)
        withdraw(job.pool, job.run, job.bundle)
        raise
    return (*(finding for finding in findings if finding.remedy), *left)
