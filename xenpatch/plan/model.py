"""What a plan is: the steps of a whole rolling run, or the reason why there is none."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, NamedTuple

from xenpatch.xapi.types import HostUuid, PoolUuid, VmUuid


class Placement(StrEnum):
    """Where VMs are when the run is over."""

    HOME = "home"  # each on the host where it was when the run began
    FREE = "free"  # on whatever updated host took them: about half the moves
    AFFINITY = "affinity"  # those with VM.affinity at home, the others as in FREE


NO_HOST: Final = HostUuid("")
NO_POOL: Final = PoolUuid("")
"""Of moves and plans that are made by hand."""

AUTO_WIDTH: Final = 4
"""What `--width auto` means: at most so many hosts at once, and only where that costs no further move."""


@dataclass(frozen=True)
class Policy:
    """How a run is to be planned.

    ``width`` is how many hosts may be out of service at once, the master always alone. ``moves_per_host`` is
    how many migrations a host may send and receive at once. ``squeeze`` lets VMs be ballooned down to their
    dynamic minimum, and only where nothing else helps.
    """

    placement: Placement = Placement.HOME
    width: int = 1
    moves_per_host: int = 4
    squeeze: bool = False


class Kind(StrEnum):
    """What a move is for."""

    MIGRATE = "migrate"  # off a host that is to reboot
    PARK = "park"  # off a host that is to reboot, to one that will have to be emptied, too
    MAKE_ROOM = "make room"  # aside, for a VM that fits nowhere else
    RETURN = "return"  # home


class Move(NamedTuple):
    """One live migration. ``memory`` and ``free_after`` (on the target, once the VM is there) are bytes.

    ``turn`` is the host for whose sake it is made: the one to be emptied, or, if it is ``homeward``, the one
    that gets VMs back after its reboot.
    ``after`` are the numbers of the steps that must be over before it may begin.
    """

    vm: VmUuid
    vm_name: str
    src: HostUuid
    src_name: str
    dst: HostUuid
    dst_name: str
    memory: int
    free_after: int
    no: int = 0
    wave: int = 0
    turn: HostUuid = NO_HOST
    kind: Kind = Kind.MIGRATE
    why: str = ""
    after: tuple[int, ...] = ()
    homeward: bool = False


class Reboot(NamedTuple):
    """A host, empty by then, reboots and is verified; ``after`` as of a move."""

    host: HostUuid
    name: str
    no: int
    wave: int
    after: tuple[int, ...] = ()


Step = Move | Reboot


@dataclass(frozen=True)
class Turn:
    """A host of the run. One that does not reboot any more only gets VMs back, or waits to be verified."""

    host: HostUuid
    name: str
    wave: int
    reboots: bool = True


@dataclass(frozen=True)
class Bound:
    """What no plan can do with less: moves, and bytes of memory moved."""

    moves: int
    bytes: int


@dataclass(frozen=True)
class Fullest:
    """The host that gets fullest in the run; ``share`` of its memory, 0 to 1."""

    name: str
    share: float


@dataclass(frozen=True)
class Plan:
    """The steps of a run; any order that heeds each step's `after` is safe.

    ``squeezed`` names the VMs that may be ballooned down on the way, ``together`` those that come to share a
    host with one they should be apart from, because there is no other way.
    """

    turns: tuple[Turn, ...]
    steps: tuple[Step, ...] = ()
    bound: Bound = Bound(0, 0)
    fullest: Fullest | None = None
    squeezed: tuple[str, ...] = ()
    together: tuple[str, ...] = ()
    policy: Policy = field(default_factory=Policy)
    pool: PoolUuid = NO_POOL
    master: HostUuid = NO_HOST

    def __iter__(self) -> Iterator[Move]:
        """All moves in their order."""
        return (step for step in self.steps if isinstance(step, Move))

    @property
    def moves(self) -> int:
        """How many live migrations there are."""
        return sum(1 for _ in self)

    @property
    def bytes(self) -> int:
        """Memory of all moves together."""
        return sum(move.memory for move in self)

    @property
    def reboots(self) -> int:
        """How many hosts reboot."""
        return sum(turn.reboots for turn in self.turns)

    @property
    def waves(self) -> tuple[tuple[Turn, ...], ...]:
        """The hosts that are out of service together, wave after wave."""
        numbers = dict.fromkeys(turn.wave for turn in self.turns)
        return tuple(tuple(turn for turn in self.turns if turn.wave == number) for number in numbers)

    def host(self, uuid: HostUuid) -> Turn | None:
        """The turn of that host, or None if it has none."""
        return next((turn for turn in self.turns if turn.host == uuid), None)

    def out(self, host: HostUuid) -> tuple[Move, ...]:
        """The moves that are made so that the host may reboot."""
        return tuple(move for move in self if move.turn == host and not move.homeward)

    def back(self, host: HostUuid) -> tuple[Move, ...]:
        """The moves that bring VMs home to the host in its own turn."""
        return tuple(move for move in self if move.turn == host and move.homeward)


class Shortage(StrEnum):
    """What there is too little of."""

    NO_HOST = "no host"  # no host in service has the VM's storage and networks
    TOO_LARGE = "too large"  # the VM fits on no other host, even on an empty one
    TOTAL = "total"  # the VMs need more memory than all other hosts together have
    FRAGMENTED = "fragmented"  # there is enough in total; no placement was found
    HOME = "home"  # the host cannot take back the VMs that belong there


@dataclass(frozen=True)
class Room:
    """Memory (bytes) that a possible target has free."""

    host: HostUuid
    name: str
    free: int


@dataclass(frozen=True)
class ToStop:
    """VMs with which stopped there is a plan. ``smallest`` says that no fewer can do."""

    vms: tuple[tuple[VmUuid, str], ...]
    bytes: int
    smallest: bool


@dataclass(frozen=True)
class NoRoom:
    """Why there is no plan: when `host` has its turn, `vms` cannot be placed.

    ``needed`` is the memory of `vms` together, in bytes. ``rooms`` are the targets in service: the other
    hosts, or for Shortage.HOME the host itself. ``proved`` is False where only a search failed.
    ``reason`` and ``remedy`` are parts of a sentence.
    """

    host: HostUuid
    host_name: str
    shortage: Shortage
    vms: tuple[tuple[VmUuid, str], ...]
    needed: int
    rooms: tuple[Room, ...]
    reason: str
    remedy: str
    stop: ToStop | None = None

    @property
    def proved(self) -> bool:
        """Whether it is certain that there is no plan."""
        return self.shortage in (Shortage.NO_HOST, Shortage.TOO_LARGE, Shortage.TOTAL)

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
