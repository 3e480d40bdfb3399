"""A plan in words: header lines, rows of a table, sentences; whoever shows them decides how they look.

With a `Forecast`, times are told too. ``master`` is marked where it is given: with ``*`` in tables, by its
title in sentences.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Final

from xenpatch.plan.forecast import Forecast
from xenpatch.plan.model import Kind, Move, NoRoom, Plan, Reboot, Step, Turn
from xenpatch.units import gib, size, span
from xenpatch.xapi.types import HostUuid

HEADER = (
    "step", "action", "VM", "from", "to", "GiB", "GiB free on target after", "est.", "after", "why",
)  # fmt: skip

_FEW_HOSTS: Final = 8
"""With more, when each is done is told in the table alone."""

Row = tuple[str, str, str, str, str, str, str, str, str, str]


def headline(plan: Plan) -> str:
    """The plan in one line."""
    moves = _count(plan.moves, "live migration")
    return f"{_count(plan.reboots, 'host')} to reboot, {moves}, {size(plan.bytes)}"


def header(plan: Plan, forecast: Forecast | None = None) -> list[tuple[str, str]]:
    """What a plan costs, and how near that is to what any plan costs: a name and a value for each line."""
    rebooting = [wave for wave in plan.waves if any(turn.reboots for turn in wave)]
    lines = [
        ("hosts", f"{plan.reboots} to reboot, in {_count(len(rebooting), 'wave')}"),
        ("moves", _beside_bound(plan.moves, plan.bound.moves, "the fewest", str)),
        ("memory", _beside_bound(plan.bytes, plan.bound.bytes, "the least", size)),
    ]
    if forecast is not None:
        total = forecast.total
        lines += [
            ("end", f"after {span(total.p50)} (P50), {span(total.p90)} (P90)"),
            *_each_host(plan, forecast),
            ("mixed", f"hosts of both levels run side by side for {span(forecast.mixed)}"),
        ]
    if plan.fullest is not None:
        lines.append(("fullest", f"{plan.fullest.name}, up to {plan.fullest.share:.0%} of its memory"))
    if plan.squeezed:
        lines.append(("squeezed", f"may be ballooned down on the way: {', '.join(plan.squeezed)}"))
    if plan.together:
        lines.append(("together", f"cannot be kept apart: {', '.join(plan.together)}"))
    return lines


def done_after(forecast: Forecast, host: HostUuid) -> str:
    """When the turn of a host is over, P50 and P90, or "" for one that has nothing to do."""
    times = forecast.hosts.get(host)
    return "" if times is None else f"{span(times.p50)} ({span(times.p90)})"


def rows(plan: Plan, forecast: Forecast | None = None, master: HostUuid | None = None) -> list[Row]:
    """The steps of a plan, one row each, under `HEADER`; "est." is as likely to be exceeded as not."""
    return [_row(plan, step, forecast, master) for step in plan.steps]


def sentences(plan: Plan, master: HostUuid) -> list[str]:
    """The turns of a plan, one numbered sentence each."""
    return [f"{number}. {_turn(plan, turn, master)}" for number, turn in enumerate(plan.turns, 1)]


def impossible(found: NoRoom) -> list[str]:
    """Why there is no plan, how certain that is, and what would help."""
    lines = [f"There is no plan: {found.reason}."]
    if found.proved:
        lines.append("This is proved: no order of moves can help.")
    else:
        lines.append("This is not proved: a search found no plan, and there may be one.")
    if found.stop is not None:
        names = ", ".join(name for _, name in found.stop.vms)
        how = "no fewer can do" if found.stop.smallest else "the smallest set that was found"
        lines.append(
            f"With {_count(len(found.stop.vms), 'VM')} stopped there is a plan: {names} "
            f"({size(found.stop.bytes)}; {how})."
        )
    else:
        lines.append(f"What helps: {found.remedy}.")
    return lines


def starred(name: str, host: HostUuid, master: HostUuid | None) -> str:
    """The name of a host, marked if it is the master."""
    return f"{name}*" if host == master else name


def ranges(numbers: Iterable[int]) -> str:
    """Numbers in their order, neighbours drawn together: "1-4, 7"."""
    ordered = sorted(set(numbers))
    breaks = [place for place, (one, two) in enumerate(pairwise(ordered), 1) if two != one + 1]
    runs = [ordered[start:end] for start, end in zip([0, *breaks], [*breaks, len(ordered)], strict=True)]
    return ", ".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else str(run[0]) for run in runs if run)


def _each_host(plan: Plan, forecast: Forecast) -> Iterator[tuple[str, str]]:
    if 1 < len(plan.turns) <= _FEW_HOSTS:
        each = (f"{turn.name} {done_after(forecast, turn.host)}" for turn in plan.turns)
        yield "turns", f"done after, P50 (P90): {', '.join(each)}"


def _row(plan: Plan, step: Step, forecast: Forecast | None, master: HostUuid | None) -> Row:
    estimate = span(forecast.steps[step.no].p50) if forecast is not None else ""
    after = ranges(step.after)
    if isinstance(step, Reboot):
        left = any(move.src == step.host and move.no < step.no for move in plan)
        why = "every VM has left" if left else "no VM to move"
        return (
            str(step.no),
            "reboot",
            "",
            starred(step.name, step.host, master),
            "",
            "",
            "",
            estimate,
            after,
            why,
        )
    return (
        str(step.no),
        step.kind.value,
        step.vm_name,
        starred(step.src_name, step.src, master),
        starred(step.dst_name, step.dst, master),
        gib(step.memory),
        gib(step.free_after),
        estimate,
        after,
        step.why,
    )


def _beside_bound(found: int, bound: int, superlative: str, told: Callable[[int], str]) -> str:
    if found <= bound:
        return f"{told(found)}, {superlative} possible"
    return f"{told(found)}; no plan can do with less than {told(bound)}"


def _turn(plan: Plan, turn: Turn, master: HostUuid) -> str:
    name = f"{turn.name} (master)" if turn.host == master else turn.name
    before, back = plan.out(turn.host), list(_deeds(plan.back(turn.host)))
    if not turn.reboots:
        return f"{name}, whose turn is over: {', '.join(back) or 'to be verified'}"
    return f"{name}: {', '.join([*_deeds(before), *([] if before else ['no VM to move']), 'reboot', *back])}"


def _deeds(moves: Sequence[Move]) -> Iterator[str]:
    """The moves in their order, those of one kind that follow each other told together."""
    told: list[tuple[str, list[str]]] = []
    for move in moves:
        verb, what = _deed(move)
        if told and told[-1][0] == verb:
            told[-1][1].append(what)
        else:
            told.append((verb, [what]))
    return (f"{verb} {', '.join(parts)}" for verb, parts in told)


def _deed(move: Move) -> tuple[str, str]:
    if move.kind is Kind.RETURN and move.turn == move.dst:
        return "bring home", f"{move.vm_name} from {move.src_name}"
    target = f"{move.vm_name} ({size(move.memory)}) to {move.dst_name}"
    if move.kind is Kind.MAKE_ROOM:
        return "make room by moving", f"{target} from {move.src_name}"
    return "move", target


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")
