"""The benchmark of the planner runs, and what it writes arrives."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.markdown import insert, table

ROOT = Path(__file__).parents[2]
PAPER = "before\n\n<!-- bench-plan -->\nold\n<!-- /bench-plan -->\n\nafter\n"


@pytest.mark.timeout(300)
def test_a_small_sample_is_measured_and_written(tmp_path: Path) -> None:
    paper = tmp_path / "performance.md"
    paper.write_text(PAPER)

    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.plan", "--quick", "--write", str(paper)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    written = paper.read_text()
    assert done.stdout.strip() in written
    assert (done.returncode == 1) == ("| no |" in written), done.stderr
    assert "old" not in written
    assert written.startswith("before\n")
    assert written.endswith("\nafter\n")


def test_only_what_is_between_the_markers_is_replaced(tmp_path: Path) -> None:
    paper = tmp_path / "paper.md"
    paper.write_text(PAPER)

    insert(paper, "bench-plan", "new")
    insert(paper, "bench-plan", "newer")

    assert paper.read_text() == PAPER.replace("\nold\n", "\n\nnewer\n\n")


def test_a_paper_without_the_markers_is_left_alone(tmp_path: Path) -> None:
    paper = tmp_path / "paper.md"
    paper.write_text("<!-- bench-plan -->\n")

    with pytest.raises(ValueError, match="nothing was written"):
        insert(paper, "bench-plan", "new")
    assert paper.read_text() == "<!-- bench-plan -->\n"


def test_numbers_stand_to_the_right() -> None:
    assert table(["a", "b", "c"], [["1", "x", "0.5"], ["2", "3", "–"]]).splitlines() == [
        "| a | b | c |",
        "| --- | --- | ---: |",
        "| 1 | x | 0.5 |",
        "| 2 | 3 | – |",
    ]
