"""What a plan is: the moves of a whole rolling run, host by host, or the reason why there is none."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from xenpatch.xapi.types import HostUuid, VmUuid


@dataclass(frozen=True)
class Move:
    """One live migration. ``memory`` and ``free_after`` (on the target, once the VM is there) are bytes."""

    vm: VmUuid
    vm_name: str
    src: HostUuid
    src_name: str
    dst: HostUuid
    dst_name: str
    memory: int
    free_after: int


@dataclass(frozen=True)
class HostPlan:
    """The turn of one host: `out` empties it, it reboots, `back` brings home the VMs that belong there.

    The moves of `out` may be under way all at once and in any order, so may those of `back`.
    ``reboots`` is False for a host that is no part of the run any more and only gets its VMs back.
    """

    host: HostUuid
    name: str
    out: tuple[Move, ...]
    back: tuple[Move, ...]
    reboots: bool = True


@dataclass(frozen=True)
class Plan:
    """The turns of a run, one after another in this order; a host appears once."""

    hosts: tuple[HostPlan, ...]

    def __iter__(self) -> Iterator[Move]:
        """All moves in their order."""
        for turn in self.hosts:
            yield from turn.out
            yield from turn.back

    @property
    def moves(self) -> int:
        """How many live migrations there are."""
        return sum(1 for _ in self)

    @property
    def bytes(self) -> int:
        """Memory of all moves together."""
        return sum(move.memory for move in self)

    def host(self, uuid: HostUuid) -> HostPlan | None:
        """The turn of that host, or None if it has none."""
        return next((turn for turn in self.hosts if turn.host == uuid), None)


class Shortage(StrEnum):
    """What there is too little of."""

    NO_HOST = "no host"  # no host in service has the VM's storage and networks
    TOO_LARGE = "too large"  # the VM is larger than the largest free piece of memory
    TOTAL = "total"  # the VMs need more memory than is free on all targets together
    FRAGMENTED = "fragmented"  # there is enough in total; no placement was found
    HOME = "home"  # the host cannot take back the VMs that belong there


@dataclass(frozen=True)
class Room:
    """Memory (bytes) that a possible target had free before anything moved there."""

    host: HostUuid
    name: str
    free: int


@dataclass(frozen=True)
class NoRoom:
    """Why there is no plan: when `host` has its turn, `vms` cannot be placed.

    ``needed`` is the memory of `vms` together, in bytes. ``rooms`` are the targets in service: the other
    hosts, or for Shortage.HOME the host itself. ``reason`` and ``remedy`` are parts of a sentence.
    """

    host: HostUuid
    host_name: str
    shortage: Shortage
    vms: tuple[tuple[VmUuid, str], ...]
    needed: int
    rooms: tuple[Room, ...]
    reason: str
    remedy: str

    @property
    def largest_free(self) -> int:
        """The largest piece of free memory on one target, in bytes."""
        return max((room.free for room in self.rooms), default=0)

    @property
    def total_free(self) -> int:
        """Free memory of all targets, in bytes."""
        return sum(room.free for room in self.rooms)

    def sentence(self, untouched: str = "nothing was changed") -> str:
        """The whole for a person; `untouched` says what the run has left alone so far."""
        return f"{self.reason}; {untouched}; {self.remedy}"
