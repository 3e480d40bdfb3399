from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xenpatch.plan.time_left import TimeLeft


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
