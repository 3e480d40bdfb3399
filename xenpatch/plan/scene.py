"""A run as it is drawn, planned or past: hosts as lanes, what happens to them as bars, moves as arrows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from xenpatch.plan.model import Move, Plan, Reboot
from xenpatch.plan.schedule import Timetable
from xenpatch.units import size, span
from xenpatch.xapi.types import HostUuid


class Phase(StrEnum):
    """What a bar shows, in the order of a host's turn."""

    EMPTIED = "is emptied"
    REBOOTS = "reboots"
    VERIFIED = "is verified"
    REFILLED = "gets VMs back"


class Bar(NamedTuple):
    """Something that a host goes through; ``begin`` and ``end`` are seconds, ``what`` says more of it."""

    host: HostUuid
    phase: Phase
    begin: float
    end: float
    what: str = ""


@dataclass(frozen=True)
class Scene:
    """A run over time: all moments are seconds from its start.

    ``hosts`` are the names in the order of the lanes. ``begin`` is that of each move by its number, and no
    two moves have one number. ``updated`` is when a host came to be updated, 0 for one that was before; who
    is not in it, is not. ``told`` puts a moment into words.
    """

    hosts: Mapping[HostUuid, str]
    moves: tuple[Move, ...]
    begin: Mapping[int, float]
    bars: tuple[Bar, ...]
    updated: Mapping[HostUuid, float]
    total: float
    told: Callable[[float], str] = span

    @property
    def phases(self) -> tuple[Phase, ...]:
        """Those that there are."""
        seen = {bar.phase for bar in self.bars}
        return tuple(phase for phase in Phase if phase in seen)


def planned(plan: Plan, times: Timetable) -> Scene:
    """A plan, with a timetable of its own."""
    hosts = names({turn.host: turn.name for turn in plan.turns}, plan)
    boots = {step.host: times.end[step.no] for step in plan.steps if isinstance(step, Reboot)}
    return Scene(
        hosts=hosts,
        moves=tuple(plan),
        begin=times.begin,
        bars=tuple(_bars(plan, times)),
        updated={host: boots.get(host, 0.0) for host in hosts},
        total=times.total,
    )


def names(first: Mapping[HostUuid, str], moves: Sequence[Move] | Plan) -> dict[HostUuid, str]:
    """Those hosts, then others that moves lead from or to."""
    found = dict(first)
    for move in moves:
        found.setdefault(move.src, move.src_name)
        found.setdefault(move.dst, move.dst_name)
    return found


def counted(moves: Sequence[Move]) -> str:
    """How many VMs, and their memory."""
    return f"{len(moves)} VM{'' if len(moves) == 1 else 's'}, {size(sum(move.memory for move in moves))}"


def _bars(plan: Plan, times: Timetable) -> Iterator[Bar]:
    for turn in plan.turns:
        moves = [move for move in plan if move.turn == turn.host]
        leave = [move for move in moves if move.src == turn.host]
        back = [move for move in moves if move.dst == turn.host]
        boots = [step for step in plan.steps if isinstance(step, Reboot) and step.host == turn.host]
        for phase, steps, what in (
            (Phase.EMPTIED, leave, counted(leave)),
            (Phase.REBOOTS, boots, ""),
            (Phase.REFILLED, back, counted(back)),
        ):
            if steps:
                begin = min(times.begin[step.no] for step in steps)
                yield Bar(turn.host, phase, begin, max(times.end[step.no] for step in steps), what)
