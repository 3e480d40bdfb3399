"""Sessions and tasks that the pool forgets while they are in use."""

from __future__ import annotations

from itertools import count
from pathlib import Path

import pytest

from simulator import SimulatedPool
from tests.flows.kit import assert_done, assert_safe, at_each_call, patch, places
from xenpatch.errors import PoolError


@pytest.mark.parametrize("every", [5, 7])
def test_sessions_may_end_at_any_moment(sim: SimulatedPool, tmp_path: Path, every: int) -> None:
    before = places(sim)
    calls = count(1)
    ended = 0

    def end_all_sessions(call: str) -> None:
        nonlocal ended
        if not call.startswith("session.") and next(calls) % every == 0:
            for session in sim.db.rows("session"):
                sim.db.destroy("session", session)
                ended += 1

    at_each_call(sim, end_all_sessions)
    patch(sim, tmp_path)

    assert ended > 100
    assert_done(sim, before)


@pytest.mark.parametrize("task", ["Async.pool_patch.pool_apply", "Async.VM.pool_migrate", "xenpatch upload"])
@pytest.mark.parametrize("which", ["the first", "all"])
def test_tasks_may_vanish_before_they_are_read(
    sim: SimulatedPool, tmp_path: Path, task: str, which: str
) -> None:
    before = places(sim)
    vanished = 0

    def forget_the_task(call: str) -> None:
        nonlocal vanished
        if call == "task.get_record" and (which == "all" or not vanished):
            for ref in sim.db.find("task", name__label=task):
                sim.db.destroy("task", ref)
                vanished += 1

    at_each_call(sim, forget_the_task)
    try:
        patch(sim, tmp_path)
    except PoolError:
        assert_safe(sim, before.keys())
        at_each_call(sim, lambda _: None)
        patch(sim, tmp_path)

    assert vanished
    assert_done(sim, before)
    applied = [line for line in sim.journal.calls("pool_patch.pool_apply") if line["result"] == "ok"]
    assert len(applied) <= 1
