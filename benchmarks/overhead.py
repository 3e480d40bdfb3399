"""What Prefect and our own code add to a run: `python -m benchmarks.overhead`.

One pool is patched with Prefect and without it, at two speeds of its clock each. What a run takes beyond its
plan are pauses between two looks, which belong to the pool's clock, and our own work, which belongs to the
wall's: of the two, only work costs more of the pool's time when its clock is faster. That tells them apart.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks import command, one_run
from benchmarks.command import Judged
from benchmarks.markdown import section, table
from benchmarks.one_run import Job, Run
from benchmarks.runs import prepare
from benchmarks.targets import Target

MARKER: Final = "bench-overhead"
HOSTS: Final = 16
VMS: Final = 200
PREFECT: Final = "with Prefect"
BARE: Final = "without Prefect"
SPEEDS: Final = (40.0, 80.0)
"""At several hundred the looks would take longer than the pauses between them."""
QUICK: Final = (4, 16)
"""Hosts and VMs of a small sample."""


@dataclass(frozen=True)
class Cost:
    """What a run costs beyond the pool's own time, in seconds on a real pool.

    ``work`` is that of our process on the wall's clock, ``pauses`` those between two looks; ``processor`` is
    what of the work is no waiting for an answer. It can lie below zero for what differs by chance alone.
    """

    driver: str
    hosts: int
    moves: int
    plan: float
    work: float
    pauses: float
    processor: float

    @property
    def whole(self) -> float:
        """All of it."""
        return self.work + self.pauses

    @classmethod
    def of(cls, driver: str, slow: Run, fast: Run, speeds: tuple[float, float]) -> Cost:
        """Of two runs on one pool, at those speeds of its clock."""
        assert slow.ideal is not None
        assert slow.processor is not None
        assert fast.ideal is not None
        beyond = (slow.figures.seconds - slow.ideal, fast.figures.seconds - fast.ideal)
        work = (beyond[1] - beyond[0]) / (speeds[1] - speeds[0])
        return cls(
            driver,
            slow.hosts,
            slow.figures.moves,
            slow.ideal,
            work,
            beyond[0] - work * speeds[0],
            slow.processor,
        )


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, and print the tables."""
    parser = command.parser(
        "benchmarks.overhead", "What Prefect and our own code add.", MARKER, quick="a pool of 4 hosts"
    )
    options = parser.parse_args(arguments)
    hosts, vms = QUICK if options.quick else (HOSTS, VMS)
    return command.conclude(lambda: _told(hosts, vms), MARKER, options.write)


def costs(pairs: Sequence[Cost], vms: int, load: Sequence[float]) -> str:
    """The table, with how it came about; ``load`` is the machine's, before and after (one minute's)."""
    first, bare = pairs
    share = first.whole / (first.plan + first.whole)
    added = first.work - bare.work
    return section(
        "Beyond the pool's own time",
        f"{first.hosts} hosts, {vms} VMs of 0.5 to 1.5 GiB, {first.moves} live migrations, one host after "
        f"another; the plan takes the pool itself {first.plan / 60:.0f} min. Seconds are those for which a "
        "real pool would wait: work of our process by the wall's clock, answers of the simulator included, "
        "and pauses between two looks at the pool. They are told apart by runs at two speeds of the pool's "
        f"clock, {SPEEDS[0]:.0f} and {SPEEDS[1]:.0f} times the wall's. Processor seconds are those of our "
        "process.",
        table(
            (
                "run", "work, s", "pauses, s", "work a host, s", "work a move, s", "all a host, s",
                "all a move, s", "processor a host, s", "processor a move, s",
            ),
            (_line(cost) for cost in pairs),
        ),
        f"Work and pauses are {share:.1%} of the run. Prefect's part of the work is {added:.0f} s, "
        f"{added / first.hosts:.2f} s a host or {added / first.moves:.3f} s a move: what is shown, logged "
        f"and announced is in it. The machine has {os.cpu_count()} processors; its load was {load[0]:.1f} "
        f"before and {load[1]:.1f} after.",
    )  # fmt: skip


def _told(hosts: int, vms: int) -> Judged:
    before = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        pairs = [
            _measured(driver, hosts, vms, Path(folder)) for driver in ("with Prefect", "without Prefect")
        ]
    return costs(pairs, vms, (before, os.getloadavg()[0])), (quiet(pairs),)


def quiet(pairs: Sequence[Cost]) -> Target:
    """Whether the machine was left alone: where it was not, pauses come out below zero, and all is void."""
    missed = tuple(f"{cost.driver}: {cost.pauses:.0f} s" for cost in pairs if cost.pauses < 0)
    worst = min(cost.pauses for cost in pairs)
    return Target("pauses, or the machine was too busy", "at least 0 s", f"{worst:.0f} s", missed, not missed)


def _measured(driver: str, hosts: int, vms: int, folder: Path) -> Cost:
    bare = driver == BARE
    jobs = [Job(hosts, "home", folder, vms=vms, speed=speed, bare=bare) for speed in SPEEDS]
    slow, fast = (_alone(job, folder) for job in jobs)
    return Cost.of(driver, slow, fast, SPEEDS)


def _alone(job: Job, folder: Path) -> Run:
    """Make a run in a process of its own."""
    with ProcessPoolExecutor(
        1, multiprocessing.get_context("spawn"), initializer=prepare, initargs=(folder, job.speed)
    ) as process:
        return process.submit(one_run.made, job).result()


def _line(cost: Cost) -> Sequence[str]:
    figures = (cost.work, cost.whole, cost.processor)
    each = [(seconds / cost.hosts, seconds / cost.moves) for seconds in figures]
    return (
        cost.driver,
        f"{cost.work:.0f}",
        f"{cost.pauses:.0f}",
        *(text for host, move in each for text in (f"{host:.2f}", f"{move:.3f}")),
    )


if __name__ == "__main__":
    sys.exit(main())
