from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.plan.pools import homes, planned, pool, with_vms_at
from xenpatch.plan.durations import (
    REBOOT,
    VERIFY,
    TimeLeft,
    estimate_host,
    estimate_move,
    estimate_phase,
    estimate_plan,
)
from xenpatch.plan.model import Plan
from xenpatch.plan.planner import plan_run
from xenpatch.units import GIB

POOL = pool({"xs1": 64, "xs2": 64}, {"vm-a": ("xs1", 7), "vm-b": ("xs1", 7), "vm-c": ("xs1", 3.5)})
SEVEN_GIB, HALF = 15 + 20, 15 + 10  # seconds


def test_a_move_costs_a_fixed_time_and_time_for_its_memory() -> None:
    assert estimate_move(0) == 15
    assert estimate_move(7 * GIB) == pytest.approx(35)


@pytest.mark.parametrize(
    ("at_once", "seconds"),
    [(1, SEVEN_GIB + SEVEN_GIB + HALF), (2, SEVEN_GIB + HALF), (3, SEVEN_GIB), (9, SEVEN_GIB)],
)
def test_moves_take_the_first_slot_that_is_free(at_once: int, seconds: float) -> None:
    assert estimate_phase(planned(POOL).hosts[0].out, at_once) == pytest.approx(seconds)


def test_no_moves_take_no_time() -> None:
    assert estimate_phase((), 2) == 0


def test_the_turn_of_a_host_is_drain_reboot_verify_and_return() -> None:
    first, second = planned(POOL).hosts
    assert estimate_host(first, 3) == pytest.approx(SEVEN_GIB + REBOOT + VERIFY + SEVEN_GIB)
    assert estimate_host(second, 3) == REBOOT + VERIFY
    assert estimate_plan(planned(POOL), 3) == estimate_host(first, 3) + estimate_host(second, 3)


def test_a_turn_that_is_over_has_only_its_returns_left() -> None:
    plan = plan_run(with_vms_at(POOL, {"vm-c": "xs2"}), [], homes(POOL))
    assert isinstance(plan, Plan)
    assert estimate_plan(plan, 2) == pytest.approx(HALF)


def test_before_anything_is_done_the_time_left_is_the_prior() -> None:
    left = TimeLeft()
    left.tell(total=1000, done=0, elapsed=0)
    assert left.remaining(elapsed=0) == 1000


def test_between_two_reports_the_time_left_counts_down_and_stops_at_nothing() -> None:
    left = TimeLeft()
    left.tell(total=1000, done=0, elapsed=0)
    left.tell(total=1000, done=0, elapsed=100)
    assert left.remaining(elapsed=100) == 900
    assert left.remaining(elapsed=5000) == 0


def test_the_first_work_done_is_hardly_trusted() -> None:
    left = TimeLeft()
    left.tell(total=1000, done=1, elapsed=10)
    assert 999 < left.remaining(elapsed=10) < 1100


@pytest.mark.parametrize("speed", [0.25, 1, 60])
def test_when_some_percent_are_done_the_measured_pace_counts(speed: float) -> None:
    left = TimeLeft()
    left.tell(total=1000, done=60, elapsed=60 / speed)
    assert left.remaining(elapsed=60 / speed) == pytest.approx(940 / speed)


def test_nothing_is_left_when_all_is_done() -> None:
    left = TimeLeft()
    left.tell(total=1000, done=1000, elapsed=400)
    assert left.remaining(elapsed=400) == 0


def test_a_new_plan_with_more_work_takes_more_time_at_the_same_pace() -> None:
    left = TimeLeft()
    left.tell(total=1000, done=500, elapsed=50)
    left.tell(total=1200, done=500, elapsed=50)
    assert left.remaining(elapsed=50) == pytest.approx(70)


@settings(deadline=None)
@given(
    st.floats(1, 1e5),
    st.lists(st.floats(0.001, 1), min_size=1, max_size=20).map(sorted),
    st.floats(0.1, 100),
)
def test_at_a_steady_pace_the_time_left_is_right_once_measured(
    total: float, shares: list[float], speed: float
) -> None:
    left = TimeLeft()
    for share in shares:
        left.tell(total, total * share, total * share / speed)
    elapsed = total * shares[-1] / speed
    if shares[-1] >= 0.05:
        assert left.remaining(elapsed) == pytest.approx(total / speed - elapsed, abs=1e-6 * total)
    else:
        low, high = sorted((1.0, 1 / speed))
        assert low <= left.remaining(elapsed) / (total * (1 - shares[-1])) <= high * 1.000001
