"""What the journal tells of calls and of the state of VMs and hosts."""

import json
from pathlib import Path

from simulator import Fault, FaultRule, ManualClock, Model, SimulatedPool
from tests.simulator import raw
from tests.simulator.api import Api, failure
from tests.simulator.raw import value


def test_a_call_has_its_time_host_arguments_and_outcome(pool: SimulatedPool, api: Api) -> None:
    api.clock.advance(7)
    failure(api.VM.get_record, "x")

    assert pool.journal.lines[-1] == {
        "t": 7.0,
        "host": "xs1",
        "call": "VM.get_record",
        "args": ["x"],
        "result": "HANDLE_INVALID",
    }


def test_a_password_is_not_written(pool: SimulatedPool) -> None:
    raw.log_in(pool, host=2)

    (line,) = pool.journal.calls("session.login_with_password")
    assert (line["host"], line["args"], line["result"]) == ("xs3", ["root", "***"], "ok")


def test_an_async_call_is_written_when_its_task_ends(pool: SimulatedPool, api: Api) -> None:
    vm, host = api.named("VM", "vm-web-1"), api.named("host", "xs2")
    pool.faults.add(FaultRule("VM.pool_migrate", Fault(delay=30)))
    task = api.begin("VM.pool_migrate", vm, host, {"live": "true"})
    assert pool.journal.calls("VM.pool_migrate") == []

    api.finish(task)

    assert pool.journal.calls("VM.pool_migrate") == [
        {
            "t": 0.0,
            "host": "xs1",
            "call": "VM.pool_migrate",
            "async": True,
            "args": [vm, host, {"live": "true"}],
            "result": "ok",
        }
    ]


def test_a_call_that_is_none_is_written_too(pool: SimulatedPool) -> None:
    raw.call(pool, "no.such", value("OpaqueRef:x"))

    assert pool.journal.lines[-1]["result"] == "MESSAGE_METHOD_UNKNOWN"


def test_a_vm_that_moves_is_told_of(pool: SimulatedPool, api: Api) -> None:
    vm, host = api.named("VM", "vm-web-1"), api.named("host", "xs2")

    api.do("VM.pool_migrate", vm, host, {})

    (line,) = pool.journal.events("resident_on")
    assert (line["event"], line["uuid"], line["value"]) == (
        "vm",
        api.VM.get_uuid(vm),
        api.host.get_uuid(host),
    )


def test_a_host_that_changes_is_told_of(pool: SimulatedPool, api: Api) -> None:
    host = api.named("host", "xs2")

    api.host.disable(host)
    pool.db.set_in_map("host", host, "other_config", "boot_time", "1330000100.")
    pool.db.update("host_metrics", api.host.get_metrics(host), live=False)

    assert [(line["event"], line["field"], line["value"]) for line in pool.journal.events()] == [
        ("host", "enabled", False),
        ("host", "boot", 1330000100.0),
        ("host", "live", False),
    ]


def test_it_can_be_a_file_of_json_lines(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    with SimulatedPool(Model(vms=0), clock=ManualClock(), journal=path) as pool:
        raw.log_in(pool)
        lines = list(pool.journal.lines)

    assert [json.loads(line) for line in path.read_text().splitlines()] == lines
