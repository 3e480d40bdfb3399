"""Making room: a few VMs step aside so that one that fits nowhere gets a place."""

from __future__ import annotations

from typing import Final

from xenpatch.plan.layout import Layout
from xenpatch.plan.model import Kind

DEPTH: Final = 2
"""How many VMs may step aside for one; more was of no use in measurements, less left pools stuck."""

_LOOKED_AT: Final = 16
"""How many hosts, and how many VMs of each, are tried at each level."""


def make_room(layout: Layout, vm: int, wave: int, turn: int, only: int | None = None) -> int | None:
    """Find a host where `vm` fits once others have stepped aside, have them do it, and return that host.

    None, with nothing changed, when there is none. ``only`` asks for one host alone.
    """
    return _Search(layout, vm, wave, turn).on([only] if only is not None else _roomiest(layout))


class _Search:
    def __init__(self, layout: Layout, vm: int, wave: int, turn: int) -> None:
        self.layout = layout
        self.size = layout.problem.size
        self.vm = vm
        self.wave = wave
        self.turn = turn

    def on(self, hosts: list[int]) -> int | None:
        """The host that can be cleared for the VM with the fewest steps aside."""
        open_hosts = [host for host in hosts if self._open(self.vm, host)]
        for depth in range(DEPTH + 1):
            for host in open_hosts:
                mark = len(self.layout.draft)
                if self._clear(host, self.size[self.vm], depth, frozenset({host})):
                    return host
                self.layout.rewind(mark)
        return None

    def _clear(self, host: int, needed: int, depth: int, closed: frozenset[int]) -> bool:
        """Have `needed` bytes free on the host by moving at most `depth` VMs, none to a `closed` host."""
        missing = needed - self.layout.free[host]
        if missing <= 0:
            return True
        if depth == 0:
            return False
        by_size = sorted(self._may_leave(host), key=lambda vm: (self.size[vm], vm))
        enough = [vm for vm in by_size if self.size[vm] >= missing][:_LOOKED_AT]
        if any(self._aside(vm, closed) for vm in enough):
            return True
        if depth == 1:
            return False
        less = [vm for vm in reversed(by_size) if self.size[vm] < missing][:_LOOKED_AT]
        return any(self._in_turn(vm, depth, closed) for vm in enough) or any(
            self._together(vm, host, needed, depth, closed) for vm in less
        )

    def _aside(self, vm: int, closed: frozenset[int]) -> bool:
        """Move a VM to another host: an updated one, where it can stay, else the one with the most room."""
        hosts = [host for host in _roomiest(self.layout) if host not in closed]
        updated = [host for host in hosts if self.layout.updated[host]]
        for host in [*updated, *hosts]:
            if self.layout.fits(vm, host):
                self.layout.hop(vm, host, Kind.MAKE_ROOM, self.wave, self.turn)
                return True
        return False

    def _in_turn(self, vm: int, depth: int, closed: frozenset[int]) -> bool:
        """Move a VM to where another one has stepped aside for it."""
        for aside in _roomiest(self.layout):
            if aside in closed or not self._open(vm, aside):
                continue
            mark = len(self.layout.draft)
            if self._clear(aside, self.size[vm], depth - 1, closed | {aside}):
                self.layout.hop(vm, aside, Kind.MAKE_ROOM, self.wave, self.turn)
                return True
            self.layout.rewind(mark)
        return False

    def _together(self, vm: int, host: int, needed: int, depth: int, closed: frozenset[int]) -> bool:
        """Move a VM off the host, and others for what is still missing."""
        mark = len(self.layout.draft)
        if self._aside(vm, closed) and self._clear(host, needed, depth - 1, closed):
            return True
        self.layout.rewind(mark)
        return False

    def _may_leave(self, host: int) -> set[int]:
        """Those at home on an updated host would have to come back; they go only where nobody else can."""
        layout, residents = self.layout, self.layout.residents[host] - {self.vm}
        if not layout.updated[host]:
            return residents
        return {vm for vm in residents if layout.problem.home[vm] != host} or residents

    def _open(self, vm: int, host: int) -> bool:
        layout = self.layout
        return layout.serving[host] and host != layout.at[vm] and layout.suits(vm, host)


def _roomiest(layout: Layout) -> list[int]:
    serving = [host for host in range(len(layout.free)) if layout.serving[host]]
    return sorted(serving, key=lambda host: (-layout.free[host], host))[:_LOOKED_AT]
