"""A run that has ended too early, continued from what the pool says: no file is needed, and no history."""

import time

from prefect import flow
from prefect.runtime import flow_run

from blocks import Dom0SSH, XenServerPool
from flows.approvals import asking
from flows.cancelled import reach_safe_point
from flows.job import Job, name_of, run_id, this_run
from flows.patch_pool import carry_out
from flows.stopped import ends_as_stopped
from flows.window import occurrence
from tasks.following import followed
from tasks.precheck import look_at_pool
from tasks.record import read_record
from tasks.result import kept
from xenpatch.approval import Approval
from xenpatch.hotfix.choice import Wanted
from xenpatch.report import RunReport
from xenpatch.window import Window


def _name() -> str:
    return f"resume {name_of(flow_run.parameters['pool'])}"


@flow(name="resume-pool", flow_run_name=_name, on_cancellation=[reach_safe_point])
@ends_as_stopped
def resume_pool(
    pool: XenServerPool,
    ssh: Dom0SSH | None = None,
    *,
    take_over: bool = False,
    approval: Approval = Approval(),  # noqa: B008 - frozen; Prefect shows its fields as a form
    window: Window | None = None,
) -> RunReport:
    """Continue the run whose record is on the pool, with the options that it was started with.

    Args:
        pool: The pool.
        ssh: Access to the control domains; without it, packages are not checked.
        take_over: Do not listen whether that run still lives, but have it stop.
        approval: Where the run waits for a person's yes.
        window: When it may work; what it cannot do in time is left to the next run. Always unless given.

    """
    began = time.monotonic()
    with kept() as result, asking(approval) as gate:
        within = occurrence(window)
        run = run_id(this_run())
        bundle, options = read_record(pool)
        options = options.model_copy(update={"take_over": take_over})
        wanted = Wanted(recorded=bundle)
        with followed(run):
            picture = look_at_pool(pool, run, wanted, ssh, options)
            report = carry_out(Job(pool, run, wanted, picture, ssh, options, gate, within), began)
        result.done(report.summary(), report.hosts)
    return report
