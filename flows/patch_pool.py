"""A pool: verify checksum, upload, precheck, record and backup, apply, each host in turn, report."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from prefect import flow
from prefect.logging import get_run_logger
from prefect.runtime import flow_run

from blocks import Dom0SSH, XenServerPool
from flows.patch_host import patch_host
from tasks import artifacts
from tasks.apply import apply_to_pool
from tasks.checksum import verify_checksum
from tasks.migrate import plan_anew
from tasks.precheck import look_at_pool, precheck
from tasks.record import back_up, begin, finish, give_up
from tasks.runner import SideBySide
from tasks.upload import upload
from xenpatch.errors import (
    LockLost,
    PoolError,
    ReplyLost,
    StepFailed,
    TaskLost,
    Unreachable,
    WaitTimeout,
    XapiFailure,
    XenpatchError,
)
from xenpatch.hotfix.intake import Hotfix
from xenpatch.hotfix.manifest import Manifest
from xenpatch.options import PatchOptions
from xenpatch.plan.model import Placement, Plan, Turn
from xenpatch.prechecks.finding import Finding
from xenpatch.prechecks.picture import Picture
from xenpatch.record import RunId, declare_dead
from xenpatch.report import HostReport, RunReport
from xenpatch.steps.conductor import conduct, conductor


def _name() -> str:
    given = flow_run.parameters
    return f"patch {Path(given['hotfix']).stem}"


@flow(name="patch-pool", flow_run_name=_name)
def patch_pool(
    pool: XenServerPool,
    hotfix: Path,
    manifest: Path | None = None,
    ssh: Dom0SSH | None = None,
    options: PatchOptions = PatchOptions(),  # noqa: B008 - frozen; Prefect shows its fields as a form
) -> RunReport:
    """Patch a pool with one hotfix, host after host, the master first, without a running VM going down.

    Args:
        pool: The pool.
        hotfix: The .zip or .xsupdate file, where the flow runs.
        manifest: The hotfix's manifest; not needed for a known hotfix.
        ssh: Access to the control domains; without it, packages are not checked.
        options: How the run goes about its work.

    """
    began = time.monotonic()
    run = RunId(f"{flow_run.id}.{flow_run.run_count}")
    update = verify_checksum(hotfix, manifest)
    picture = look_at_pool(pool, run, update, ssh, options)
    if picture.done:
        return _report(began, picture, update, ())
    with _explained(BEFORE_THE_RECORD):
        uploaded = upload(pool, update)
        findings = precheck(pool, run, update, ssh, options, uploaded=uploaded)
    with _ours_until_the_end(pool, run):
        plan = begin(pool, run, picture, options)
        backup = back_up(pool, options.backup_folder)
        apply_to_pool(pool, run, update.manifest)
        hosts = _wave_after_wave(pool, ssh, run, plan, update.manifest, options)
        finish(pool, run, update.manifest, options)
    return _report(began, picture, update, hosts, findings, backup, options.placement)


def _wave_after_wave(
    pool: XenServerPool,
    ssh: Dom0SSH | None,
    run: RunId,
    plan: Plan,
    manifest: Manifest,
    options: PatchOptions,
) -> tuple[HostReport, ...]:
    """A subflow for each host; the next hosts are taken only when those before are verified.

    Their VMs may still be on the way home then, as the plan allows.
    """
    lead = conduct(plan, lambda: plan_anew(pool, manifest, options))
    bar, taken = artifacts.progress(len(plan.turns)), 0
    with SideBySide[HostReport]() as beside:
        try:
            while turns := lead.next_turns():
                artifacts.advance(bar, taken, taken + len(turns) + len(lead.waiting()))
                taken += len(turns)
                for turn in turns:
                    beside.start(turn.host, _take_turn, pool, ssh, run, turn, manifest, options)
        except PoolError as failed:
            if isinstance(failed, LockLost):
                lead.abort(failed)
        except BaseException as ended:
            lead.abort(ended)
            raise
        reports = beside.results(lead.culprit)
    artifacts.advance(bar, len(reports), len(reports))
    return reports


def _take_turn(
    pool: XenServerPool,
    ssh: Dom0SSH | None,
    run: RunId,
    turn: Turn,
    manifest: Manifest,
    options: PatchOptions,
) -> HostReport:
    """Whatever ends a host's turn early lets no other one begin."""
    try:
        return patch_host(pool, ssh, run, turn, manifest, options)
    except BaseException as failed:
        conductor().stop(failed, turn.host)
        raise


@contextmanager
def _ours_until_the_end(pool: XenServerPool, run: RunId) -> Iterator[None]:
    """Whatever ends the run early, the record stays on the pool and says that this run acts no more."""
    try:
        with _explained(IN_THE_MIDDLE):
            yield
    except BaseException as failed:
        try:
            give_up(pool, run, (str(failed) or type(failed).__name__)[:500])
        except XenpatchError as silent:
            get_run_logger().warning("the pool could not be told that this run has stopped: %s", silent)
            if isinstance(failed, PoolError):
                raise PoolError(f"{failed} {UNTOLD}{declare_dead(run)}") from failed
        raise


@contextmanager
def _explained(state: str) -> Iterator[None]:
    """A failure that says only what failed gets the state of the pool and what to do next beside it."""
    try:
        yield
    except (XapiFailure, ReplyLost, TaskLost, WaitTimeout, Unreachable) as bare:
        raise StepFailed(f"{bare}. {state}") from bare


IN_THE_MIDDLE = (
    "No further host was touched, and every VM runs where it is; `xenpatch status` shows which host is out "
    "of service and which VMs are away from home. Start again to continue."
)
BEFORE_THE_RECORD = "No host was touched; the hotfix may have been uploaded. Start again."
UNTOLD = "The pool could not be told that this run has stopped. Before starting again, tell it: "


def _report(
    began: float,
    picture: Picture,
    update: Hotfix,
    hosts: tuple[HostReport, ...],
    findings: tuple[Finding, ...] = (),
    backup: Path | None = None,
    placement: Placement = Placement.HOME,
) -> RunReport:
    result = RunReport(
        pool=picture.pool.name,
        hotfix=update.manifest.name,
        hosts=hosts,
        all_hosts=tuple(host.name for host in picture.pool.hosts),
        findings=findings,
        backup=str(backup) if backup else None,
        seconds=time.monotonic() - began,
        earlier_boots=tuple(h.boot_time for h in picture.pool.hosts if h.uuid not in picture.todo),
        placement=placement,
        happened=conductor().happened() if hosts else None,
    )
    artifacts.report(result)
    return result
