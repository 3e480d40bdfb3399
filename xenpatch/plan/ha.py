"""HA's reserve: while a host is out of service, the failure of another one must still be survivable."""

from __future__ import annotations

from xenpatch.plan.layout import Layout


def survives(layout: Layout) -> bool:
    """Whether HA is off, or the protected VMs of any one host in service find room on the other ones.

    They are placed the largest first, each on the host with the most free memory, as xapi's own failover
    planner does (xapi 6.0.2, xapi_ha_vm_failover and binpack).
    """
    if not layout.problem.ha:
        return True
    serving = [host for host in range(len(layout.free)) if layout.serving[host]]
    return all(_restarts(layout, failed, [h for h in serving if h != failed]) for failed in serving)


def _restarts(layout: Layout, failed: int, others: list[int]) -> bool:
    problem = layout.problem
    free = {host: layout.free[host] for host in others}
    for vm in sorted(layout.residents[failed]):
        if not problem.vms[vm].protected:
            continue
        fitting = [host for host in others if free[host] >= problem.size[vm] and problem.allows(vm, host)]
        if not fitting:
            return False
        host = max(fitting, key=free.__getitem__)
        free[host] -= problem.size[vm]
    return True
