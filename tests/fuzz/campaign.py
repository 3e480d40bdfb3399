"""Many hostile cases, and what became of each: an error of ours, or a right value, and nothing else.

python -m tests.fuzz.campaign [--cases N] [--seed N] [NAME ...]
"""

from __future__ import annotations

import argparse
import resource
import secrets
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from tests.fuzz import dumps, hotfixes, manifests, wire

Judge = Callable[[Any], str]
"""Says in a word what became of a case; raises what nobody may see."""


@dataclass(frozen=True)
class Campaign:
    """What is fuzzed: its cases, and a judge who may leave files in a folder while it works."""

    cases: st.SearchStrategy[Any]
    judging: Callable[[Path], AbstractContextManager[Judge]]
    share: float = 1.0
    """Of the cases that are asked for, since some take longer."""


CAMPAIGNS: Final = {
    "hotfixes": Campaign(hotfixes.cases, hotfixes.judging),
    "manifests": Campaign(manifests.cases, manifests.judging),
    "dumps": Campaign(dumps.cases, dumps.judging),
    "wire": Campaign(wire.cases, wire.judging, share=0.3),
}

_BATCH: Final = 500
"""Hypothesis remembers all that it tries at once, and the memory that is measured is not to be its own."""
_HOW: Final = settings(deadline=None, database=None, suppress_health_check=list(HealthCheck))


@dataclass
class Tally:
    """How it went; memory in MiB, above what there was at the beginning."""

    outcomes: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    longest: float = 0.0
    grown: float = 0.0


@contextmanager
def _measured(tally: Tally) -> Iterator[None]:
    before, began = _peak(), time.monotonic()
    yield
    tally.seconds = time.monotonic() - began
    tally.grown = _peak() - before


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def run(name: str, number: int, seeded: int) -> Tally:
    """Judge so many cases, the same for the same seed."""
    campaign, tally = CAMPAIGNS[name], Tally()
    with tempfile.TemporaryDirectory() as folder, campaign.judging(Path(folder)) as judge:

        def each(case: object) -> None:
            began = time.monotonic()
            tally.outcomes[judge(case)] += 1
            tally.longest = max(tally.longest, time.monotonic() - began)

        with _measured(tally):
            for done in range(0, number, _BATCH):
                how = settings(_HOW, max_examples=min(_BATCH, number - done))
                seed(seeded + done)(how(given(campaign.cases)(each)))()
    return tally


def main() -> None:
    """Print a line for each campaign; the first case that goes wrong is shown whole and ends it."""
    parser = argparse.ArgumentParser(description="Give hostile files and answers to whatever reads them.")
    parser.add_argument(
        "names", nargs="*", default=list(CAMPAIGNS), metavar="NAME", help=", ".join(CAMPAIGNS)
    )
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1 << 32))
    asked = parser.parse_args()
    for name in asked.names:
        tally = run(name, round(asked.cases * CAMPAIGNS[name].share), asked.seed)
        outcomes = ", ".join(f"{count} {outcome}" for outcome, count in tally.outcomes.most_common())
        sys.stdout.write(
            f"{name}: {tally.outcomes.total()} cases of seed {asked.seed} in {tally.seconds:.0f} s, "
            f"the longest {tally.longest:.2f} s; memory grew by {tally.grown:.0f} MiB; {outcomes}\n"
        )
        sys.stdout.flush()


if __name__ == "__main__":
    main()
