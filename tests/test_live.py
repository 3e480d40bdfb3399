"""The live view: its frames on a terminal, its lines elsewhere."""

from __future__ import annotations

import time
from dataclasses import replace
from io import StringIO

import pytest
from rich.console import Console

from tests.plan.pools import host, planned, pool, vm
from xenpatch.live import Screen, show
from xenpatch.progress import (
    Advanced,
    Condition,
    Done,
    Event,
    Failed,
    HostState,
    MoveAdvanced,
    MoveDone,
    MoveStarted,
    Planned,
    Started,
    Step,
    Waited,
    Waiting,
    publish,
)
from xenpatch.units import MIB

POOL = pool({"xs1": 32, "xs2": 32}, {"vm-web": ("xs1", 4), "vm-db": ("xs1", 7), "vm-x": ("xs2", 1)})
PLAN = planned(POOL)
XS1, XS2 = host("xs1"), host("xs2")
REST = replace(PLAN, turns=PLAN.turns[1:], steps=tuple(step for step in PLAN.steps if step.wave == 2))
DB, WEB = PLAN.out(XS1)
DB_HOME, WEB_HOME = PLAN.back(XS1)

NOON = time.mktime((2026, 3, 2, 12, 0, 0, 0, 0, 0))


class Clock:
    """Epoch seconds that stand still until they are moved."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> float:
        return self.now


class Stage:
    """A screen, its clock, and what is on it."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.screen = Screen(clock=self.clock)

    def tell(self, *events: Event, after: float = 0.0) -> None:
        self.clock.now += after
        for event in events:
            self.screen(event)

    def lines(self) -> list[str]:
        console = Console(file=StringIO(), width=120, record=True)
        console.print(self.screen.render())
        return [line.rstrip() for line in console.export_text().splitlines()]

    def row(self, name: str) -> list[str]:
        """The cells of a host, as far as they are filled."""
        line = next(line for line in self.lines() if line.startswith(name))
        return [cell.strip() for cell in line.split("  ") if cell]


@pytest.fixture
def stage() -> Stage:
    """A run with its plan, before the first host."""
    stage = Stage()
    stage.tell(
        HostState(XS1, "xs1", Condition.IN_SERVICE),
        HostState(XS2, "xs2", Condition.IN_SERVICE),
        Planned(PLAN),
    )
    return stage


def test_before_anything_is_known_only_the_empty_bar_is_there() -> None:
    (line,) = Stage().lines()
    assert line.startswith("whole run")
    assert line.endswith("0%")


def test_a_host_has_a_row_with_its_state_and_how_many_vms_are_to_leave(stage: Stage) -> None:
    assert stage.row("xs1") == ["xs1", "in service", "2 to leave"]


def test_the_row_tells_the_step_when_it_began_and_how_long_it_takes(stage: Stage) -> None:
    stage.tell(Started(Step.MIGRATE, XS1, "2 VMs"), after=7)
    stage.clock.now += 65
    assert stage.row("xs1") == [
        "xs1", "in service", "migrate", "2 to leave", "12:00:07", "1 min 05 s"
    ]  # fmt: skip


def test_the_vms_left_go_down_with_each_move_and_up_for_the_way_home(stage: Stage) -> None:
    stage.tell(Started(Step.MIGRATE, XS1, "2 VMs"), MoveStarted(DB), MoveDone(DB))
    assert "1 to leave" in stage.row("xs1")[3]
    stage.tell(MoveStarted(WEB), MoveDone(WEB), Done(Step.MIGRATE, XS1))
    assert "2 to return" in stage.lines()[1]
    stage.tell(MoveDone(DB_HOME), MoveDone(WEB_HOME))
    assert "to return" not in stage.lines()[1]


def test_the_vms_left_stay_when_a_host_is_out_of_service_before_they_have_left(stage: Stage) -> None:
    stage.tell(Started(Step.MIGRATE, XS1, "take xs1 out of service"), Done(Step.MIGRATE, XS1))
    assert stage.row("xs1")[2] == "2 to leave"
    stage.tell(MoveStarted(DB))
    assert stage.row("xs1")[2:4] == ["migrate", "2 to leave"]


def test_a_turn_ends_when_nothing_of_it_is_left(stage: Stage) -> None:
    stage.tell(Started(Step.REBOOT, XS1, ""), Done(Step.REBOOT, XS1), after=5)
    stage.tell(Started(Step.VERIFY, XS1, ""), Done(Step.VERIFY, XS1), MoveStarted(DB_HOME))
    assert stage.row("xs1")[2:4] == ["bring VMs home", "2 to return"]
    stage.tell(MoveDone(DB_HOME), MoveDone(WEB_HOME), after=10)
    stage.clock.now += 100
    assert stage.row("xs1") == ["xs1", "in service", "12:00:05", "10 s"]


def test_a_move_that_was_not_planned_is_shown_and_belongs_to_no_turn(stage: Stage) -> None:
    stage.tell(MoveStarted(DB._replace(vm=vm("vm-new"), vm_name="vm-new")))
    assert "vm-new: xs1 -> xs2 0%" in stage.lines()
    assert stage.row("xs2") == ["xs2", "in service", "1 to leave"]


def test_a_vm_that_did_not_move_is_still_to_leave(stage: Stage) -> None:
    stage.tell(MoveStarted(DB), MoveAdvanced(DB, 0.5), MoveDone(DB, error="no room"))
    assert "2 to leave" in stage.lines()[1]
    assert not any("vm-db" in line for line in stage.lines())


def test_moves_under_way_have_a_line_each(stage: Stage) -> None:
    stage.tell(MoveStarted(DB), MoveStarted(WEB), MoveAdvanced(DB, 0.62))
    assert "vm-db: xs1 -> xs2 62%" in stage.lines()
    assert "vm-web: xs1 -> xs2 0%" in stage.lines()
    stage.tell(MoveDone(DB))
    assert not any("vm-db" in line for line in stage.lines())


def test_names_are_shown_as_they_are_and_never_read_as_markup(stage: Stage) -> None:
    stage.tell(MoveStarted(DB._replace(vm_name="vm [red] [/b]")), HostState(XS2, "[bold]xs2", Condition.DOWN))
    assert any("vm [red] [/b]: xs1" in line for line in stage.lines())
    assert any("[bold]xs2" in line for line in stage.lines())


def test_the_upload_has_a_bar_by_bytes_until_it_is_done() -> None:
    stage = Stage()
    stage.tell(
        Started(Step.UPLOAD, None, "XS602E008.xsupdate to xs1"),
        Advanced(Step.UPLOAD, None, 0.25, done=8 * MIB, total=32 * MIB),
    )
    step, bar, _ = stage.lines()
    assert step == "upload: XS602E008.xsupdate to xs1"
    assert bar.startswith("upload")
    assert bar.endswith("25% 8 MiB of 32 MiB")
    stage.tell(Done(Step.UPLOAD, None))
    assert len(stage.lines()) == 1


def test_what_is_waited_for_is_shown_with_its_limit_until_it_is_over(stage: Stage) -> None:
    stage.tell(Waiting("xs1 to be live", "not live", waited=34, limit=1800))
    assert "waiting for xs1 to be live (34 s, at most 30 min 00 s; seen: not live)" in stage.lines()
    stage.tell(Waited("xs1 to be live"))
    assert not any("waiting" in line for line in stage.lines())


def test_a_wait_that_nobody_reports_any_more_goes_away(stage: Stage) -> None:
    stage.tell(Waiting("xs1 to be live", "not live", waited=34, limit=1800))
    stage.clock.now += 16
    assert not any("waiting" in line for line in stage.lines())


def test_only_the_longest_waits_are_shown(stage: Stage) -> None:
    stage.tell(*(Waiting(f"thing {n}", "", waited=n, limit=60) for n in range(1, 6)))
    waits = [line for line in stage.lines() if line.startswith("waiting")]
    assert [line.split()[3] for line in waits] == ["5", "4", "3"]


def test_a_failure_is_shown_with_its_host_and_marks_the_row(stage: Stage) -> None:
    stage.tell(Started(Step.REBOOT, XS1, ""), Failed(Step.REBOOT, XS1, "it did not come back in 30 min"))
    assert "xs1: reboot failed: it did not come back in 30 min" in stage.lines()
    assert stage.row("xs1")[1] == "failed"


def test_a_step_that_is_tried_again_has_not_failed(stage: Stage) -> None:
    stage.tell(Started(Step.REBOOT, XS1, ""), Failed(Step.REBOOT, XS1, "no answer"))
    stage.tell(Started(Step.REBOOT, XS1, ""))
    assert stage.row("xs1")[1:3] == ["in service", "reboot"]
    stage.tell(Done(Step.REBOOT, XS1))
    assert not any("no answer" in line for line in stage.lines())


def test_a_patched_pool_tells_how_long_both_levels_ran_side_by_side(stage: Stage) -> None:
    assert not any("side by side" in line for line in stage.lines())
    stage.tell(HostState(XS1, "xs1", Condition.PATCHED))
    stage.clock.now += 90
    assert "1 of 2 hosts patched; both levels side by side for 1 min 30 s" in stage.lines()
    stage.tell(HostState(XS2, "xs2", Condition.PATCHED))
    stage.clock.now += 600
    assert "hosts of both levels ran side by side for 1 min 30 s" in stage.lines()


def test_a_pool_found_patched_never_was_of_two_levels() -> None:
    stage = Stage()
    stage.tell(HostState(XS1, "xs1", Condition.PATCHED), HostState(XS2, "xs2", Condition.PATCHED))
    assert not any("side by side" in line for line in stage.lines())


def test_there_is_no_time_left_before_there_is_a_plan() -> None:
    stage = Stage()
    stage.tell(Started(Step.CHECKSUM, None, "hotfix.zip"))
    assert "left" not in stage.lines()[-1]


def test_the_time_left_follows_the_pace_of_the_pool(stage: Stage) -> None:
    assert "about 28 min" in stage.lines()[-1]
    stage.tell(Started(Step.MIGRATE, XS1, ""), after=2)
    stage.tell(MoveDone(DB), MoveDone(WEB), Done(Step.REBOOT, XS1), Done(Step.VERIFY, XS1), after=13)
    assert "54%" in stage.lines()[-1]
    assert "about 13 s left" in stage.lines()[-1]


def share(stage: Stage) -> int:
    return int(stage.lines()[-1].split("%")[0].split()[-1])


def test_the_bar_is_full_when_the_report_is_made(stage: Stage) -> None:
    stage.tell(Started(Step.MIGRATE, XS1, ""))
    for turn in PLAN.turns:
        stage.tell(*(MoveDone(move) for move in PLAN.out(turn.host)))
        stage.tell(HostState(turn.host, turn.name, Condition.PATCHED))
        stage.tell(*(MoveDone(move) for move in PLAN.back(turn.host)), Done(Step.HOME, turn.host))
    stage.tell(Started(Step.REPORT, None, ""))
    assert "100%" in stage.lines()[-1]


def test_a_new_plan_keeps_what_is_done(stage: Stage) -> None:
    stage.tell(Started(Step.MIGRATE, XS1, ""), MoveDone(DB), MoveDone(WEB))
    stage.tell(Done(Step.REBOOT, XS1), Done(Step.VERIFY, XS1), Done(Step.HOME, XS1))
    before = share(stage)
    stage.tell(Planned(REST))
    assert abs(share(stage) - before) <= 1, "no more than what the estimate of the rest has changed by"


def test_work_that_is_reported_twice_counts_once(stage: Stage) -> None:
    stage.tell(Done(Step.REBOOT, XS1))
    before = stage.lines()[-1]
    stage.tell(Done(Step.REBOOT, XS1))
    assert stage.lines()[-1] == before


def test_a_terminal_gets_the_live_view() -> None:
    out = StringIO()
    with show(Console(file=out, force_terminal=True, width=100, _environ={"TERM": "xterm"}), clock=Clock()):
        publish(HostState(XS1, "xs1", Condition.IN_SERVICE))
        publish(Planned(PLAN))
    text = out.getvalue()
    assert "\x1b[" in text
    assert "whole run" in text
    assert "2 to leave" in text


def test_elsewhere_each_event_is_a_plain_line() -> None:
    out = StringIO()
    with show(Console(file=out, width=40), clock=Clock()):
        publish(HostState(XS1, "xs1", Condition.IN_SERVICE))
        publish(MoveStarted(DB._replace(vm_name="vm [red] with a name that is longer than a line")))
    assert out.getvalue().splitlines() == [
        "12:00:00 xs1 is in service",
        "12:00:00 vm [red] with a name that is longer than a line: xs1 -> xs2 (7 GiB)",
    ]


def test_nothing_is_shown_after_the_run() -> None:
    out = StringIO()
    with show(Console(file=out)):
        pass
    publish(HostState(XS1, "xs1", Condition.IN_SERVICE))
    assert out.getvalue() == ""
