"""Who is where while a plan is made, with every step written down so that it can be taken back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from xenpatch.plan.model import Kind
from xenpatch.plan.problem import ANYWHERE, Problem


class Hop(NamedTuple):
    """A move in the making; hosts and VMs by number."""

    vm: int
    src: int
    dst: int
    kind: Kind
    wave: int
    turn: int


class Boot(NamedTuple):
    """A reboot in the making."""

    host: int
    wave: int


Draft = list[Hop | Boot]


class Layout:
    """The pool as the plan goes on: free memory, residents, and which hosts take VMs or are updated.

    ``share`` is the free share of each host's memory. ``spare`` (bytes by host) is left free by
    VMs that have come to stay.
    """

    def __init__(self, problem: Problem, limit: float = 1.0) -> None:
        self.problem = problem
        self.draft: Draft = []
        self.at = list(problem.at)
        self.serving = list(problem.serving)
        self.updated = [host in problem.updated for host in range(len(problem.hosts))]
        self.residents = [set(vms) for vms in problem.residents]
        self.free = list(problem.free)
        self._per_byte = [1.0 / max(room, 1) for room in problem.room]
        self.spare = [int((1.0 - limit) * room) for room in problem.room]
        homes = zip(problem.at, problem.home, strict=True)
        self.away = {vm for vm, (host, home) in enumerate(homes) if home not in (host, ANYWHERE)}
        self._groups: dict[int, list[frozenset[int]]] = {}
        for group in problem.apart:
            for vm in group:
                self._groups.setdefault(vm, []).append(group)
        self.share = [free * per for free, per in zip(self.free, self._per_byte, strict=True)]

    def fits(self, vm: int, host: int, spare: int = 0) -> bool:
        """Whether the host can take the VM now and keep `spare` bytes free."""
        return (
            self.free[host] - spare >= self.problem.size[vm] and self.serving[host] and self.suits(vm, host)
        )

    def suits(self, vm: int, host: int) -> bool:
        """Whether the host may take the VM as far as anything but memory goes."""
        may = self.problem.may[vm]
        if may is not None and host not in may:
            return False
        if self.updated[self.at[vm]] and not self.updated[host]:
            return False
        return vm not in self._groups or not (
            host in self.problem.shunned.get(vm, ())
            or any(self.residents[host] & group - {vm} for group in self._groups[vm])
        )

    def hop(self, vm: int, dst: int, kind: Kind, wave: int, turn: int) -> None:
        """Move a VM."""
        src = self.at[vm]
        self._shift(vm, src, dst)
        self.draft.append(Hop(vm, src, dst, kind, wave, turn))

    def boot(self, host: int, wave: int) -> None:
        """Reboot a host; it is updated and takes VMs from then on."""
        self.draft.append(Boot(host, wave))
        self.updated[host] = self.serving[host] = True

    def rewind(self, mark: int) -> None:
        """Take back all moves since the draft had that length; reboots are never taken back."""
        while len(self.draft) > mark:
            step = self.draft.pop()
            if isinstance(step, Hop):
                self._shift(step.vm, step.dst, step.src)

    def largest_first(self, hosts: Iterable[int]) -> list[int]:
        """The VMs on the hosts; a problem numbers its VMs by size."""
        return sorted(vm for host in hosts for vm in self.residents[host])

    def emptiest(self, vm: int, hosts: Sequence[int], spare: Sequence[int]) -> int | None:
        """The host, of those that can take the VM, of whose memory the smallest share is used."""
        if not hosts:
            return None
        host = max(hosts, key=self.share.__getitem__)
        if self.fits(vm, host, spare[host]):
            return host
        fitting = [host for host in hosts if self.fits(vm, host, spare[host])]
        return max(fitting, key=self.share.__getitem__, default=None)

    def tightest(self, vm: int, hosts: Sequence[int], spare: Sequence[int]) -> int | None:
        """The host, of those that can take the VM, that has the least memory left."""
        fitting = [host for host in hosts if self.fits(vm, host, spare[host])]
        return min(fitting, key=self.free.__getitem__, default=None)

    def _shift(self, vm: int, src: int, dst: int) -> None:
        size, home = self.problem.size[vm], self.problem.home[vm]
        self.at[vm] = dst
        self.residents[src].discard(vm)
        self.residents[dst].add(vm)
        self.free[src] += size
        self.free[dst] -= size
        self.share[src] = self.free[src] * self._per_byte[src]
        self.share[dst] = self.free[dst] * self._per_byte[dst]
        if home == dst:
            self.away.discard(vm)
        elif home != ANYWHERE:
            self.away.add(vm)


def away(layout: Layout, vm: int, target: int) -> Kind:
    """What a VM's move off a host that is to reboot is: parking, if it may stay but cannot stay there."""
    stays = layout.problem.home[vm] == ANYWHERE
    return Kind.PARK if stays and not layout.updated[target] else Kind.MIGRATE
