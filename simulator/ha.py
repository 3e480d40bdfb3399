"""What high availability forbids: operations after which protected VMs could not all be restarted elsewhere.

Source: xapi 6.0.2, xapi_ha_vm_failover and binpack.
"""

from collections.abc import Collection, Iterable, Sequence
from itertools import permutations, takewhile
from math import perm
from typing import Final

from simulator.call import Ref, XapiError
from simulator.database import Database, Row
from simulator.evacuation import is_protected, pack
from simulator.placement import is_live

_MOST_ORDERS: Final = 3500
_Homes = dict[Ref, Ref]
_Sizes = dict[Ref, int]


def assert_can_lose(db: Database, host: Ref) -> None:
    """Raise HA_OPERATION_WOULD_BREAK_FAILOVER_PLAN [] if a plan exists, and none without this host."""
    with db.lock:
        pool = next(iter(db.rows("pool").values()))
        if not pool["ha_enabled"] or pool["ha_allow_overcommit"]:
            return
        failures = pool["ha_plan_exists_for"]
        hosts = _usable_hosts(db)
        if plan_exists(db, hosts, failures) and not plan_exists(db, hosts - {host}, failures):
            raise XapiError("HA_OPERATION_WOULD_BREAK_FAILOVER_PLAN")


def most_failures(db: Database) -> int:
    """Return how many hosts, whichever, could fail one after another with all protected VMs restarted."""
    with db.lock:
        hosts = _usable_hosts(db)
        survived = takewhile(lambda count: plan_exists(db, hosts, count), range(1, len(hosts) + 1))
        return max(survived, default=0)


def plan_exists(db: Database, hosts: Collection[Ref], failures: int) -> bool:
    """Tell whether protected VMs can all run on these hosts even after so many of them failed.

    Memory is counted as if no guest ballooned. VMs are taken to run on any host.
    """
    protected = {vm: row for vm, row in db.rows("VM").items() if is_protected(row)}
    if failures > len(hosts) or (protected and failures == len(hosts)):
        return False
    sizes = {vm: _largest(row) for vm, row in protected.items()}
    free = {host: _free(db, host) for host in hosts}
    homes = {vm: row["resident_on"] for vm, row in protected.items() if row["resident_on"] in free}
    if not _restart(protected.keys() - homes.keys(), homes, sizes, free):
        return False
    return all(_survives(order, dict(homes), sizes, dict(free)) for order in _orders(free, failures))


def _orders(free: _Sizes, failures: int) -> Iterable[Sequence[Ref]]:
    """Every order in which hosts can fail; where those are too many, only the fullest hosts first."""
    if perm(len(free), failures) < _MOST_ORDERS:
        return permutations(free, failures)
    return [sorted(free, key=lambda host: free[host])[:failures]]


def _survives(failing: Iterable[Ref], homes: _Homes, sizes: _Sizes, free: _Sizes) -> bool:
    for host in failing:
        del free[host]
        if not _restart([vm for vm, home in homes.items() if home == host], homes, sizes, free):
            return False
    return True


def _restart(vms: Collection[Ref], homes: _Homes, sizes: _Sizes, free: _Sizes) -> bool:
    """Give VMs new homes and take the memory there; return whether all found one."""
    placed = pack([(vm, sizes[vm]) for vm in vms], free.items())
    for vm, host in placed.items():
        homes[vm] = host
        free[host] -= sizes[vm]
    return len(placed) == len(vms)


def _usable_hosts(db: Database) -> set[Ref]:
    return {host for host, row in db.rows("host").items() if row["enabled"] and is_live(db, host)}


def _largest(vm: Row) -> int:
    return int(vm["memory__static_max"]) + int(vm["memory__overhead"])


def _free(db: Database, host: Ref) -> int:
    row = db.get("host", host)
    total = int(db.get("host_metrics", row["metrics"])["memory__total"]) - int(row["memory__overhead"])
    return max(0, total - sum(_largest(db.get("VM", vm)) for vm in row["resident_VMs"]))
