"""What the two benchmarks have in common as commands: where figures go, and how a missed target is told."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.markdown import insert
from benchmarks.targets import Target

Judged = tuple[str, Sequence[Target]]
"""The tables, and the targets that the last of them is about."""


def parser(program: str, description: str, marker: str, *, quick: str) -> argparse.ArgumentParser:
    """With the options that every benchmark has; ``quick`` says what its small sample is."""
    made = argparse.ArgumentParser(prog=program, description=description)
    made.add_argument("--quick", action="store_true", help=quick)
    made.add_argument(
        "--write",
        type=Path,
        metavar="FILE",
        help=f"put the tables between <!-- {marker} --> and its end, too",
    )
    return made


def conclude(measure: Callable[[], Judged], marker: str, paper: Path | None) -> int:
    """Measure, print the tables, and tell on standard error what missed a target; 1 if one was missed."""
    begun = time.perf_counter()
    text, judged = measure()
    sys.stdout.write(f"{text}\n")
    for target in judged:
        if target.missed:
            how = "reached, but for" if target.reached else "missed by"
            sys.stderr.write(f"{target.what}: {target.wanted}; {how}\n")
            sys.stderr.writelines(f"  {one}\n" for one in target.missed)
    sys.stderr.write(f"measured in {time.perf_counter() - begun:.0f} s\n")
    if paper:
        insert(paper, marker, text)
    return 0 if all(target.reached for target in judged) else 1
