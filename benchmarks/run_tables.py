"""Tables of runs on simulated pools, and what they have to reach."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final

from benchmarks.markdown import section, table
from benchmarks.one_run import SPEED, THEIR_SPEED, Run
from benchmarks.ours import POLICIES
from benchmarks.results import XENCENTER
from benchmarks.simulated import HOST_GIB, REBOOT, SIZES, VMS_PER_HOST
from benchmarks.targets import Target
from xenpatch.units import GIB

FORECAST: Final = 0.1
"""A forecast may be off by so much of what the run then took."""

Runs = Mapping[int, Mapping[str, Run]]
"""By the number of hosts, then by name."""

_FIGURES: Final[Mapping[str, Callable[[Run], float]]] = {
    "time": lambda run: run.figures.seconds,
    "moves": lambda run: run.figures.moves,
    "memory moved": lambda run: run.figures.bytes,
    "time with two levels side by side": lambda run: run.figures.mixed,
}


def against(runs: Runs) -> str:
    """What the pools saw of each run, beside the one in the style of XenCenter."""
    return section(
        "Runs beside XenCenter style",
        f"{VMS_PER_HOST} VMs of {min(SIZES)} to {max(SIZES)} GiB on each host of {HOST_GIB} GiB. A reboot "
        f"takes {REBOOT:.0f} s. The clock of our pools is {SPEED:.0f} times as fast as the wall's, that of "
        f"the others {THEIR_SPEED:.0f} times. Minutes are the pool's; the figures in brackets are shares of "
        f"{XENCENTER}.",
        table(
            ("hosts", "run", "time, min", "moves", "GiB moved", "two levels, min", "XenAPI calls"),
            (_line(run, of[XENCENTER]) for of in runs.values() for run in of.values()),
        ),
    )


def overheads(runs: Runs) -> str:
    """How far the runs were from their own plan and forecast, and what they cost us."""
    return section(
        "Forecast and overhead",
        "The forecast was made before the run, from what one run on another pool of three hosts had taught. "
        "The overhead is what the run took beyond its plan with the pool's true durations: pauses between "
        "two looks, which are as long as on a real pool, and our own work, of which each second costs "
        f"{SPEED:.0f} of the pool's. Processor seconds are those of our process, Prefect's client included.",
        table(
            (
                "hosts", "run", "plan, min", "forecast, min", "took, min", "forecast off", "overhead",
                "overhead a host, s", "processor a host, s", "processor a move, s",
            ),
            (_cost(run) for run in _ours(runs)),
        ),
    )  # fmt: skip


def targets(runs: Runs) -> tuple[Target, ...]:
    """All targets, in the order in which they are told."""
    return (_forecast(runs), *(_no_worse(runs, what, figure) for what, figure in _FIGURES.items()))


def _line(run: Run, theirs: Run) -> Sequence[str]:
    own, other = run.figures, theirs.figures
    return (
        str(run.hosts),
        run.name,
        _beside(own.seconds / 60, other.seconds / 60),
        _beside(own.moves, other.moves),
        _beside(own.bytes / GIB, other.bytes / GIB),
        _beside(own.mixed / 60, other.mixed / 60),
        _beside(own.asked, other.asked),
    )


def _cost(run: Run) -> Sequence[str]:
    assert run.forecast is not None
    assert run.ideal is not None
    assert run.processor is not None
    took = run.figures.seconds
    beyond = took - run.ideal
    return (
        str(run.hosts),
        run.name,
        *(f"{seconds / 60:.1f}" for seconds in (run.ideal, run.forecast, took)),
        f"{_off(run):+.1%}",
        f"{beyond / run.ideal:.1%}",
        f"{beyond / run.hosts:.0f}",
        f"{run.processor / run.hosts:.2f}",
        f"{run.processor / run.figures.moves:.2f}",
    )


def _beside(own: float, other: float) -> str:
    return f"{own:,.0f} ({own / other:.2f})"


def _ours(runs: Runs) -> Iterator[Run]:
    return (of[name] for of in runs.values() for name in POLICIES)


def _off(run: Run) -> float:
    """How far the forecast was from what the run took, as a share of that."""
    assert run.forecast is not None
    return run.forecast / run.figures.seconds - 1


def _where(run: Run) -> str:
    return f"{run.name} on {run.hosts} hosts"


def _forecast(runs: Runs) -> Target:
    ours = list(_ours(runs))
    worst = max(ours, key=lambda run: abs(_off(run)))
    missed = [run for run in ours if abs(_off(run)) > FORECAST]
    return Target(
        "forecast, by what the run then took",
        f"within {FORECAST:.0%}",
        f"{_off(worst):+.1%} ({_where(worst)}) at worst",
        tuple(f"{_where(run)}: {_off(run):+.1%}" for run in missed),
        reached=not missed,
    )


def _no_worse(runs: Runs, what: str, figure: Callable[[Run], float]) -> Target:
    ratios = [(run, figure(run) / figure(runs[run.hosts][XENCENTER])) for run in _ours(runs)]
    worst, ratio = _worst(ratios)
    missed = [(run, ratio) for run, ratio in ratios if ratio > 1]
    return Target(
        f"{what} of every policy, by that of {XENCENTER}",
        "at most 1.00",
        f"{ratio:.2f} ({_where(worst)}) at worst",
        tuple(f"{_where(run)}: {ratio:.3f}" for run, ratio in missed),
        reached=not missed,
    )


def _worst(ratios: Iterable[tuple[Run, float]]) -> tuple[Run, float]:
    return max(ratios, key=lambda pair: pair[1])
