"""Runs that ended too early: who may continue them, how, and how they are given up."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from flows.abandon_pool import abandon_pool
from flows.resume_pool import resume_pool
from simulator import SimulatedPool
from tests.flows import awkward
from tests.flows.kit import (
    Somebody,
    block,
    boots,
    dies_at_the_reboot_of,
    patch,
    places,
    power_changes,
    traces,
)
from xenpatch.errors import LockLost, Refused, RunInProgress, Stopped
from xenpatch.options import How, PatchOptions
from xenpatch.progress import subscribe
from xenpatch.record import KEY, RunId, RunRecord, assert_ours, claim, declare_stopped, owner
from xenpatch.steps.presence import heartbeat
from xenpatch.xapi.session import open_session


@pytest.fixture(autouse=True)
def short_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who listens for a run does so for eight seconds at most."""
    monkeypatch.setenv("XENPATCH_HEARTBEAT_SECONDS", "2")


def killed_at_the_reboot_of(sim: SimulatedPool, folder: Path, host: str, options: PatchOptions) -> None:
    """The same, and the record as a killed run leaves it: without a word that it has stopped."""
    dies_at_the_reboot_of(sim, folder, host, options)
    ((pool, row),) = sim.db.rows("pool").items()
    kept = {key: value for key, value in row["other_config"].items() if "stopped" not in key}
    sim.db.update("pool", pool, other_config=kept)


def test_a_killed_run_is_continued_from_the_pool_alone_with_its_own_options(
    sim: SimulatedPool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    awkward.give_local_disk(sim, "vm-app-1")
    before = places(sim)
    killed_at_the_reboot_of(sim, tmp_path, "xs1", PatchOptions(stop={"storage": How.SUSPEND}))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "another machine"))

    report = resume_pool(block(sim))

    assert sorted(boots(sim)) == ["xs1", "xs2", "xs3"]
    assert places(sim) == before
    assert "vm-app-1 could not leave xs3" in "\n".join(report.summary())
    assert list(traces(sim)) == []


@contextmanager
def alive(sim: SimulatedPool, run: RunId) -> Iterator[None]:
    """That run goes on saying that it lives."""
    with heartbeat(partial(open_session, block(sim).endpoint()), run, every=0.2):
        yield


def holder(sim: SimulatedPool) -> RunId:
    (row,) = sim.db.rows("pool").values()
    found = owner(row["other_config"])
    assert found is not None
    return found


def test_a_run_that_lives_is_respected_until_it_is_told_to_stop(sim: SimulatedPool, tmp_path: Path) -> None:
    before = places(sim)
    killed_at_the_reboot_of(sim, tmp_path, "xs2", PatchOptions())
    first = holder(sim)

    with alive(sim, first):
        for again in ("resume", "patch"):
            with pytest.raises(RunInProgress) as refused:
                resume_pool(block(sim)) if again == "resume" else patch(sim, tmp_path)
            assert first in str(refused.value)
            assert "last heard of at 20" in str(refused.value)
        assert boots(sim) == ["xs1"]

        resume_pool(block(sim), take_over=True)

    assert boots(sim) == ["xs1", "xs2", "xs3"]
    assert places(sim) == before
    assert list(traces(sim)) == []


def test_who_was_declared_dead_acts_no_more(small_pool: SimulatedPool) -> None:
    run = RunId("first")
    with open_session(block(small_pool).endpoint()) as session:
        claim(session, RunRecord(run, "uuid", "X", "now", "me"))
        assert_ours(session, run)

        declare_stopped(session, run, "dead")

        with pytest.raises(LockLost, match="declared stopped on the pool"):
            assert_ours(session, run)


def test_there_is_nothing_to_resume_or_abandon_on_a_pool_without_a_run(sim: SimulatedPool) -> None:
    with pytest.raises(Refused, match="no run holds this pool"):
        resume_pool(block(sim))
    with pytest.raises(Refused, match="no run holds this pool"):
        abandon_pool(block(sim))


def test_a_record_that_does_not_say_how_is_continued_with_the_hotfix(
    sim: SimulatedPool, tmp_path: Path
) -> None:
    killed_at_the_reboot_of(sim, tmp_path, "xs2", PatchOptions())
    ((pool, row),) = sim.db.rows("pool").items()
    shorn = row["other_config"][KEY].replace("manifests", "something")
    sim.db.update("pool", pool, other_config=row["other_config"] | {KEY: shorn})

    with pytest.raises(Refused, match="start it again with its hotfix"):
        resume_pool(block(sim))
    patch(sim, tmp_path)

    assert boots(sim) == ["xs1", "xs2", "xs3"]


def test_a_run_is_given_up_and_what_stays_half_done_is_told(sim: SimulatedPool, tmp_path: Path) -> None:
    before = places(sim)
    killed_at_the_reboot_of(sim, tmp_path, "xs1", PatchOptions())
    assert places(sim) != before

    said = abandon_pool(block(sim))

    assert places(sim) == before
    assert set(power_changes(sim)) <= {"Running"}
    assert (boots(sim), list(traces(sim))) == ([], [])
    assert all(row["enabled"] for row in sim.db.rows("host").values())
    assert [f"{name} waits for a restart" in " ".join(said) for name in ("xs1", "xs2", "xs3")] == [True] * 3


def test_giving_up_moves_no_vm_back_to_an_older_level_and_wakes_those_that_were_stopped(
    sim: SimulatedPool, tmp_path: Path
) -> None:
    awkward.give_local_disk(sim, "vm-db-1")
    killed_at_the_reboot_of(sim, tmp_path, "xs2", PatchOptions(stop={"storage": How.SUSPEND}))
    assert "vm-db-1" not in places(sim)

    said = " ".join(abandon_pool(block(sim)))

    assert places(sim)["vm-db-1"] == "xs2"
    assert [vm for vm, host in places(sim).items() if host == "xs1" and f"{vm} runs on xs1" in said], said
    assert list(traces(sim)) == []


def test_who_stops_a_run_gets_the_host_in_hand_back_into_service_and_may_resume(
    sim: SimulatedPool, tmp_path: Path
) -> None:
    before = places(sim)

    def press_ctrl_c(*_: object) -> None:
        os.kill(os.getpid(), signal.SIGINT)

    with (
        subscribe(Somebody(sim, "xs2", press_ctrl_c)),
        pytest.raises(Stopped, match="xs2 is in service again"),
    ):
        patch(sim, tmp_path)

    assert boots(sim) == ["xs1"]
    gone = {vm: host for vm, host in places(sim).items() if before[vm] != host}
    assert set(gone.values()) <= {"xs1"}, "none goes back from an updated host"
    assert all(row["enabled"] for row in sim.db.rows("host").values())

    resume_pool(block(sim))

    assert boots(sim) == ["xs1", "xs2", "xs3"]
    assert places(sim) == before
    assert list(traces(sim)) == []
