"""What the planner is worth: `python -m benchmarks.plan`. Exits with 1 if a target is missed."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from benchmarks import results, summary, tables
from benchmarks.markdown import insert
from benchmarks.results import ROWS, Result, Rows
from benchmarks.targets import Target, targets
from benchmarks.timing import timings

MARKER: Final = "bench-plan"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the tables, tell on standard error which pools missed a target."""
    options = _parser().parse_args(arguments)
    begun = time.perf_counter()
    text, judged = _quick() if options.quick else _whole()
    sys.stdout.write(f"{text}\n")
    for line in _missed(judged):
        sys.stderr.write(f"{line}\n")
    sys.stderr.write(f"measured in {time.perf_counter() - begun:.0f} s\n")
    if options.write:
        insert(options.write, MARKER, text)
    return 0 if all(target.reached for target in judged) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="benchmarks.plan", description="What the planner is worth.")
    parser.add_argument("--quick", action="store_true", help="a small sample")
    parser.add_argument(
        "--write",
        type=Path,
        metavar="FILE",
        help=f"put the tables between <!-- {MARKER} --> and its end, too",
    )
    return parser


def _whole() -> tuple[str, tuple[Target, ...]]:
    return _report(results.rows(ROWS), results.near_limit(each=5), repetitions=11)


def _quick() -> tuple[str, tuple[Target, ...]]:
    small = [row for row in ROWS if row.hosts <= 16 and row.load <= 0.8]
    return _report(results.rows(small, number=2), results.near_limit(each=1, every=5), repetitions=3)


def _report(rows: Rows, near: Sequence[Result], repetitions: int) -> tuple[str, tuple[Target, ...]]:
    """The tables, and the targets that the last of them is about."""
    timed = timings(repetitions)
    judged = targets(rows, near, timed)
    sections = [show(rows) for show in _BY_ROW]
    every = [result for measured in (*rows.values(), near) for result in measured]
    sections += [summary.both_ways(every), summary.near(near), summary.planning(timed), summary.goals(judged)]
    return "\n\n".join(sections), judged


_BY_ROW: Final = (
    tables.drained,
    tables.moves,
    tables.memory,
    tables.gaps,
    tables.fate,
    tables.time,
    tables.mixed,
    summary.width,
)


def _missed(judged: Sequence[Target]) -> Iterator[str]:
    for target in judged:
        if target.missed:
            yield f"{target.what}: {target.wanted}; {'reached, but for' if target.reached else 'missed by'}"
            yield from (f"  {one}" for one in target.missed)


if __name__ == "__main__":
    sys.exit(main())
