"""The plan of a rolling run: who moves where and when, before anything is touched.

The rules, all of them hard:
- memory: a host never holds more than it has, a VM under way counting on both sides;
- targets: hosts in service, which see the VM's storage and networks, have its processor's features and run no
  older release; never from an updated host to one that is still to reboot;
- the master first and alone, then a few hosts at once if the policy allows;
- VMs that should be apart stay apart, and HA's promises are kept where HA is on.

How: the hosts are emptied in their order, the largest VM first, each to where it may stay if there is such a
place; where none is, one or two VMs step aside (`attempt`, `make_room`). Of several attempts the best counts
(`search`), and then hosts are filled evenly. What each step has to wait for is found at the end
(`dependencies`), and what no plan could do with less (`bound`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from xenpatch.plan import shortage
from xenpatch.plan.assembly import assemble
from xenpatch.plan.attempt import Stuck
from xenpatch.plan.layout import Draft
from xenpatch.plan.model import NoRoom, Plan, Policy
from xenpatch.plan.problem import Problem, pose
from xenpatch.plan.search import fill_evenly, search
from xenpatch.plan.stop import smallest_stop
from xenpatch.xapi.inventory import Inventory
from xenpatch.xapi.types import HostUuid, VmUuid


def plan_run(
    pool: Inventory,
    hosts: Sequence[HostUuid],
    homes: Mapping[VmUuid, HostUuid],
    policy: Policy = Policy(),  # noqa: B008 - frozen
    *,
    ignore: Collection[VmUuid] = (),
) -> Plan | NoRoom:
    """Plan the reboots of `hosts` from the pool as it is now; pure and deterministic.

    ``homes`` says where VMs belong; a VM that it does not name belongs where it is. The picture may be one
    of the middle of a run: hosts whose turn is over are left out of `hosts`; they are not emptied again, and
    get their VMs back if the policy says so. A VM whose home is out of service and not of the run stays where
    it is. VMs in `ignore`, and paused ones, do not move but keep their memory.

    Where there is no other way, and only if the policy allows it, VMs are squeezed (`Plan.squeezed`); where
    there is still none, VMs that should be apart are not (`Plan.together`).
    """
    if len(set(hosts)) != len(hosts):
        raise ValueError("a host is given twice")
    whole = pose(pool, hosts, homes, policy, ignore=ignore)
    ways = [whole]
    if policy.squeeze:
        ways.append(pose(pool, hosts, homes, policy, ignore=ignore, squeezed=True))
    ways += [replace(way, apart=(), shunned={}) for way in ways if way.apart or way.shunned]
    for problem in ways[:-1]:
        found = _solve(problem)
        if not isinstance(found, Stuck):
            return assemble(problem, found)
    last = ways[-1]
    found = _solve(last)
    if isinstance(found, Stuck):
        return shortage.explain(last, found, smallest_stop(last, found))
    return assemble(last, found)


def _solve(problem: Problem) -> Draft | Stuck:
    found = search(problem)
    return found if isinstance(found, Stuck) else fill_evenly(problem, *found)
