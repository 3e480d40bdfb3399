"""A plan in words: as rows of a table and as sentences; whoever shows them decides how they look."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count

from xenpatch.plan.model import HostPlan, Move, Plan
from xenpatch.units import gib, size
from xenpatch.xapi.types import HostUuid

HEADER = ("step", "action", "VM", "from", "to", "GiB", "GiB free on target after", "why")

Row = tuple[str, str, str, str, str, str, str, str]


def rows(plan: Plan) -> list[Row]:
    """The steps of a plan, one row each, under `HEADER`."""
    numbers = count(1)
    return [(str(next(numbers)), *cells) for turn in plan.hosts for cells in _steps(turn)]


def sentences(plan: Plan, master: HostUuid) -> list[str]:
    """The turns of a plan, one numbered sentence each."""
    return [f"{number}. {_turn(turn, master)}" for number, turn in enumerate(plan.hosts, 1)]


def headline(plan: Plan) -> str:
    """The plan in one line."""
    reboots = sum(turn.reboots for turn in plan.hosts)
    return f"{_count(reboots, 'host')} to reboot, {_count(plan.moves, 'live migration')}, {size(plan.bytes)}"


def _steps(turn: HostPlan) -> Iterator[tuple[str, str, str, str, str, str, str]]:
    for move in turn.out:
        yield "migrate", *_cells(move), f"{turn.name} is to reboot"
    if turn.reboots:
        yield "reboot", "", turn.name, "", "", "", "every VM has left" if turn.out else "no VM is there"
    for move in turn.back:
        yield "return", *_cells(move), f"{turn.name} is its home"


def _cells(move: Move) -> tuple[str, str, str, str, str]:
    return move.vm_name, move.src_name, move.dst_name, gib(move.memory), gib(move.free_after)


def _turn(turn: HostPlan, master: HostUuid) -> str:
    name = f"{turn.name} (master)" if turn.host == master else turn.name
    if not turn.reboots:
        return f"{name}, whose turn is over: {_homecoming(turn.back)}"
    parts = [_departure(turn.out), "reboot"]
    if turn.back:
        parts.append(_homecoming(turn.back))
    return f"{name}: {', '.join(parts)}"


def _departure(moves: Sequence[Move]) -> str:
    if not moves:
        return "no VM to move"
    return "move " + ", ".join(f"{move.vm_name} ({size(move.memory)}) to {move.dst_name}" for move in moves)


def _homecoming(moves: Sequence[Move]) -> str:
    return "bring home " + ", ".join(f"{move.vm_name} from {move.src_name}" for move in moves)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")
