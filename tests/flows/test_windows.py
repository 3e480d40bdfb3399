"""Runs that may work until their window closes, by a clock that the tests set."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from prefect.client.schemas.objects import StateType

from flows.patch_pool import patch_pool
from flows.resume_pool import resume_pool
from flows.stopped import NAME
from simulator import SimulatedPool
from simulator.faults import Faults
from tests.flows.kit import (
    assert_done,
    at_each_call,
    block,
    boots,
    changes,
    fault,
    patch,
    places,
    power_changes,
)
from xenpatch import window
from xenpatch.errors import Refused, Stopped
from xenpatch.options import PatchOptions, Remedies
from xenpatch.progress import Done, Event, Step, subscribe
from xenpatch.record import held_by, stop_reason
from xenpatch.report import RunReport
from xenpatch.window import Window

MIDNIGHT = datetime(2027, 1, 10, tzinfo=UTC)
HOUR = Window(until=MIDNIGHT + timedelta(hours=1))


class Clock:
    """Our clock: it stands, but for what a step takes, when that step is done for the first time."""

    def __init__(self) -> None:
        self.time = MIDNIGHT
        self.takes: dict[Step, timedelta] = {}
        self.read_later = threading.Event()

    def __call__(self) -> datetime:
        if self.time > MIDNIGHT:
            self.read_later.set()
        return self.time

    def see(self, event: Event) -> None:
        if isinstance(event, Done):
            self.time += self.takes.pop(event.step, timedelta())


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Clock:
    """Midnight, on a machine that has patched no pool yet."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    set_by_us = Clock()
    monkeypatch.setattr(window, "now", set_by_us)
    return set_by_us


def patch_in(within: Window, sim: SimulatedPool, folder: Path, clock: Clock, **options: object) -> RunReport:
    how = PatchOptions.model_validate({"backup_folder": folder, **options})
    with subscribe(clock.see):
        return patch_pool(block(sim), (sim.hotfix,), (sim.manifest,), None, how, window=within)


def test_a_host_that_would_not_be_done_in_time_is_not_taken_and_the_next_run_continues(
    sim: SimulatedPool, tmp_path: Path, clock: Clock
) -> None:
    before = places(sim)
    ((pool, _),) = sim.db.rows("pool").items()
    sim.db.update("pool", pool, wlb_enabled=True, wlb_url="wlb.example.com:8012")
    clock.takes[Step.VERIFY] = timedelta(minutes=59)

    with pytest.raises(Stopped) as stopped:
        patch_in(HOUR, sim, tmp_path, clock, remedy=Remedies.ALL)

    said = str(stopped.value)
    assert said.startswith("1 of 3 hosts done, continues in the next window: xs2 would take until ")
    assert "UTC (nine of ten runs), the window ends at 01:00 UTC" in said
    assert (boots(sim), places(sim)) == (["xs1"], before)
    assert all(row["enabled"] for row in sim.db.rows("host").values())
    now = sim.db.get("pool", pool)
    assert now["wlb_enabled"], "what was put aside is back"
    assert held_by(now["other_config"]) is not None
    assert (stop_reason(now["other_config"]) or "").startswith("1 of 3 hosts done")

    clock.time, clock.takes = MIDNIGHT, {Step.VERIFY: timedelta(minutes=59)}
    with subscribe(clock.see):
        state = resume_pool(block(sim), window=HOUR, return_state=True)

    assert (state.type, state.name) == (StateType.CANCELLED, NAME), "neither completed nor failed"
    assert (state.message or "").startswith("2 of 3 hosts done, continues in the next window: xs3 would take")
    assert boots(sim) == ["xs1", "xs2"]

    clock.time = MIDNIGHT
    resume_pool(block(sim), window=HOUR)

    assert_done(sim, before)
    assert boots(sim) == ["xs1", "xs2", "xs3"]


def test_a_vm_that_does_not_get_home_by_the_end_is_told_and_brought_there_by_the_next_run(
    sim: SimulatedPool, tmp_path: Path, clock: Clock
) -> None:
    before = places(sim)
    stuck = next(vm for vm, host in before.items() if host == "xs1")
    clock.takes[Step.VERIFY] = timedelta(minutes=59)

    def not_before_the_run_has_looked_at_the_clock(call: str) -> None:
        if call.endswith("VM.pool_migrate") and clock.time > MIDNIGHT:
            clock.read_later.wait(60)

    at_each_call(sim, not_before_the_run_has_looked_at_the_clock)
    refusal = {"error": ["INTERNAL_ERROR", "simulated"]}
    fault(sim, "VM.pool_migrate", refusal, object=stuck, skip=1, times="always")

    with pytest.raises(Stopped, match=f"1 of 3 hosts done.* Not at home yet: {stuck}."):
        patch_in(HOUR, sim, tmp_path, clock)

    assert {vm for vm, host in places(sim).items() if before[vm] != host} == {stuck}
    assert boots(sim) == ["xs1"]
    assert all(row["enabled"] for row in sim.db.rows("host").values())

    sim.faults = sim.world.faults = Faults()
    patch(sim, tmp_path)

    assert_done(sim, before)


@pytest.mark.parametrize("slow", [Step.CHECKSUM, Step.UPLOAD], ids=["before the upload", "after it"])
def test_where_not_even_the_first_host_would_be_done_the_pool_is_as_it_was(
    sim: SimulatedPool, tmp_path: Path, clock: Clock, slow: Step
) -> None:
    clock.takes[slow] = timedelta(minutes=59)

    with pytest.raises(Refused, match="too late for this window: xs1 would take until 01:"):
        patch_in(HOUR, sim, tmp_path, clock)

    (pool,) = sim.db.rows("pool").values()
    assert (held_by(pool["other_config"]), sim.db.rows("pool_patch"), boots(sim)) == (None, {}, [])
    assert (power_changes(sim), sim.journal.calls("host.disable")) == ([], [])


def test_a_run_outside_of_its_window_does_not_even_look_at_the_pool(
    sim: SimulatedPool, tmp_path: Path, clock: Clock
) -> None:
    clock.time = MIDNIGHT + timedelta(hours=2)

    with pytest.raises(Refused, match="closed at 2027-01-10 01:00 UTC, and it is 02:00 UTC now"):
        patch_in(HOUR, sim, tmp_path, clock)

    assert changes(sim) == []
    assert sim.journal.calls("session.login_with_password") == []


def test_a_run_that_only_applies_needs_no_time_for_hosts(
    sim: SimulatedPool, tmp_path: Path, clock: Clock
) -> None:
    clock.time = HOUR.until - timedelta(seconds=1) if HOUR.until else MIDNIGHT

    report = patch_in(HOUR, sim, tmp_path, clock, mode="manual", task_list=tmp_path / "list.md")

    assert report.task_list is not None
    assert len(sim.db.rows("host_patch")) == 3
