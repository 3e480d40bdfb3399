"""What follows a cancellation in Prefect: a worker gives a run 30 seconds to end, a host may take longer."""

from functools import partial
from typing import Any

from prefect import Flow
from prefect.client.schemas.objects import FlowRun, State
from prefect.logging.loggers import flow_run_logger

from blocks import XenServerPool
from flows.job import run_id
from tasks.connection import PATIENCE
from tasks.remedies import put_back_at_last
from xenpatch.record import RunId, mark_stopped
from xenpatch.steps import safe_point
from xenpatch.steps.presence import heartbeat
from xenpatch.xapi.session import open_session


def reach_safe_point(flow: Flow[..., Any], flow_run: FlowRun, state: State[Any]) -> None:
    """Bring the host that a killed run had in hand to an end, or back into service with its VMs.

    Prefect's hook `on_cancellation`: the worker calls it when the process is gone, and the run stays in the
    state Cancelling until it returns. A run that has stopped by itself in time is left as it is.
    """
    del state
    pool: XenServerPool = flow.validate_parameters(flow_run.parameters)["pool"]
    killed, run = run_id(flow_run), RunId(f"{flow_run.id}.cancelled")
    log = flow_run_logger(flow_run, flow)
    with open_session(pool.endpoint(), patience=PATIENCE) as session:
        bundle = safe_point.take_up(session, killed, run)
        if bundle is None:
            return
        log.warning("the run was killed in the middle of its work; bringing the pool to a safe point")
        with heartbeat(partial(open_session, pool.endpoint()), run):
            done = safe_point.reach(session, run, bundle)
            put_back_at_last(pool, run)
        mark_stopped(session, run, "cancelled in Prefect")
    log.info(
        "%s. The record stays on the pool: `xenpatch resume` continues", "; ".join(done) or "it was safe"
    )
