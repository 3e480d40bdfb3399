from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xenpatch.plan.model import Kind, Move, Plan, Reboot, Step, Turn
from xenpatch.plan.schedule import Schedule, timetable
from xenpatch.xapi.types import HostUuid, VmUuid

A, B, C = (HostUuid(name) for name in "abc")


def move(
    no: int, src: HostUuid, dst: HostUuid, after: tuple[int, ...] = (), *, turn: HostUuid | None = None
) -> Move:
    return Move(VmUuid(f"vm{no}"), f"vm{no}", src, src, dst, dst, 1, 1, no=no, turn=turn or src, after=after)


def reboot(no: int, host: HostUuid, after: tuple[int, ...] = ()) -> Reboot:
    return Reboot(host, host, no=no, wave=0, after=after)


def plan(*steps: Step) -> Plan:
    return Plan(tuple(Turn(host, host, 0) for host in (A, B, C)), steps)


def lasting(seconds: Mapping[int, float]) -> dict[int, float]:
    """Seconds by step number, one second for those not named."""
    return {no: seconds.get(no, 1.0) for no in range(1, 100)}


def begins(steps: Plan, at_once: int, seconds: Mapping[int, float]) -> dict[int, float]:
    lengths = lasting(seconds)
    return dict(timetable(steps, lambda step: lengths[step.no], at_once).begin)


def test_a_step_begins_when_all_it_waits_for_is_over() -> None:
    steps = plan(move(1, A, B), move(2, A, C), reboot(3, A, (1, 2)), move(4, B, A, (3,)))
    assert begins(steps, 4, {1: 5, 2: 7, 3: 100}) == {1: 0, 2: 0, 3: 7, 4: 107}


def test_what_a_step_waits_for_is_over_if_it_is_no_part_of_the_plan() -> None:
    assert begins(plan(move(7, A, B, after=(1, 2))), 1, {}) == {7: 0}


def test_a_host_sends_and_receives_no_more_than_its_slots() -> None:
    steps = plan(move(1, A, B), move(2, B, C), move(3, C, B))
    assert begins(steps, 1, {1: 5, 2: 7}) == {1: 0, 2: 5, 3: 12}
    assert begins(steps, 2, {1: 5, 2: 7}) == {1: 0, 2: 0, 3: 5}


def test_the_lowest_number_is_first_whatever_the_order_in_the_plan() -> None:
    assert begins(plan(move(2, A, B), move(1, A, B)), 1, {}) == {1: 0, 2: 1}


def test_a_move_without_a_slot_holds_up_no_other() -> None:
    d, e = HostUuid("d"), HostUuid("e")
    steps = plan(move(1, A, B), move(2, A, C), move(3, d, e))
    assert begins(steps, 1, {1: 9}) == {1: 0, 2: 9, 3: 0}


def test_a_reboot_needs_no_slot() -> None:
    assert begins(plan(move(1, A, B), reboot(2, C), reboot(3, A)), 1, {1: 9}) == {1: 0, 2: 0, 3: 0}


def test_less_than_one_slot_is_one() -> None:
    assert begins(plan(move(1, A, B)), 0, {}) == {1: 0}


def test_a_turn_ends_with_the_reboot_and_all_moves_for_the_sake_of_the_host() -> None:
    steps = plan(move(1, A, B), reboot(2, A, (1,)), reboot(3, B, (2,)), move(4, C, A, (3,), turn=A))
    times = timetable(steps, lambda step: 10.0 * step.no, 2)
    assert times.host_end == {A: 100, B: 60, C: 0}
    assert times.total == 100


def test_levels_are_mixed_from_the_end_of_the_first_reboot_to_the_beginning_of_the_last() -> None:
    steps = plan(
        reboot(1, A), move(2, B, A, (1,)), reboot(3, B, (2,)), move(4, C, A, (3,)), reboot(5, C, (4,))
    )
    assert timetable(steps, lambda _: 10.0, 2).mixed == 30


@pytest.mark.parametrize("steps", [plan(), plan(reboot(1, A)), plan(reboot(1, A), reboot(2, B))])
def test_levels_are_not_mixed_without_one_reboot_after_another(steps: Plan) -> None:
    assert timetable(steps, lambda _: 10.0, 2).mixed == 0


def test_a_plan_without_steps_takes_no_time() -> None:
    assert timetable(plan(), lambda _: 1.0, 2).total == 0


def test_steps_that_wait_for_each_other_are_named() -> None:
    circle = plan(move(1, A, B), move(2, A, B, (3,)), reboot(3, A, (2,)))
    with pytest.raises(ValueError) as refused:
        timetable(circle, lambda _: 1.0, 2)
    assert str(refused.value) == "steps that wait for each other: 2, 3"


def test_a_schedule_is_good_for_many_timetables() -> None:
    schedule = Schedule(plan(move(1, A, B), move(2, A, B), reboot(3, A, (1, 2))), 1)
    assert schedule.timetable(lambda _: 1.0).total == 3
    assert schedule.timetable(lambda _: 2.0).total == 6
    assert schedule.timetable(lambda _: 1.0).total == 3


HOSTS = [HostUuid(f"h{number}") for number in range(5)]


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """Any steps, each after some of those before it."""
    steps: list[Step] = []
    for no in range(1, draw(st.integers(0, 25)) + 1):
        after = tuple(draw(st.sets(st.integers(1, no - 1), max_size=3))) if no > 1 else ()
        src, dst = draw(st.permutations(HOSTS))[:2]
        steps.append(reboot(no, src, after) if draw(st.integers(0, 4)) == 0 else move(no, src, dst, after))
    return Plan(tuple(Turn(host, host, 0) for host in HOSTS), tuple(steps))


def uses(step: Step) -> set[HostUuid]:
    return {step.src, step.dst} if isinstance(step, Move) else set()


@settings(deadline=None)
@given(plans(), st.integers(1, 3), st.lists(st.integers(0, 9), min_size=25, max_size=25))
def test_steps_keep_their_order_and_hosts_their_slots(steps: Plan, at_once: int, lengths: list[int]) -> None:
    times = timetable(steps, lambda step: lengths[step.no - 1], at_once)
    for step in steps.steps:
        begin = times.begin[step.no]
        assert times.end[step.no] == begin + lengths[step.no - 1]
        assert all(times.end[no] <= begin for no in step.after)
        for host in uses(step):
            under_way = [
                other
                for other in steps.steps
                if host in uses(other) and times.begin[other.no] <= begin < times.end[other.no]
            ]
            assert len(under_way) <= at_once


def by_rescans(steps: Plan, lengths: list[int], at_once: int) -> dict[int, float]:
    """The rule word by word: at each event, go through all steps until none can begin."""
    begin: dict[int, float] = {}
    end: dict[int, float] = {}
    now = 0.0
    while len(begin) < len(steps.steps):
        for step in steps.steps:
            over = all(end.get(no, now + 1) <= now for no in step.after)
            busy = [host for no, ends in end.items() if ends > now for host in uses(steps.steps[no - 1])]
            if step.no not in begin and over and all(busy.count(host) < at_once for host in uses(step)):
                begin[step.no], end[step.no] = now, now + lengths[step.no - 1]
        now = min((ends for ends in end.values() if ends > now), default=now)
    return begin


@settings(deadline=None)
@given(plans(), st.integers(1, 3), st.lists(st.integers(1, 9), min_size=25, max_size=25))
def test_it_is_what_the_rule_says(steps: Plan, at_once: int, lengths: list[int]) -> None:
    times = timetable(steps, lambda step: lengths[step.no - 1], at_once)
    assert times.begin == by_rescans(steps, lengths, at_once)


def test_moves_home_count_for_the_host_they_come_to() -> None:
    home = Move(VmUuid("vm"), "vm", B, B, A, A, 1, 1, no=1, turn=A, kind=Kind.RETURN)
    assert timetable(plan(home), lambda _: 5.0, 1).host_end == {A: 5, B: 0, C: 0}
