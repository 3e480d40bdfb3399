"""What the planner has to reach, and whether it does."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Final

from benchmarks.results import XENCENTER, Result, Rows
from benchmarks.timing import LOADS, Timing

GAP_MEAN: Final = 0.01
GAP_WORST: Final = 0.03
NEAR: Final = 0.97
TIME: Final = 0.35
TIME_HOSTS: Final = 16
PLANNING: Final = 0.1


@dataclass(frozen=True)
class Target:
    """``figure`` says what was measured, ``missed`` where and by what pools it was missed."""

    what: str
    wanted: str
    figure: str
    missed: tuple[str, ...] = ()
    reached: bool = True


def targets(rows: Rows, near: Sequence[Result], timings: Sequence[Timing]) -> tuple[Target, ...]:
    """All targets, in the order in which they are told."""
    every = [*(result for results in rows.values() for result in results), *near]
    return (
        _sound(every),
        *_gaps(rows),
        _both_ways(every),
        *_near(near),
        _time(rows),
        _planning(timings),
    )


def pool(result: Result) -> str:
    """How to find a pool again."""
    return f"{result.made.shape}, seed {result.made.seed}"


def time_ratio(results: Iterable[Result], policy: str) -> float | None:
    """Time of a policy by that of XenCenter style, on average over the pools that both drain."""
    ratios = [
        result.plans[policy].seconds / result.peers[XENCENTER].seconds
        for result in results
        if result.plans[policy].drained and result.peers[XENCENTER].drained
    ]
    return fmean(ratios) if ratios else None


def _sound(results: Iterable[Result]) -> Target:
    plans = [(result, name, plan) for result in results for name, plan in result.plans.items()]
    missed = [(result, name, plan) for result, name, plan in plans if plan.unsound]
    made = sum(plan.drained for _, _, plan in plans)
    return Target(
        "plans that can be carried out on paper",
        "all",
        f"{made} of {made + len(missed)}",
        tuple(f"{pool(result)}, {name}: {plan.unsound}" for result, name, plan in missed),
        reached=not missed,
    )


def _gaps(rows: Rows) -> tuple[Target, Target]:
    gaps = {
        row: [(r.plans["free"].gap, r) for r in results if r.plans["free"].drained]
        for row, results in rows.items()
    }
    means = {row: fmean(gap for gap, _ in found) for row, found in gaps.items() if found}
    bad = [(gap, result) for found in gaps.values() for gap, result in found if gap > GAP_WORST]
    worst = max((gap for found in gaps.values() for gap, _ in found), default=0.0)
    mean_missed = [f"{row}: {mean:.2%}" for row, mean in means.items() if mean > GAP_MEAN]
    return (
        Target(
            "moves of `free` beyond the bound, on average of any row",
            f"at most {GAP_MEAN:.0%}",
            f"{max(means.values()):.2%}",
            tuple(mean_missed),
            reached=not mean_missed,
        ),
        Target(
            "moves of `free` beyond the bound, at worst",
            f"at most {GAP_WORST:.0%}",
            f"{worst:.2%}",
            tuple(f"{pool(result)}: {gap:.2%}" for gap, result in bad),
            reached=not bad,
        ),
    )


def _both_ways(results: Iterable[Result]) -> Target:
    plain = [result for result in results if result.plain]
    missed = [result for result in plain if result.plans["home"].moves != result.both_ways]
    return Target(
        "plans of `home` that move every VM exactly twice, where no room need be made",
        "all",
        f"{len(plain) - len(missed)} of {len(plain)}",
        tuple(f"{pool(result)}: {result.plans['home'].moves} of {result.both_ways}" for result in missed),
        reached=not missed,
    )


def _near(results: Sequence[Result]) -> tuple[Target, ...]:
    known = [result for result in results if result.known]
    return tuple(_near_by(known, policy) for policy in ("free", "home"))


def _near_by(known: Sequence[Result], policy: str) -> Target:
    missed = [result for result in known if not result.plans[policy].drained]
    share = 1 - len(missed) / len(known)
    return Target(
        f"pools near the limit that `{policy}` drains",
        f"at least {NEAR:.0%}",
        f"{share:.1%} ({len(known) - len(missed)} of {len(known)})",
        tuple(map(pool, missed)),
        reached=share >= NEAR,
    )


def _time(rows: Rows) -> Target:
    found = {
        row: time_ratio(results, "home auto") for row, results in rows.items() if row.hosts == TIME_HOSTS
    }
    ratios = {row: ratio for row, ratio in found.items() if ratio is not None}
    missed = [f"{row}: {ratio:.2f}" for row, ratio in ratios.items() if ratio > TIME]
    return Target(
        f"time of `home` with width auto, {TIME_HOSTS} hosts, by that of XenCenter style, in any row",
        f"at most {TIME:.2f}",
        f"{max(ratios.values()):.2f}",
        tuple(missed),
        reached=not missed,
    )


def _planning(timings: Sequence[Timing]) -> Target:
    judged = [timing for timing in timings if timing.shape.load == LOADS[0]]
    missed = [timing for timing in judged if timing.median >= PLANNING]
    return Target(
        f"planning 64 hosts and 1,920 VMs at load {LOADS[0]}, median, with any policy",
        f"below {PLANNING * 1000:.0f} ms",
        f"{max(timing.median for timing in judged) * 1000:.0f} ms",
        tuple(f"{timing.policy}: {timing.median * 1000:.0f} ms" for timing in missed),
        reached=not missed,
    )
