"""A sample of the crash matrix; `make crash-matrix` runs the whole."""

from __future__ import annotations

import pytest

from tests.crash.matrix import killed_at
from tests.crash.points import Phase, calls_of_a_run

pytestmark = pytest.mark.timeout(400)

SAMPLE: tuple[tuple[float, Phase], ...] = (
    (0.02, "after"), (0.15, "before"), (0.3, "after"), (0.45, "before"), (0.6, "after"), (0.8, "before"),
)  # fmt: skip
"""Points by how far the run is."""


@pytest.fixture(scope="module")
def calls(runs: object) -> list[str]:
    """The changing calls of an undisturbed run."""
    del runs
    return [call for call, _ in calls_of_a_run()]


def test_a_run_has_many_points_at_which_it_can_die(calls: list[str]) -> None:
    assert len(calls) >= 60
    assert {"pool_patch.pool_apply", "host.disable", "VM.pool_migrate", "host.reboot"} <= set(calls)


@pytest.mark.parametrize(("share", "phase"), SAMPLE)
def test_a_killed_run_is_continued_as_if_nothing_had_happened(
    calls: list[str], share: float, phase: Phase
) -> None:
    outcome = killed_at(max(1, round(share * len(calls))), phase)

    assert outcome.wrong == (), f"killed {phase} {outcome.call}"


@pytest.mark.parametrize("phase", ["before", "after"])
def test_a_run_that_is_killed_at_a_reboot_does_not_reboot_the_host_twice(
    calls: list[str], phase: Phase
) -> None:
    outcome = killed_at(calls.index("host.reboot") + 1, phase)

    assert outcome.wrong == ()
