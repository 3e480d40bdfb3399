"""How clients follow long calls."""

import threading
from collections.abc import Iterator

import pytest
import XenAPI

from simulator import ManualClock, SimulatedPool, handlers
from simulator.call import MESSAGES, Call, Ref, XapiError
from tests.simulator.api import Api, failure
from tests.simulator.raw import request, value, xml


@pytest.fixture
def handler() -> Iterator[dict[str, object]]:
    """Serves VM.assert_operation_valid, which returns nothing, in the way this mapping says."""
    behaviour: dict[str, object] = {"sleep": 0.0}

    def serve(call: Call, _vm: Ref, op: str) -> None:
        call.task.set_progress(0.5)
        call.sleep(float(str(behaviour["sleep"])))
        if error := behaviour.get("error"):
            raise XapiError(*str(error).split())
        if behaviour.get("bug"):
            raise KeyError(op)

    handlers.register()
    before = MESSAGES["VM.assert_operation_valid"]
    MESSAGES["VM.assert_operation_valid"] = serve
    yield behaviour
    MESSAGES["VM.assert_operation_valid"] = before


@pytest.fixture
def vm(api: Api) -> str:
    return api.named("VM", "vm-web-1")


def begin(api: Api, vm: str) -> str:
    return api.begin("VM.assert_operation_valid", vm, "start")


@pytest.mark.usefixtures("handler")
class TestAsync:
    def test_it_returns_a_task_at_once(
        self, api: Api, vm: str, handler: dict[str, object], clock: ManualClock
    ) -> None:
        handler["sleep"] = 100
        task = begin(api, vm)
        clock.advance(1)

        record = api.task.get_record(task)

        assert (record["name_label"], record["status"]) == ("Async.VM.assert_operation_valid", "pending")
        assert (record["progress"], record["type"], record["result"]) == (0.5, "<none/>", "")
        assert record["finished"].value == "19700101T00:00:00Z"
        assert record["allowed_operations"] == ["cancel"]
        assert record["resident_on"] == api.named("host", "xs1")

    def test_a_call_without_a_result_leaves_none(self, api: Api, vm: str, clock: ManualClock) -> None:
        task = begin(api, vm)
        clock.advance(1)

        record = api.task.get_record(task)

        assert (record["status"], record["progress"], record["result"]) == ("success", 1.0, "")
        assert record["finished"].value != "19700101T00:00:00Z"
        assert record["allowed_operations"] == []

    def test_a_result_is_left_as_the_xml_of_its_value(self, api: Api, vm: str, clock: ManualClock) -> None:
        task = api.begin("VM.get_possible_hosts", vm)
        clock.advance(1)

        result = api.task.get_result(task)

        assert result.startswith("<value><array><data><value>OpaqueRef:")

    def test_an_error_is_left_in_the_task(
        self, api: Api, vm: str, handler: dict[str, object], clock: ManualClock
    ) -> None:
        handler["error"] = "NO_HOSTS_AVAILABLE x"
        task = begin(api, vm)
        clock.advance(1)

        assert api.task.get_status(task) == "failure"
        assert api.task.get_error_info(task) == ["NO_HOSTS_AVAILABLE", "x"]

    def test_a_bug_is_an_internal_error(
        self, api: Api, vm: str, handler: dict[str, object], clock: ManualClock
    ) -> None:
        handler["bug"] = True
        task = begin(api, vm)
        clock.advance(1)

        assert api.task.get_error_info(task) == ["INTERNAL_ERROR", "KeyError('start')"]
        assert failure(api.VM.assert_operation_valid, vm, "start")[0] == "INTERNAL_ERROR"

    def test_it_can_be_cancelled_while_it_waits(
        self, api: Api, vm: str, handler: dict[str, object], clock: ManualClock
    ) -> None:
        handler["sleep"] = 100
        task = begin(api, vm)
        clock.advance(1)

        api.task.cancel(task)
        clock.advance(0)

        assert api.task.get_status(task) == "cancelled"
        assert api.task.get_error_info(task) == []
        assert list(api.task.get_current_operations(task).values()) == ["cancel"]

    def test_a_task_that_was_destroyed_is_not_missed(
        self, api: Api, vm: str, handler: dict[str, object], clock: ManualClock, pool: SimulatedPool
    ) -> None:
        handler["sleep"] = 100
        api.task.destroy(begin(api, vm))

        clock.advance(200)

        assert pool.journal.calls("VM.assert_operation_valid")[0]["result"] == "ok"
        assert api.task.get_all() == []


class TestSync:
    def test_it_has_a_task_while_it_runs(
        self, api: Api, vm: str, handler: dict[str, object], clock: ManualClock, pool: SimulatedPool
    ) -> None:
        handler["sleep"] = 100
        session = XenAPI.Session(pool.url)
        session.login_with_password("root", "xenroot")
        caller = threading.Thread(target=session.xenapi.VM.assert_operation_valid, args=(vm, "start"))
        caller.start()
        with pool.db.lock:
            pool.db.wait_until(lambda: bool(pool.db.rows("task")), 10)

        (record,) = api.task.get_all_records().values()
        assert (record["name_label"], record["status"]) == ("VM.assert_operation_valid", "pending")
        clock.advance(101)
        caller.join()
        assert api.task.get_all() == []

    def test_getters_have_none(self, api: Api, pool: SimulatedPool) -> None:
        generation = pool.db.tables["task"].changed

        api.VM.get_all_records()

        assert pool.db.tables["task"].changed == generation

    @pytest.mark.usefixtures("handler")
    def test_it_can_run_in_a_task_that_the_client_made(self, api: Api, vm: str, pool: SimulatedPool) -> None:
        task = api.task.create("mine", "")
        body = xml("VM.assert_operation_valid", *map(value, (api.session._session, vm, "start")))

        request(pool, "POST", "/", body, {"Task-id": task})

        assert api.task.get_status(task) == "success"
        assert api.task.get_all() == [task]


class TestOwnTasks:
    def test_a_client_can_make_one(self, api: Api) -> None:
        task = api.task.create("upload", "a hotfix")

        record = api.task.get_record(task)

        assert (record["name_label"], record["name_description"]) == ("upload", "a hotfix")
        assert (record["status"], record["allowed_operations"]) == ("pending", [])
        assert record["subtask_of"] == "OpaqueRef:NULL"

    def test_to_cancel_it_only_leaves_a_mark(self, api: Api) -> None:
        task = api.task.create("upload", "")

        api.task.cancel(task)

        assert api.task.get_status(task) == "pending"

    def test_its_other_config_can_be_written(self, api: Api) -> None:
        task = api.task.create("upload", "")

        api.task.add_to_other_config(task, "a", "b")

        assert api.task.get_other_config(task) == {"a": "b"}

    def test_only_what_is_there_can_be_destroyed_or_cancelled(self, api: Api) -> None:
        assert failure(api.task.destroy, "x") == ["HANDLE_INVALID", "task", "x"]
        assert failure(api.task.cancel, "x") == ["HANDLE_INVALID", "task", "x"]


class TestForgetting:
    def test_a_finished_task_is_kept_for_65_minutes(self, api: Api, clock: ManualClock) -> None:
        task = api.begin("VM.get_possible_hosts", api.named("VM", "vm-web-1"))
        clock.advance(60)

        clock.advance(63 * 60)
        assert api.task.get_status(task) == "success"
        clock.advance(3 * 60)
        assert failure(api.task.get_status, task)[0] == "HANDLE_INVALID"

    def test_a_pending_task_is_dropped_after_a_day(self, api: Api, clock: ManualClock) -> None:
        task = api.task.create("upload", "")

        clock.advance(23 * 3600)
        assert api.task.get_status(task) == "pending"
        clock.advance(3600 + 60)
        assert failure(api.task.get_status, task)[0] == "HANDLE_INVALID"

    def test_of_more_than_200_those_that_finished_first_go(
        self, api: Api, clock: ManualClock, pool: SimulatedPool
    ) -> None:
        times = [f"20120223T12:2{number // 60}:{number % 60:02}Z" for number in range(240)]
        tasks = [pool.db.create("task", status="success", finished=time, created=time) for time in times]
        pending = api.task.create("upload", "")

        clock.advance(60)

        assert set(api.task.get_all()) == {*tasks[41:], pending}
