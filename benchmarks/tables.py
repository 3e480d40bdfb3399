"""What was measured on the rows of pools, as tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from statistics import fmean
from typing import Final

from benchmarks.markdown import section, table
from benchmarks.ours import POLICIES
from benchmarks.outcome import Outcome
from benchmarks.results import BEFORE_RETRIES, XEN_ORCHESTRA, XENCENTER, Result, Row, Rows

ALL: Final = (XENCENTER, XEN_ORCHESTRA, *POLICIES)
NONE: Final = "–"
HEAD: Final = ("hosts", "VMs", "load")


def drained(rows: Rows) -> str:
    """How many pools each planner gets through."""
    return section(
        "Pools drained",
        "Pools that can do without their largest host, half of them with hosts of 256 GiB, half with hosts "
        "of 128 to 512 GiB.",
        table(
            (*HEAD, "pools", *ALL),
            (
                (*_row(row), str(len(results)), *(_count(results, name) for name in ALL))
                for row, results in rows.items()
            ),
        ),
    )


def moves(rows: Rows) -> str:
    """Moves by those of everything there and back."""
    return section(
        "Moves",
        "1 is every VM there and back once: what XenCenter style makes where it gets through. `bound` is "
        "what no plan with free placement can do with less.",
        _shares(
            rows,
            lambda one, whole: one.moves / whole.both_ways,
            lambda whole: whole.plans["free"].bound_moves / whole.both_ways,
        ),
    )


def memory(rows: Rows) -> str:
    """Memory moved by that of everything there and back."""
    return section(
        "Memory moved",
        "1 is the memory of all VMs, there and back.",
        _shares(
            rows,
            lambda one, whole: one.bytes / whole.bytes_both_ways,
            lambda whole: whole.plans["free"].bound_bytes / whole.bytes_both_ways,
        ),
    )


def fate(rows: Rows) -> str:
    """What single VMs go through."""
    names = (XEN_ORCHESTRA, "home", "free")
    return section(
        "VMs",
        "How often the unluckiest VM moves, and the share of VMs that do not end where they were.",
        table(
            (
                *HEAD,
                *(f"{name}, most" for name in names),
                f"{BEFORE_RETRIES}, away",
                f"{XEN_ORCHESTRA}, away",
            ),
            (
                (
                    *_row(row),
                    *(_most(results, name) for name in names),
                    *(
                        _mean(results, name, lambda one, whole: 2 * one.away / whole.both_ways, "{:.1%}")
                        for name in (BEFORE_RETRIES, XEN_ORCHESTRA)
                    ),
                )
                for row, results in rows.items()
            ),
        ),
    )


def time(rows: Rows) -> str:
    """Time of the whole run."""
    return section(
        "Time",
        "XenCenter style in hours, the others by it, on average over the pools that both drain.",
        _times(rows, lambda one: one.seconds),
    )


def mixed(rows: Rows) -> str:
    """Time with two levels side by side."""
    return section(
        "Time with two levels side by side",
        "From the end of the first reboot to the beginning of the last: XenCenter style in hours, the others "
        "by it.",
        _times(rows, lambda one: one.mixed),
    )


def gaps(rows: Rows) -> str:
    """Distance to the bound."""
    return section(
        "Beyond the bound",
        "Moves and memory of plans with free placement beyond what no plan can do with less: the mean and "
        "the worst of a row.",
        table(
            (*HEAD, "pools", "free, moves", "worst", "free, memory", "worst", "free auto, moves", "worst"),
            ((*_row(row), str(len(results)), *_gap_cells(results)) for row, results in rows.items()),
        ),
    )


def _row(row: Row) -> tuple[str, str, str]:
    return str(row.hosts), f"{row.vms:,}", f"{row.load:g}"


def _count(results: Iterable[Result], name: str) -> str:
    return str(sum(result.of(name).drained for result in results))


def _mean(
    results: Iterable[Result], name: str, figure: Callable[[Outcome, Result], float], form: str = "{:.2f}"
) -> str:
    found = [figure(r.of(name), r) for r in results if r.of(name).drained]
    return form.format(fmean(found)) if found else NONE


def _most(results: Iterable[Result], name: str) -> str:
    return str(max((o.worst for r in results if (o := r.of(name)).drained), default=NONE))


def _shares(rows: Rows, figure: Callable[[Outcome, Result], float], bound: Callable[[Result], float]) -> str:
    return table(
        (*HEAD, *ALL, "bound"),
        (
            (
                *_row(row),
                *(_mean(results, name, figure) for name in ALL),
                _mean(results, "free", lambda _, result: bound(result)),
            )
            for row, results in rows.items()
        ),
    )


def _times(rows: Rows, figure: Callable[[Outcome], float]) -> str:
    return table(
        (*HEAD, f"{XENCENTER}, h", *ALL[1:]),
        (
            (
                *_row(row),
                _mean(results, XENCENTER, lambda one, _: figure(one) / 3600, "{:.1f}"),
                *(_mean(_both(results, name), name, _by_xencenter(figure)) for name in ALL[1:]),
            )
            for row, results in rows.items()
        ),
    )


def _both(results: Iterable[Result], name: str) -> list[Result]:
    return [r for r in results if r.peers[XENCENTER].drained and r.of(name).drained]


def _by_xencenter(figure: Callable[[Outcome], float]) -> Callable[[Outcome, Result], float]:
    return lambda one, result: figure(one) / figure(result.peers[XENCENTER])


def _gap_cells(results: Sequence[Result]) -> tuple[str, ...]:
    free = [plan for result in results if (plan := result.plans["free"]).drained]
    auto = [plan for result in results if (plan := result.plans["free auto"]).drained]
    columns = (
        [plan.gap for plan in free],
        [plan.bytes / plan.bound_bytes - 1 for plan in free],
        [plan.gap for plan in auto],
    )
    return tuple(
        f"{value:.2%}" if gaps else NONE
        for gaps in columns
        for value in (fmean(gaps or [0.0]), max(gaps, default=0.0))
    )
