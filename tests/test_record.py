import json
from dataclasses import asdict

from xenpatch.record import KEY, STOPPED, TAKEN, RunId, RunRecord, held_by, obstacle, owner, stop_reason

FIRST, SECOND, THIRD = RunId("run-1"), RunId("run-2"), RunId("run-3")
HOTFIX = "7c04fd30-9a0a-4894-9662-05ca9f866162"
RECORD = RunRecord(FIRST, HOTFIX, "XS602E008", "2026-11-23T02:00:00+00:00", "admin@console")
HELD = {KEY: json.dumps(asdict(RECORD))}


def test_a_pool_without_a_record_is_free() -> None:
    assert owner({}) is None
    assert obstacle({}, SECOND, HOTFIX) is None


def test_the_record_reads_back_as_it_was_written() -> None:
    assert held_by(HELD) == RECORD


def test_a_live_record_keeps_every_other_run_out_and_says_whose_it_is() -> None:
    reason = obstacle(HELD, SECOND, HOTFIX)

    assert reason is not None
    for part in (
        "run-1",
        "XS602E008",
        "2026-11-23T02:00:00+00:00",
        "admin@console",
        "This run changed nothing",
        "other-config:xenpatch-stopped-run-1=dead",
    ):
        assert part in reason


def test_a_record_that_cannot_be_read_still_locks_the_pool() -> None:
    assert obstacle({KEY: "not json"}, SECOND, HOTFIX) is not None


def test_a_run_may_enter_its_own_pool_again() -> None:
    assert obstacle(HELD, FIRST, HOTFIX) is None


def test_a_stopped_run_may_be_continued_with_the_same_hotfix_only() -> None:
    stopped = HELD | {STOPPED + FIRST: "ApplyFailed: xs2"}

    assert stop_reason(stopped) == "ApplyFailed: xs2"
    assert obstacle(stopped, SECOND, HOTFIX) is None
    assert "to be continued first" in (
        obstacle(stopped, SECOND, "11111111-2222-3333-4444-555555555555") or ""
    )


def test_who_took_over_from_a_stopped_run_owns_the_pool_alone() -> None:
    taken = HELD | {STOPPED + FIRST: "stopped", TAKEN + FIRST: SECOND}

    assert owner(taken) == SECOND
    assert obstacle(taken, SECOND, HOTFIX) is None
    assert obstacle(taken, FIRST, HOTFIX) is not None
    assert obstacle(taken, THIRD, HOTFIX) is not None


def test_an_heir_that_stops_has_an_heir_too() -> None:
    twice = HELD | {STOPPED + FIRST: "a", TAKEN + FIRST: SECOND, STOPPED + SECOND: "b", TAKEN + SECOND: THIRD}

    assert owner(twice) == THIRD


def test_a_run_that_has_stopped_must_take_over_from_itself() -> None:
    assert obstacle(HELD | {STOPPED + FIRST: "stopped"}, FIRST, HOTFIX) is None
    assert stop_reason(HELD | {STOPPED + FIRST: "stopped"}) == "stopped"


def test_a_circle_of_heirs_ends() -> None:
    assert owner(HELD | {TAKEN + FIRST: SECOND, TAKEN + SECOND: FIRST}) == SECOND
