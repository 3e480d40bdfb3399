"""A run in plain lines."""

from __future__ import annotations

import time

import pytest

from tests.plan.pools import host, planned, pool
from xenpatch.lines import Lines
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
    PoolSeen,
    Started,
    Step,
    Waited,
    Waiting,
)
from xenpatch.units import MIB

POOL = pool({"xs1": 32, "xs2": 32}, {"vm-web": ("xs1", 4)})
PLAN = planned(POOL)
XS1 = host("xs1")
MOVE = PLAN.out(XS1)[0]
NOON = time.mktime((2026, 3, 2, 12, 0, 0, 0, 0, 0))


def told(*events: Event) -> list[str]:
    """The lines for these events, without the time of day."""
    lines: list[str] = []
    listener = Lines(lines.append, clock=lambda: NOON)
    for event in (HostState(XS1, "xs1", Condition.IN_SERVICE), *events):
        listener(event)
    assert all(line.startswith("12:00:00 ") for line in lines)
    return [line.removeprefix("12:00:00 ") for line in lines[1:]]


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (PoolSeen(PLAN.pool, "lab", XS1, "XS602E008"), "XS602E008 for lab"),
        (HostState(XS1, "xs1", Condition.DOWN), "xs1 is down"),
        (Planned(PLAN), "plan: 2 hosts to reboot, 2 live migrations, 8 GiB"),
        (Started(Step.UPLOAD, None, "XS602E008 to xs1"), "upload: XS602E008 to xs1"),
        (Started(Step.REBOOT, XS1, "it is empty"), "xs1: reboot: it is empty"),
        (Done(Step.BACKUP, None, "saved to pool.xml"), "database backup: done (saved to pool.xml)"),
        (Done(Step.VERIFY, XS1), "xs1: verify: done"),
        (Failed(Step.REBOOT, XS1, "no answer"), "xs1: reboot: failed: no answer"),
        (MoveStarted(MOVE), "vm-web: xs1 -> xs2 (4 GiB)"),
        (MoveDone(MOVE), "vm-web is on xs2"),
        (MoveDone(MOVE, "xs2 is full"), "vm-web is still on xs1: xs2 is full"),
        (Waiting("a sign", "none", 5, 90), "waiting for a sign since 5 s, at most 1 min 30 s; seen: none"),
        (Started(Step.REBOOT, host("xs9"), "a host not heard of"), "xs9: reboot: a host not heard of"),
    ],
)  # fmt: skip
def test_an_event_is_a_line(event: Event, line: str) -> None:
    assert told(event) == [line]


def test_once_there_is_a_plan_the_end_of_a_hosts_step_tells_what_is_left() -> None:
    lines = told(Planned(PLAN), Done(Step.VERIFY, XS1))
    assert lines[-1].startswith("xs1: verify: done; ")
    assert lines[-1].endswith(" left")


def test_progress_is_told_each_quarter_and_not_at_its_end() -> None:
    parts = [Advanced(Step.UPLOAD, None, n / 20, done=n * MIB, total=20 * MIB) for n in range(21)]
    assert told(*parts) == [
        "upload 25% (5 MiB of 20 MiB)",
        "upload 50% (10 MiB of 20 MiB)",
        "upload 75% (15 MiB of 20 MiB)",
    ]


def test_the_progress_of_a_move_starts_again_with_each_attempt() -> None:
    attempt = (MoveStarted(MOVE), MoveAdvanced(MOVE, 0.6), MoveAdvanced(MOVE, 0.7))
    lines = ["vm-web: xs1 -> xs2 (4 GiB)", "vm-web: xs1 -> xs2 60%"]
    assert told(*attempt, *attempt) == lines * 2


def test_waiting_is_told_after_5_seconds_and_then_each_minute() -> None:
    waits = told(*(Waiting("xs1 to be live", "", waited=n, limit=600) for n in range(130)))
    assert waits == [
        f"waiting for xs1 to be live since {waited}, at most 10 min 00 s"
        for waited in ("5 s", "1 min 05 s", "2 min 05 s")
    ]


def test_a_second_wait_for_the_same_is_told_anew() -> None:
    wait = Waiting("xs1 to be live", "", waited=6, limit=60)
    assert len(told(wait, wait, Waited("xs1 to be live"), wait)) == 2
