"""A run that is given up: what it changed is put back, without patching any further."""

from prefect import flow
from prefect.runtime import flow_run

from blocks import XenServerPool
from flows.job import name_of, run_id, this_run
from flows.ours import ours_until_the_end
from tasks.abandon import bring_back, forget, hosts_back, take_up
from tasks.logs import logged_in_prefect
from tasks.remedies import put_back
from tasks.result import kept


def _name() -> str:
    return f"abandon {name_of(flow_run.parameters['pool'])}"


@flow(name="abandon-pool", flow_run_name=_name)
def abandon_pool(pool: XenServerPool, *, take_over: bool = False) -> tuple[str, ...]:
    """Hosts into service, VMs awake and home, what was put aside back, marks and record removed.

    Returns what was done and what stays half-done, as sentences.

    Args:
        pool: The pool.
        take_over: Do not listen whether the run still lives, but have it stop.

    """
    run = run_id(this_run())
    with kept() as result:
        bundle = take_up(pool, run, take_over=take_over)
        with logged_in_prefect(), ours_until_the_end(pool, run):
            hosts_back(pool, run)
            bring_back(pool, run, bundle)
            put_back(pool, run)
            left = forget(pool, run, bundle)
        result.done(left)
    return left
