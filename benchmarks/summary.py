"""What was measured beside the rows, and the targets, as tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import fmean
from typing import Final

from benchmarks.markdown import section, table
from benchmarks.ours import POLICIES
from benchmarks.results import XEN_ORCHESTRA, XENCENTER, Result, Rows
from benchmarks.targets import TIME_HOSTS, Target, time_ratio
from benchmarks.timing import Timing

NONE: Final = "–"


def both_ways(results: Iterable[Result]) -> str:
    """Plans of `home` by whether they make room."""
    plans = [(result.plans["home"], result.both_ways) for result in results if result.plans["home"].drained]
    plain = [plan.moves == whole for plan, whole in plans if not plan.made_room]
    other = [plan.moves / whole for plan, whole in plans if plan.made_room]
    extra = f"{fmean(other):.3f}, at worst {max(other):.3f}" if other else NONE
    return section(
        "There and back",
        f"Of {len(plain)} plans of `home` without a move to make room, {sum(plain)} move every VM exactly "
        f"twice. There are {len(other)} others; by that they make {extra} of the moves.",
    )


def near(results: Sequence[Result]) -> str:
    """Pools near the limit."""
    known = [result for result in results if result.known]
    names = (XENCENTER, XEN_ORCHESTRA, *POLICIES)
    spares = sorted({_spare(result) for result in results})
    lines = [(f"{spare:.1%}", [r for r in known if _spare(r) == spare]) for spare in spares]
    return section(
        "Near the limit",
        f"{len(results)} pools of 4 to 8 equal hosts and 4 to 10 VMs a host, with 0.5 to 8 % of their memory "
        f"free when one host is down. Of {len(known)} it is known that they can be drained, because it was "
        "done; only these count.",
        table(
            ("memory to spare", "pools", *names),
            (
                (spare, str(len(chosen)), *(_share(chosen, name) for name in names))
                for spare, chosen in [*lines, ("all", known)]
                if chosen
            ),
        ),
    )


def width(rows: Rows) -> str:
    """What several hosts at once are worth."""
    chosen = {row: results for row, results in rows.items() if row.hosts == TIME_HOSTS}
    return section(
        f"Several hosts at once, {TIME_HOSTS} hosts",
        "Width auto: up to four at once where that costs no move. Time is by that of XenCenter style.",
        table(
            ("load", "home, time", "home auto, time", "waves", "free, time", "free auto, time", "waves"),
            ((f"{row.load:g}", *_width_cells(results)) for row, results in chosen.items()),
        ),
    )


def planning(timings: Sequence[Timing]) -> str:
    """Seconds that a plan takes."""
    return section(
        "Planning time",
        f"64 hosts and 1,920 VMs, wall clock on one core, {len(timings[0].runs)} repetitions.",
        table(
            ("policy", "load", "median", "worst", "processor, median"),
            (
                (t.policy, f"{t.shape.load:g}", *map(_ms, (t.median, max(t.runs), t.processor)))
                for t in timings
            ),
        ),
    )


def goals(targets: Iterable[Target]) -> str:
    """The targets, each reached or not."""
    return section(
        "Targets",
        table(
            ("target", "wanted", "measured", "reached"),
            ((t.what, t.wanted, t.figure, "yes" if t.reached else "no") for t in targets),
        ),
    )


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms"


def _share(results: Sequence[Result], name: str) -> str:
    count = sum(result.of(name).drained for result in results)
    return f"{count} ({count / len(results):.0%})"


def _spare(result: Result) -> float:
    return round(1 - 1 / result.made.shape.hosts - result.made.shape.load, 4)


def _width_cells(results: Sequence[Result]) -> tuple[str, ...]:
    cells = []
    for one, several in (("home", "home auto"), ("free", "free auto")):
        ratios = [time_ratio(results, one), time_ratio(results, several)]
        cells += [NONE if ratio is None else f"{ratio:.2f}" for ratio in ratios]
        waves = [plan.waves for result in results if (plan := result.plans[several]).drained]
        cells.append(f"{fmean(waves):.1f}" if waves else NONE)
    return tuple(cells)
