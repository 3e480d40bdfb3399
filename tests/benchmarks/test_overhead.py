"""The benchmark of overhead tells work from pauses, and really runs without Prefect."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from benchmarks import one_run
from benchmarks.journal import Figures
from benchmarks.one_run import Job, Run
from benchmarks.overhead import BARE, PREFECT, Cost, costs, quiet
from benchmarks.runs import prepare


def run(seconds: float) -> Run:
    figures = Figures(seconds=seconds, moves=8, bytes=0, mixed=0, boots=4)
    return Run(4, "home", figures, ideal=1000.0, processor=6.0)


def test_work_costs_more_of_the_pools_time_when_its_clock_is_faster_and_pauses_do_not() -> None:
    pauses, work = 40.0, 2.0
    slow, fast = (run(1000 + pauses + work * speed) for speed in (50, 100))

    cost = Cost.of(PREFECT, slow, fast, (50, 100))

    assert (cost.work, cost.pauses, cost.whole) == (2.0, 40.0, 42.0)


def test_the_table_tells_it_by_host_and_by_move_with_the_load_of_the_machine() -> None:
    pairs = [Cost(PREFECT, 4, 8, 1000, 4.0, 40.0, 6.0), Cost(BARE, 4, 8, 1000, 2.0, 40.0, 3.0)]

    told = costs(pairs, 4, (0.1, 1.2))

    assert "| with Prefect | 4 | 40 | 1.00 | 0.500 | 11.00 | 5.500 | 1.50 | 0.750 |" in told
    assert "Prefect's part of the work is 2 s, 0.50 s a host or 0.250 s a move" in told
    assert "its load was 0.1 before and 1.2 after" in told


def test_figures_of_a_machine_that_did_too_much_else_are_void() -> None:
    good, void = Cost(PREFECT, 4, 8, 1000, 4.0, 40.0, 6.0), Cost(BARE, 4, 8, 1000, 9.0, -40.0, 3.0)

    assert quiet([good, good]).reached
    assert quiet([good, void]).missed == ("without Prefect: -40 s",)


def test_a_pool_is_patched_without_prefect(tmp_path: Path) -> None:
    job = Job(2, "home", tmp_path, vms=2, speed=600, bare=True)
    spawned = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, spawned, initializer=prepare, initargs=(tmp_path, 600)) as process:
        made = process.submit(one_run.made, job).result()

    assert (made.figures.boots, made.figures.moves) == (2, 4)
    assert not [folder for folder in tmp_path.glob("prefect-*") if list(folder.rglob("*.db"))]
