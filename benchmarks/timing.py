"""How long planning takes on this machine: wall-clock seconds of one process that has it for itself."""

from __future__ import annotations

import multiprocessing
import statistics
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import Final

from benchmarks import pools
from benchmarks.ours import POLICIES
from benchmarks.pools import Shape, homes
from xenpatch.plan.model import Policy
from xenpatch.plan.planner import plan_run
from xenpatch.xapi.inventory import Inventory

LOADS: Final = (0.7, 0.9)


@dataclass(frozen=True)
class Timing:
    """Planning one pool again and again with one policy, in seconds.

    ``runs`` is by the clock on the wall, ``processor`` the median of what the processor spent on it; the rest
    is the machine's other work.
    """

    shape: Shape
    policy: str
    runs: tuple[float, ...]
    processor: float

    @property
    def median(self) -> float:
        """The middle one of the runs."""
        return statistics.median(self.runs)


def timings(repetitions: int) -> list[Timing]:
    """64 hosts with 1,920 VMs at each load, by every policy, in a new process.

    One that holds all pools of the benchmark would spend a good part of the time on looking for garbage.
    """
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
        return process.submit(_timed, repetitions).result()


def _timed(repetitions: int) -> list[Timing]:
    return list(_each(repetitions))


def _each(repetitions: int) -> Iterator[Timing]:
    for load in LOADS:
        (made,) = pools.pools(Shape(64, 1920, load), 1)
        for name, policy in POLICIES.items():
            runs = [_run(made.pool, policy) for _ in range(repetitions)]
            walls, processors = zip(*runs, strict=True)
            yield Timing(made.shape, name, walls, statistics.median(processors))


def _run(pool: Inventory, policy: Policy) -> tuple[float, float]:
    before, begun = time.process_time(), time.perf_counter()
    plan_run(pool, [host.uuid for host in pool.hosts], homes(pool), policy)
    return time.perf_counter() - begun, time.process_time() - before
