"""The crash matrix: a run is killed at a point and continued by another one, as if nothing had happened.

A point is a changing call that the run sends: it is killed (kill -9) before the call has any effect, or when
it has had its effect and the answer is lost. The one that continues has an empty home folder.

    python -m tests.crash.matrix [--every N] [--jobs N]
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from tests.crash.case import LIMIT, case, serving
from tests.crash.points import UNHEARD, Phase, Points, calls_of_a_run

_SECOND: Final = {"XENPATCH_HEARTBEAT_SECONDS": "0.5"}


@dataclass(frozen=True)
class Outcome:
    """What became of a run that was killed at a point: ``wrong`` is empty where all is well."""

    number: int
    phase: Phase
    call: str
    wrong: tuple[str, ...]
    seconds: float


def killed_at(number: int, phase: Phase) -> Outcome:
    """Kill a run at that point, let another one continue, and look at the pool."""
    began = time.monotonic()
    points = Points(number, phase)
    with case(points) as made:
        points.process = first = made.bring_to_the_end("first", UNHEARD)
        first.join(LIMIT)
        wrong = [] if first.exitcode else ["it was not killed: the run has fewer points"]
        call, _ = points.sent[number - 1] if len(points.sent) >= number else ("?", ())
        points.process = None
        second = made.bring_to_the_end("second", _SECOND)
        second.join(LIMIT)
        if second.exitcode is None:
            second.kill()
            wrong.append(f"the second run did not end in {LIMIT:.0f} s")
        elif second.exitcode:
            wrong.append(f"the second run failed: {made.last_said('second')}")
        wrong += made.wrong()
    return Outcome(number, phase, call, tuple(wrong), time.monotonic() - began)


def run(points: Sequence[tuple[int, Phase]], jobs: int) -> Iterator[Outcome]:
    """All of them, several at once; each as soon as it is over."""
    with ThreadPoolExecutor(jobs) as pool:
        yield from pool.map(lambda point: killed_at(*point), points)


def main() -> int:
    """Print a line for each point, and how many are as they should be."""
    parser = argparse.ArgumentParser(description="Kill runs at every changing call, and continue them.")
    parser.add_argument("--every", type=int, default=1, help="only every Nth point")
    parser.add_argument("--jobs", type=int, default=4, help="how many at once")
    given = parser.parse_args()
    with serving():
        calls = calls_of_a_run()
        phases: tuple[Phase, ...] = ("before", "after")
        points = [(number, phase) for number in range(1, len(calls) + 1) for phase in phases][:: given.every]
        bad = 0
        for outcome in run(points, given.jobs):
            bad += bool(outcome.wrong)
            verdict = "; ".join(outcome.wrong) or "as if nothing had happened"
            told = (
                f"{outcome.number:3} {outcome.phase:6} {outcome.call:32} {outcome.seconds:4.0f} s  {verdict}"
            )
            print(told, flush=True)  # noqa: T201 - a command
    print(f"{len(points) - bad} of {len(points)} points as if nothing had happened")  # noqa: T201 - a command
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
