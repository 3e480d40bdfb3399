"""Faults by rule: what they match, how often, and what they do to a call."""

import json
from pathlib import Path
from typing import Any

import pytest

from simulator import Fault, FaultRule, ManualClock, SimulatedPool, load_faults
from simulator.faults import Faults
from tests.simulator import raw
from tests.simulator.api import Api, failure
from tests.simulator.raw import log_in, value

GONE = Fault(error=("HOST_OFFLINE", "x"))


def hits(rule: FaultRule, calls: int, call: str = "VM.start", names: tuple[str, ...] = ()) -> list[bool]:
    faults = Faults([rule])
    return [faults.match(call, names) is not None for _ in range(calls)]


class TestMatching:
    def test_a_rule_is_for_one_call_of_its_name(self) -> None:
        assert hits(FaultRule("VM.start", GONE), 3) == [True, False, False]
        assert hits(FaultRule("VM.suspend", GONE), 1) == [False]

    def test_it_can_be_for_more(self) -> None:
        assert hits(FaultRule("VM.start", GONE, times=2), 3) == [True, True, False]
        assert hits(FaultRule("VM.start", GONE, times="always"), 3) == [True, True, True]

    def test_it_can_let_some_pass_first(self) -> None:
        assert hits(FaultRule("VM.start", GONE, skip=2), 4) == [False, False, True, False]

    def test_it_can_be_for_one_object(self) -> None:
        rule = FaultRule("VM.start", GONE, object="vm-1")

        assert hits(rule, 1, names=("vm-1", "uuid")) == [True]
        assert hits(rule, 1, names=("vm-2",)) == [False]

    def test_it_can_be_for_calls_with_one_text(self) -> None:
        faults = Faults([FaultRule("pool.add_to_other_config", GONE, key="ours-", times="always")])

        assert faults.match("pool.add_to_other_config", texts=("ours-1", "value")) == GONE
        assert faults.match("pool.add_to_other_config", texts=("theirs", "value")) is None

        exactly = Faults([FaultRule("pool.add_to_other_config", GONE, key="ours", times="always")])

        assert exactly.match("pool.add_to_other_config", texts=("ours", "value")) == GONE
        assert exactly.match("pool.add_to_other_config", texts=("ours-1", "value")) is None

    def test_it_can_be_left_to_chance_which_is_the_same_each_time(self) -> None:
        rule = FaultRule("VM.start", GONE, times="always", chance=0.5)

        assert 20 < sum(hits(rule, 100)) < 80
        assert hits(rule, 100) == hits(rule, 100)

    def test_the_first_that_matches_wins(self) -> None:
        first, second = Fault(delay=1), Fault(delay=2)
        faults = Faults([FaultRule("a", first), FaultRule("a", second)])

        assert [faults.match("a"), faults.match("a"), faults.match("a")] == [first, second, None]

    def test_rules_can_be_lifted(self) -> None:
        faults = Faults([FaultRule("a", GONE)])

        faults.clear()

        assert faults.match("a") is None


class TestReading:
    @pytest.mark.parametrize(
        ("do", "fault"),
        [
            ({"error": ["CODE", "p"]}, Fault(error=("CODE", "p"))),
            ({"drop": "before"}, Fault(drop="before")),
            ({"delay": 5}, Fault(delay=5.0)),
            ({"never": True}, Fault(never=True)),
            ({"fail": "output"}, Fault(fail="output")),
            ({"full": True}, Fault(full=True)),
        ],
    )
    def test_each_fault_has_its_form(self, do: dict[str, Any], fault: Fault) -> None:
        assert FaultRule.from_dict({"call": "x", "do": do}) == FaultRule("x", fault)

    def test_the_conditions_are_read(self) -> None:
        rule = FaultRule.from_dict(
            {"call": "x", "do": {"never": True}, "object": "a", "skip": 1, "times": "always", "chance": 0.5}
        )

        assert rule == FaultRule("x", Fault(never=True), "a", 1, "always", 0.5)

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"call": ""}, "call must name a call"),
            ({"do": "drop"}, "do must say what happens"),
            ({"do": {}}, "do must be one of"),
            ({"do": {"drop": "during"}}, "do must be one of"),
            ({"do": {"error": []}}, "do must be one of"),
            ({"do": {"never": True, "full": True}}, "do must be one of"),
            ({"do": {"delay": -1}}, "do must be one of"),
            ({"when": "now"}, "no such keys: when"),
            ({"object": 1}, "object must be a name or a uuid"),
            ({"key": 1}, "key must be a text"),
            ({"skip": -1}, "skip must be a number of calls"),
            ({"times": 0}, "times must be a number of calls"),
            ({"times": "often"}, "times must be a number of calls"),
            ({"chance": 0}, "chance must be above 0"),
        ],
    )
    def test_a_bad_rule_is_explained(self, change: dict[str, Any], message: str) -> None:
        with pytest.raises(ValueError, match=message):
            FaultRule.from_dict({"call": "x", "do": {"never": True}, **change})

    def test_a_file_holds_a_list(self, tmp_path: Path) -> None:
        path = tmp_path / "faults.json"
        path.write_text(json.dumps([{"call": "boot", "object": "xs2", "do": {"never": True}}]))

        assert load_faults(path) == [FaultRule("boot", Fault(never=True), object="xs2")]

    def test_a_bad_file_says_which_rule(self, tmp_path: Path) -> None:
        path = tmp_path / "faults.json"
        path.write_text(json.dumps([{"call": "boot", "do": {"never": True}}, {"call": "boot"}]))

        with pytest.raises(ValueError, match=r"faults\.json: rule 2: do must say"):
            load_faults(path)

    def test_a_file_without_a_list_is_refused(self, tmp_path: Path) -> None:
        path = tmp_path / "faults.json"
        path.write_text("{}")

        with pytest.raises(ValueError, match="not a list of rules"):
            load_faults(path)


class TestCalls:
    def test_an_error_fails_a_call_on_that_object_only(self, api: Api, pool: SimulatedPool) -> None:
        pool.faults.add(FaultRule("VM.get_record", GONE, object="vm-web-1", times="always"))

        assert failure(api.VM.get_record, api.named("VM", "vm-web-1")) == ["HOST_OFFLINE", "x"]
        assert api.VM.get_record(api.named("VM", "vm-db-1"))["name_label"] == "vm-db-1"

    def test_an_object_can_be_named_by_its_uuid(self, api: Api, pool: SimulatedPool) -> None:
        vm = api.named("VM", "vm-web-1")
        pool.faults.add(FaultRule("VM.get_record", GONE, object=api.VM.get_uuid(vm)))

        assert failure(api.VM.get_record, vm) == ["HOST_OFFLINE", "x"]

    def test_an_error_of_an_async_call_is_in_its_task(self, api: Api, pool: SimulatedPool) -> None:
        pool.faults.add(FaultRule("VM.pool_migrate", GONE))
        vm, host = api.named("VM", "vm-web-1"), api.named("host", "xs2")

        assert failure(api.do, "VM.pool_migrate", vm, host, {}) == ["HOST_OFFLINE", "x"]

    def test_a_call_can_begin_later(self, api: Api, pool: SimulatedPool, clock: ManualClock) -> None:
        pool.faults.add(FaultRule("VM.get_possible_hosts", Fault(delay=100)))
        task = api.begin("VM.get_possible_hosts", api.named("VM", "vm-web-1"))

        clock.advance(99)
        assert api.task.get_status(task) == "pending"
        clock.advance(2)
        assert api.task.get_status(task) == "success"

    @pytest.mark.parametrize(("when", "made"), [("before", 0), ("after", 1)])
    def test_a_connection_can_be_cut_before_or_after_the_call(
        self, api: Api, pool: SimulatedPool, when: Any, made: int
    ) -> None:
        pool.faults.add(FaultRule("task.create", Fault(drop=when)))

        with pytest.raises(ConnectionError):
            raw.call(pool, "task.create", value(log_in(pool)), value("a"), value("b"))

        assert len(api.task.get_all()) == made

    def test_the_usual_client_sends_a_call_twice_if_the_connection_is_cut(
        self, api: Api, pool: SimulatedPool
    ) -> None:
        pool.faults.add(FaultRule("task.create", Fault(drop="after")))

        api.task.create("a", "b")

        assert len(api.task.get_all()) == 2

    def test_an_async_call_that_was_cut_after_has_its_task(
        self, api: Api, pool: SimulatedPool, clock: ManualClock
    ) -> None:
        pool.faults.add(FaultRule("VM.get_possible_hosts", Fault(drop="after")))
        session, vm = value(log_in(pool)), value(api.named("VM", "vm-web-1"))

        with pytest.raises(ConnectionError):
            raw.call(pool, "Async.VM.get_possible_hosts", session, vm)
        clock.advance(1)

        assert [task["status"] for task in api.task.get_all_records().values()] == ["success"]

    def test_the_journal_calls_a_call_dropped_only_if_it_was_not_carried_out(
        self, pool: SimulatedPool
    ) -> None:
        pool.faults.add(FaultRule("session.logout", Fault(drop="before")))
        pool.faults.add(FaultRule("session.logout", Fault(drop="after")))
        session = value(log_in(pool))

        for _ in range(2):
            with pytest.raises(ConnectionError):
                raw.call(pool, "session.logout", session)

        assert [line["result"] for line in pool.journal.calls("session.logout")] == ["dropped", "ok"]

    def test_calls_of_hosts_among_themselves_meet_faults_too(self, api: Api, pool: SimulatedPool) -> None:
        pool.faults.add(FaultRule("VM.pool_migrate", GONE, object="vm-web-1"))
        host = api.named("host", "xs1")
        api.host.disable(host)

        assert failure(api.do, "host.evacuate", host) == ["HOST_OFFLINE", "x"]
