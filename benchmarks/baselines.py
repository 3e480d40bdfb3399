"""What XenCenter and Xen Orchestra do with a pool: models of their published source, not runs of them.

Both leave the targets to xapi's Host.evacuate (binpack.ml, biggest fit decreasing): each VM, the largest
first, goes to the host that has most memory free by then. If it does not fit there, the evacuation fails
before anything has moved; no VM ever steps aside for another.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from benchmarks.outcome import REBOOT, VERIFY, Outcome, migration, side_by_side
from benchmarks.pools import homes
from xenpatch.xapi.inventory import Inventory, Vm
from xenpatch.xapi.types import HostUuid, VmUuid


def xencenter(pool: Inventory) -> Outcome:
    """Evacuate, reboot, bring the VMs back one at a time; then the next host, the master first.

    xenadmin: HostPlanAction.cs, RestartHostPlanAction.cs, BringBabiesBackAction.cs.
    """
    run = _Run(pool)
    for host in run.order:
        if not run.evacuate(host):
            return run.outcome(failed=host)
        run.reboot(host)
        run.bring_back(host)
    return run.outcome()


def xen_orchestra(pool: Inventory, *, retry: bool = True) -> Outcome:
    """Evacuate and reboot all hosts, the master first; then bring all VMs back one at a time.

    With `retry`, hosts get theirs back in the reverse order of their reboots, again as long as that moves any
    VM (vatesfr/xen-orchestra, pull request 10295). Without, as before that, master and last host change
    places in the order and each VM has one try.
    """
    run = _Run(pool)
    for host in run.order:
        if not run.evacuate(host):
            return run.outcome(failed=host)
        run.reboot(host)
    if retry:
        while run.bring_all_back(reversed(run.order)):
            pass
    else:
        first, *between, last = run.order
        run.bring_all_back([last, *between, first])
    return run.outcome()


class _Run:
    """A pool in the middle of a run; `clock` in seconds."""

    def __init__(self, pool: Inventory) -> None:
        self.order = [host.uuid for host in pool.hosts]  # the master is the first of an Inventory
        self.vms = pool.vms
        self.homes = homes(pool)
        self.at = dict(self.homes)
        self.free = {host.uuid: host.memory_capacity for host in pool.hosts}
        for vm in pool.vms:
            self.free[self.at[vm.uuid]] -= vm.memory
        self.clock = 0.0
        self.moved: Counter[VmUuid] = Counter()
        self.bytes = 0
        self.reboots: list[float] = []  # when each began

    def evacuate(self, host: HostUuid) -> bool:
        """Empty a host, or find that xapi does not know how."""
        free = {other: room for other, room in self.free.items() if other != host}
        leaving = sorted((vm for vm in self.vms if self.at[vm.uuid] == host), key=lambda vm: -vm.memory)
        targets: list[HostUuid] = []
        for vm in leaving:
            emptiest = max(free, key=free.__getitem__)
            if free[emptiest] < vm.memory:
                return False
            free[emptiest] -= vm.memory
            targets.append(emptiest)
        for vm, target in zip(leaving, targets, strict=True):
            self._move(vm, target)
        self.clock += side_by_side(vm.memory for vm in leaving)
        return True

    def reboot(self, host: HostUuid) -> None:
        """Let time pass; the host is empty."""
        assert host not in self.at.values()
        self.reboots.append(self.clock)
        self.clock += REBOOT + VERIFY

    def bring_all_back(self, hosts: Iterable[HostUuid]) -> bool:
        """One pass over the hosts; whether any VM moved."""
        return sum(self.bring_back(host) for host in hosts) > 0

    def bring_back(self, host: HostUuid) -> bool:
        """Bring VMs home to a host, serially and only those that fit by then; whether any moved."""
        came = False
        for vm in self.vms:
            if self.homes[vm.uuid] == host != self.at[vm.uuid] and self.free[host] >= vm.memory:
                self._move(vm, host)
                self.clock += migration(vm.memory)
                came = True
        return came

    def outcome(self, failed: HostUuid | None = None) -> Outcome:
        """What has become of the pool by now."""
        return Outcome(
            moves=self.moved.total(),
            bytes=self.bytes,
            seconds=self.clock,
            mixed=max(self.reboots[-1] - self.reboots[0] - REBOOT - VERIFY, 0.0) if self.reboots else 0.0,
            worst=max(self.moved.values(), default=0),
            away=sum(self.at[vm] != home for vm, home in self.homes.items()),
            failed=failed or "",
        )

    def _move(self, vm: Vm, target: HostUuid) -> None:
        self.free[self.at[vm.uuid]] += vm.memory
        self.free[target] -= vm.memory
        self.at[vm.uuid] = target
        self.moved[vm.uuid] += 1
        self.bytes += vm.memory
