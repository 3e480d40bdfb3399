"""What whole runs are worth: `python -m benchmarks.runs`. Exits with 1 if a target is missed.

The real flow patches simulated pools with each policy, and a client does the same in the style of XenCenter.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Final

from benchmarks import command, one_run, run_tables
from benchmarks.command import Judged
from benchmarks.one_run import SPEED, Job
from benchmarks.ours import POLICIES
from benchmarks.results import XENCENTER
from benchmarks.run_tables import Runs
from benchmarks.summary import goals

MARKER: Final = "bench"
HOSTS: Final = (4, 8, 16)
TWIN: Final = 3
"""Hosts of the pool that gives the others its history."""
NAMES: Final = (XENCENTER, *POLICIES)

_PREFECT: Final = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
}
"""Read when Prefect and the tasks are imported."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure runs on pools of several sizes."""
    options = _parser().parse_args(arguments)
    hosts = (4,) if options.quick else options.hosts
    return command.conclude(lambda: _judged(hosts, options.jobs), MARKER, options.write)


def _parser() -> argparse.ArgumentParser:
    parser = command.parser(
        "benchmarks.runs", "What whole runs are worth.", MARKER, quick="only pools of 4 hosts"
    )
    parser.add_argument("--hosts", type=_numbers, default=HOSTS, metavar="4,8,16", help="sizes of the pools")
    parser.add_argument(
        "--jobs", type=int, default=3, help="runs at once, 3 unless given; more disturb each other"
    )
    return parser


def _judged(hosts: Sequence[int], at_once: int) -> Judged:
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        runs = _measured(hosts, Path(folder), at_once)
    judged = run_tables.targets(runs)
    return "\n\n".join([run_tables.against(runs), run_tables.overheads(runs), goals(judged)]), judged


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(","))


def _measured(hosts: Sequence[int], folder: Path, at_once: int) -> Runs:
    """All runs, the longest first, after the one that teaches them how long things take."""
    jobs = [Job(count, name, folder) for count in sorted(hosts, reverse=True) for name in NAMES]
    with ProcessPoolExecutor(
        at_once, multiprocessing.get_context("spawn"), initializer=prepare, initargs=(folder, SPEED)
    ) as processes:
        taught = processes.submit(one_run.made, Job(TWIN, "home", folder)).result().learnt
        made = {
            (run.hosts, run.name): run
            for run in processes.map(one_run.made, [replace(job, known=taught) for job in jobs])
        }
    return {count: {name: made[count, name] for name in NAMES} for count in hosts}


def prepare(folder: Path, speed: float) -> None:
    """Let this process have a Prefect of its own, before it is imported, and retries at the pool's speed."""
    home = str(folder / f"prefect-{os.getpid()}")
    os.environ |= _PREFECT | {"PREFECT_HOME": home, "XENPATCH_RETRY_SECONDS": str(10 / speed)}


if __name__ == "__main__":
    sys.exit(main())
