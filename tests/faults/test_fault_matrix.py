"""A sample of the fault matrix; `make fault-matrix` runs the whole."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

from simulator import Fault, FaultRule
from simulator.faults import Faults
from tests.crash.points import calls_of_a_run
from tests.faults.kinds import KINDS, NEVER, TROUBLES, Kind
from tests.faults.matrix import CELLS, met

pytestmark = pytest.mark.timeout(600)

PAPER: Final = Path(__file__).parents[2] / "docs" / "faults.md"
SAMPLE: Final = (
    ("PUT /pool_patch_upload", "lost before"),
    ("pool.disable_ha", "slow beyond its limit"),
    ("host.disable", "slow beyond its limit"),
    ("host.add_to_other_config MAINTENANCE_MODE_EVACUATED_VMS_SUSPENDED", "error always"),
    ("VM.resume_on", "error always"),
    ("boot of a slave", "never"),
)
"""What went wrong once, and what there is only one of."""


@pytest.mark.usefixtures("runs")
@pytest.mark.parametrize(("kind", "trouble"), SAMPLE)
def test_a_run_that_meets_a_fault_ends_well_or_stops_well(kind: str, trouble: str) -> None:
    (cell,) = (cell for cell in CELLS if (cell[0].name, cell[1].name) == (kind, trouble))

    outcome = met(*cell)

    assert outcome.wrong == (), outcome.said


@pytest.mark.usefixtures("runs")
def test_every_changing_call_of_a_run_is_in_the_matrix() -> None:
    sent = calls_of_a_run()

    assert {call for call, texts in sent if not any(_is_of(kind, call, texts) for kind in KINDS)} == set()


def test_the_paper_shows_every_row_and_column() -> None:
    shown = PAPER.read_text()
    rows = re.findall(r"^\| `([^`]+)` ?([^|]*?) \|", shown, re.MULTILINE)

    assert {f"{call} {purpose}".rstrip() for call, purpose in rows} == {kind.name for kind, _ in CELLS}
    for trouble in (*TROUBLES, NEVER):
        assert f"| {trouble.name} |" in shown
    assert "WRONG" not in shown


def _is_of(kind: Kind, call: str, texts: tuple[str, ...]) -> bool:
    first_of_all = Faults([FaultRule(kind.call, Fault(never=True), key=kind.key)])
    return first_of_all.match(call, texts=texts) is not None
