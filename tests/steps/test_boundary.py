"""A wave is begun only if nine of ten runs are done with it before the window closes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.plan.pools import host, planned, pool
from xenpatch import window
from xenpatch.plan import history
from xenpatch.plan.ahead import next_wave
from xenpatch.plan.history import RebootRecord
from xenpatch.plan.model import Move, Plan
from xenpatch.steps.boundary import foretell, too_late
from xenpatch.steps.foresight import foresee
from xenpatch.window import Occurrence

MIDNIGHT = datetime(2027, 1, 10, tzinfo=UTC)
PLAN = planned(
    pool(
        hosts={"xs1": 16, "xs2": 16, "xs3": 16},
        vms={f"vm-{n}": (f"xs{1 + n % 3}", 2) for n in range(9)},
    )
)


@pytest.fixture(autouse=True)
def midnight_of_a_machine_that_knows_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(window, "now", lambda: MIDNIGHT)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))


def until(seconds: float) -> Occurrence:
    return Occurrence(MIDNIGHT, MIDNIGHT + timedelta(seconds=seconds))


def test_what_comes_next_is_a_wave_with_the_way_home() -> None:
    ahead = next_wave(PLAN)

    assert [turn.name for turn in ahead.turns] == ["xs1"]
    assert {step.turn for step in ahead.steps if isinstance(step, Move)} == {host("xs1")}
    assert any(move.homeward for move in ahead)
    assert ahead.reboots == 1


def test_what_is_left_of_the_hosts_before_is_part_of_what_comes_next() -> None:
    left, *over = PLAN.back(host("xs1"))
    done = {*(step.no for step in next_wave(PLAN).steps)} - {left.no}

    ahead = next_wave(PLAN, [host("xs1")], done)

    assert [turn.name for turn in ahead.turns] == ["xs2"]
    assert left in ahead.steps
    assert not {*over} & {*ahead.steps}


def test_hosts_of_one_wave_are_begun_together_or_not_at_all() -> None:
    wide = planned(
        pool({f"xs{n}": 64 for n in (1, 2, 3, 4)}, {f"vm-{n}": (f"xs{n}", 2) for n in (1, 2, 3, 4)}), width=2
    )
    master = next_wave(wide)

    ahead = next_wave(wide, [turn.host for turn in master.turns], {step.no for step in master.steps})

    assert [turn.name for turn in ahead.turns] == ["xs2", "xs3"]
    assert (too_late(ahead, until(600)) or "").startswith("xs2, xs3 would take until")


def test_nothing_comes_after_the_last_host() -> None:
    assert next_wave(PLAN, [turn.host for turn in PLAN.turns]).turns == ()


def test_hosts_are_begun_as_long_as_nine_of_ten_runs_are_done_in_time() -> None:
    ahead = next_wave(PLAN)
    needed = foresee(ahead).total.p90

    assert too_late(ahead, until(needed + 1)) is None
    assert too_late(ahead, until(needed - 1)) is not None


def test_the_reason_names_hosts_and_times() -> None:
    needed = timedelta(seconds=foresee(next_wave(PLAN)).total.p90)
    opened_before = Occurrence(MIDNIGHT - timedelta(hours=4), MIDNIGHT + timedelta(minutes=10))

    assert too_late(next_wave(PLAN), opened_before) == (
        f"xs1 would take until {MIDNIGHT + needed:%H:%M} UTC (nine of ten runs), the window ends at 00:10 UTC"
    )


def test_a_host_for_which_no_such_window_is_enough_is_told() -> None:
    reason = too_late(next_wave(PLAN), until(600))

    assert reason is not None
    assert "no window of 10 min 00 s is enough: make it longer" in reason


def test_what_the_pool_was_measured_to_take_decides() -> None:
    slow: Plan = next_wave(PLAN)
    assert too_late(slow, until(3600)) is None

    for _ in range(5):
        history.append(slow.pool, RebootRecord(host("xs1"), 5000))

    assert too_late(slow, until(3600)) is not None


def test_what_a_whole_run_would_get_done_is_told_before_it() -> None:
    one, two, all_three = (
        foresee(next_wave(PLAN, [turn.host for turn in PLAN.turns[:before]])).total.p90 for before in range(3)
    )

    def told(seconds: float) -> str:
        return foretell(PLAN, until(seconds))

    assert told(one - 1).startswith("0 of 3 hosts would be done in the window: xs1 would take until")
    assert told(two - 1).startswith("1 of 3 hosts would be done in the window: xs2 would take until")
    assert told(all_three - 1).startswith("2 of 3 hosts would be done in the window: xs3 would take until")
    assert told(all_three + 1).startswith("All 3 hosts would be done in the window, which ends at ")


def test_a_pool_with_a_faster_clock_takes_less_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    assert too_late(next_wave(PLAN), until(60)) is not None

    monkeypatch.setenv("XENPATCH_POOL_SPEED", "600")

    assert too_late(next_wave(PLAN), until(60)) is None
