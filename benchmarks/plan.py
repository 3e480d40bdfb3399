"""What the planner is worth: `python -m benchmarks.plan`. Exits with 1 if a target is missed."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Final

from benchmarks import command, results, summary, tables
from benchmarks.command import Judged
from benchmarks.results import ROWS, Result, Rows
from benchmarks.targets import targets
from benchmarks.timing import timings

MARKER: Final = "bench-plan"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what the planner makes of many pools."""
    options = command.parser(
        "benchmarks.plan", "What the planner is worth.", MARKER, quick="a small sample"
    ).parse_args(arguments)
    return command.conclude(_quick if options.quick else _whole, MARKER, options.write)


def _whole() -> Judged:
    return _report(results.rows(ROWS), results.near_limit(each=5), repetitions=11)


def _quick() -> Judged:
    small = [row for row in ROWS if row.hosts <= 16 and row.load <= 0.8]
    return _report(results.rows(small, number=2), results.near_limit(each=1, every=5), repetitions=3)


def _report(rows: Rows, near: Sequence[Result], repetitions: int) -> Judged:
    """What is told of the rows, and what is judged."""
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


if __name__ == "__main__":
    sys.exit(main())
