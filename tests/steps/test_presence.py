"""Runs say that they live, and nothing of that is left when they are over."""

from __future__ import annotations

import threading
from collections.abc import Collection
from functools import partial

import pytest

from simulator import Fault, FaultRule, SimulatedPool
from simulator.faults import Faults
from tests.flows.kit import block, traces
from xenpatch.record import ALIVE, KEY, RunId, RunRecord, claim, release
from xenpatch.steps.presence import heartbeat, make_way
from xenpatch.xapi.objects import pool_ref
from xenpatch.xapi.session import open_session

RUN = RunId("run")


class AtTheBeat(Faults):
    """Holds a beat up, between its look at the record and its word, until the run is over."""

    def __init__(self) -> None:
        super().__init__()
        self.reached, self.over = threading.Event(), threading.Event()
        self.armed = False

    def match(self, call: str, names: Collection[str] = (), texts: Collection[str] = ()) -> Fault | None:
        if self.armed and call == "host.get_servertime":
            self.reached.set()
            self.over.wait(30)
        return super().match(call, names, texts)


def test_a_beat_that_crosses_with_the_end_of_the_run_leaves_nothing(
    small_pool: SimulatedPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XENPATCH_HEARTBEAT_SECONDS", "0.01")
    points = AtTheBeat()
    small_pool.world.faults = points
    opening = partial(open_session, block(small_pool).endpoint())
    with opening() as session:
        claim(session, RunRecord(RUN, "uuid", "X", "now", "me"))
        points.armed = True
        with heartbeat(opening, RUN):
            assert points.reached.wait(30)
            release(session, RUN)
            points.over.set()

    assert list(traces(small_pool)) == []


@pytest.mark.parametrize("key", [KEY, ALIVE + RUN])
def test_a_record_whose_removal_gets_no_answer_is_known_to_be_gone(
    small_pool: SimulatedPool, key: str
) -> None:
    with open_session(block(small_pool).endpoint()) as session:
        claim(session, RunRecord(RUN, "uuid", "X", "now", "me"))
        lost = FaultRule("pool.remove_from_other_config", Fault(drop="after"), key=key)
        small_pool.faults.add(lost)

        release(session, RUN)

    assert list(traces(small_pool)) == []


def test_what_a_run_left_that_died_at_its_very_end_is_swept_up(small_pool: SimulatedPool) -> None:
    with open_session(block(small_pool).endpoint()) as session:
        claim(session, RunRecord(RUN, "uuid", "X", "now", "me"))
        session.call("pool.remove_from_other_config", pool_ref(session), KEY)
        assert list(traces(small_pool)) == [ALIVE + RUN]

        make_way(session, RunId("next"), "uuid", take_over=False)

    assert list(traces(small_pool)) == []
