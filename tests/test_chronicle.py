"""What a run has done, as it is told and drawn afterwards."""

from __future__ import annotations

from itertools import count

from tests.test_live import DB, DB_HOME, NOON, PLAN, WEB, XS1, XS2
from xenpatch.chronicle import Chronicle
from xenpatch.plan.picture import svg
from xenpatch.plan.scene import Bar, Phase
from xenpatch.progress import (
    Condition,
    Done,
    Event,
    Failed,
    HostState,
    MoveDone,
    MoveStarted,
    PoolSeen,
    Started,
    Step,
)

SEEN = (
    PoolSeen(PLAN.pool, "pool", XS1, "XS602E008"),
    HostState(XS2, "xs2", Condition.IN_SERVICE),
    HostState(XS1, "xs1", Condition.IN_SERVICE),
)
TURN = (
    Started(Step.MIGRATE, XS1, "take xs1 out of service"),
    HostState(XS1, "xs1", Condition.DISABLED),
    MoveStarted(DB),
    MoveStarted(WEB),
    MoveDone(WEB, error="no room"),
    MoveDone(DB),
    Started(Step.MAINTENANCE, XS1, ""),
    Done(Step.MAINTENANCE, XS1),
    Started(Step.REBOOT, XS1, ""),
    HostState(XS1, "xs1", Condition.DOWN),
    HostState(XS1, "xs1", Condition.IN_SERVICE),
    Done(Step.REBOOT, XS1),
    Started(Step.VERIFY, XS1, ""),
    Done(Step.VERIFY, XS1),
    HostState(XS1, "xs1", Condition.PATCHED),
    MoveStarted(DB_HOME),
    MoveDone(DB_HOME),
)


def told(*events: Event) -> Chronicle:
    """A second for each event, from noon on."""
    seconds = count(NOON)
    chronicle = Chronicle(clock=lambda: next(seconds))
    for event in events:
        chronicle(event)
    return chronicle


def after(events: tuple[Event, ...], event: Event) -> int:
    """When that event was, in seconds from noon, in a chronicle of `SEEN` and the events."""
    return len(SEEN) + events.index(event) + 1


def test_what_a_host_went_through_is_told_with_its_times() -> None:
    seen = told(*SEEN, *TURN).bars(XS1)

    assert [(bar.phase, bar.what) for bar in seen] == [
        (Phase.EMPTIED, "1 VM, 7 GiB"),
        (Phase.REBOOTS, ""),
        (Phase.VERIFIED, ""),
        (Phase.REFILLED, "1 VM, 7 GiB"),
    ]
    emptied, reboots, *_ = seen
    assert (emptied.begin - NOON, emptied.end - NOON) == (after(TURN, TURN[0]), after(TURN, TURN[7]))
    assert (reboots.begin - NOON, reboots.end - NOON) == (after(TURN, TURN[9]), after(TURN, TURN[11]))


def test_a_move_is_told_with_its_times_and_one_that_failed_is_not() -> None:
    made = told(*SEEN, *TURN).made

    assert [(each.move, each.end - each.begin) for each in made] == [(DB, 3), (DB_HOME, 1)]


def test_only_what_this_run_has_patched_counts_as_its_work() -> None:
    chronicle = told(*SEEN[:1], HostState(XS2, "xs2", Condition.PATCHED), *SEEN[2:], *TURN)

    assert chronicle.patched == {XS1: "xs1"}
    assert chronicle.scene().updated == {XS2: 0, XS1: after(TURN, TURN[14])}


def test_a_run_that_ends_in_the_middle_shows_how_far_it_got() -> None:
    begun = told(*SEEN, *TURN[:10])

    assert begun.bars(XS1)[-1] == Bar(
        XS1, Phase.REBOOTS, NOON + after(TURN, TURN[9]), NOON + after(TURN, TURN[9])
    )
    assert begun.scene().updated == {}


def test_a_host_that_goes_back_into_service_is_not_emptied_any_more() -> None:
    failed = Failed(Step.MIGRATE, XS1, "no room")
    chronicle = told(*SEEN, *TURN[:4], failed, HostState(XS1, "xs1", Condition.IN_SERVICE), *TURN[-2:])

    assert [(bar.phase, bar.end - bar.begin) for bar in chronicle.bars(XS1)] == [
        (Phase.EMPTIED, 5),
        (Phase.REFILLED, 1),
    ]


def test_a_toolstack_that_restarts_is_no_reboot() -> None:
    assert told(*SEEN, Started(Step.REBOOT, XS1, ""), Done(Step.REBOOT, XS1)).bars(XS1) == []


def test_it_is_drawn_with_the_hosts_in_the_order_of_their_turns() -> None:
    chronicle = told(*SEEN, *TURN)
    drawing = svg(chronicle.scene(), XS1, chronicle.title())

    assert list(chronicle.scene().hosts) == [XS1, XS2]
    assert "<title>xs1 reboots, 12:00:13 to 12:00:15</title>" in drawing
    assert "<title>xs1 is emptied: 1 VM, 7 GiB, 12:00:04 to 12:00:11</title>" in drawing
    assert "1: vm-db, 7 GiB, xs1 → xs2" in drawing
    assert "2: vm-db, 7 GiB, xs2 → xs1" in drawing


def test_a_run_that_has_done_nothing_is_drawn_as_well() -> None:
    assert svg(told(*SEEN).scene(), XS1, "nothing").startswith("<svg")
    assert svg(told().scene(), None, "nothing").startswith("<svg")
