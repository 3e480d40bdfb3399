"""What clients are told of changes, by event.from and by event.register with event.next."""

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
import XenAPI

from simulator import ManualClock, SimulatedPool
from simulator.call import Ref
from tests.simulator import raw
from tests.simulator.api import Api, failure
from tests.simulator.raw import log_in, value

NOTHING = "<value><array><data/></array></value>"


def listen(api: Api, classes: list[str], token: str = "", timeout: float = 0.0) -> dict[str, Any]:
    batch: dict[str, Any] = getattr(api.event, "from")(classes, token, timeout)
    return batch


def until(condition: Callable[[], bool]) -> None:
    """Let other threads run until the condition holds."""
    while not condition():
        time.sleep(0.001)


def told(batch: dict[str, Any]) -> list[tuple[str, str]]:
    return [(event["operation"], event["class"]) for event in batch["events"]]


class TestFrom:
    def test_without_a_token_it_tells_everything_as_added_and_changed(self, api: Api) -> None:
        batch = listen(api, ["host"])

        assert told(batch) == [("add", "host")] * 3 + [("mod", "host")] * 3
        assert {event["snapshot"]["name_label"] for event in batch["events"]} == {"xs1", "xs2", "xs3"}

    def test_an_event_has_the_form_that_clients_rely_on(self, api: Api) -> None:
        event = listen(api, ["pool"])["events"][0]

        assert set(event) == {"id", "timestamp", "class", "operation", "ref", "snapshot"}
        assert (event["timestamp"], event["class"]) == ("0.", "pool")
        assert int(event["id"]) > 0

    def test_the_counts_of_rows_are_real_numbers(self, api: Api) -> None:
        counts = listen(api, ["pool"])["valid_ref_counts"]

        assert (counts["host"], counts["pool"], counts["vm_metrics"]) == (3, 1, len(api.VM.get_all()))

    def test_with_a_token_it_tells_what_changed_since(self, api: Api) -> None:
        token = listen(api, ["vm", "task"])["token"]
        vm = api.named("VM", "vm-web-1")
        api.VM.add_tags(vm, "a")
        api.task.create("mine", "")

        batch = listen(api, ["vm", "task"], token)

        assert told(batch)[0] == ("add", "task")
        assert set(told(batch)[1:]) == {("mod", "vm"), ("mod", "task")}
        assert [event["snapshot"]["tags"] for event in batch["events"] if event["class"] == "vm"] == [["a"]]

    def test_what_is_gone_has_no_snapshot(self, api: Api) -> None:
        task = api.task.create("mine", "")
        token = listen(api, ["task"])["token"]
        api.task.destroy(task)

        (event,) = listen(api, ["task"], token)["events"]

        assert (event["operation"], event["ref"]) == ("del", task)
        assert "snapshot" not in event

    def test_what_came_and_went_is_not_told(self, api: Api) -> None:
        token = listen(api, ["task"])["token"]
        api.task.destroy(api.task.create("mine", ""))

        assert listen(api, ["task"], token)["events"] == []

    def test_class_names_are_taken_in_any_case_and_a_star_is_all(self, api: Api) -> None:
        assert told(listen(api, ["VM_Metrics"]))[0] == ("add", "vm_metrics")
        classes = {event["class"] for event in listen(api, ["*"])["events"]}
        assert {"vm", "host", "pool", "sr", "pbd", "network"} <= classes
        assert "session" not in classes

    def test_an_empty_list_is_nothing(self, api: Api) -> None:
        assert listen(api, [])["events"] == []

    def test_a_token_that_makes_no_sense_counts_as_none(self, api: Api) -> None:
        assert told(listen(api, ["pool"], "garbage")) == [("add", "pool"), ("mod", "pool")]

    def test_it_waits_until_the_time_is_over(self) -> None:
        with SimulatedPool(speed=100) as pool:
            session, before = value(log_in(pool)), pool.clock.now()

            answer = raw.call(
                pool, "event.from", session, NOTHING, value("999999,0."), "<value><double>30</double></value>"
            )

            assert "<name>events</name><value><array><data/></array></value>" in answer
            assert 30 <= pool.clock.now() - before < 60

    def test_it_wakes_when_something_changes(self, api: Api, pool: SimulatedPool) -> None:
        session = XenAPI.Session(pool.url)
        session.login_with_password("root", "xenroot")
        token = listen(api, ["vm"])["token"]
        batches: list[dict[str, Any]] = []
        listener = threading.Thread(
            target=lambda: batches.append(getattr(session.xenapi.event, "from")(["vm"], token, 3600.0))
        )
        listener.start()
        until(lambda: pool.world.subscriptions.get(Ref(session._session)) is not None)

        api.VM.add_tags(api.named("VM", "vm-web-1"), "a")
        listener.join()

        assert told(batches[0]) == [("mod", "vm")]

    def test_two_in_one_session_disturb_each_other(self, api: Api, pool: SimulatedPool) -> None:
        session, token = api.session._session, listen(api, ["vm"])["token"]
        classes = "<value><array><data><value>vm</value></data></array></value>"
        args = (value(session), classes, value(token), "<value><double>3600</double></value>")
        answers: list[str] = []
        listener = threading.Thread(target=lambda: answers.append(raw.call(pool, "event.from", *args)))
        listener.start()
        until(lambda: pool.world.subscriptions.get(Ref(session)) is not None)

        listen(api, ["host"])
        listener.join()

        assert answers == [raw.failed("SESSION_INVALID", session)]


class TestNext:
    def test_it_must_be_registered_for(self, api: Api) -> None:
        assert failure(api.event.next)[0] == "SESSION_NOT_REGISTERED"

    def test_it_tells_what_happened_since_the_last_time(self, api: Api) -> None:
        api.event.register(["vm", "Task"])
        vm = api.named("VM", "vm-web-1")
        api.VM.add_tags(vm, "a")
        api.VM.add_tags(vm, "b")

        events = api.event.next()

        assert [(event["class"], event["operation"]) for event in events] == [("vm", "mod"), ("vm", "mod")]
        assert [event["snapshot"]["tags"] for event in events] == [["a"], ["a", "b"]]
        assert [int(event["id"]) for event in events] == [0, 1]

    def test_one_can_unregister(self, api: Api) -> None:
        api.event.register(["vm", "pool"])
        api.event.unregister(["vm"])
        api.VM.add_tags(api.named("VM", "vm-web-1"), "a")
        api.pool.set_name_label(api.pool.get_all()[0], "other")

        assert [event["class"] for event in api.event.next()] == ["pool"]

    def test_a_heartbeat_comes_twice_a_minute(self, api: Api, clock: ManualClock) -> None:
        api.event.register(["*"])

        clock.advance(31)

        assert [event["class"] for event in api.event.next()] == ["pool"]

    def test_who_asks_too_late_has_lost_events(self, api: Api) -> None:
        api.event.register(["pool"])
        pool = api.pool.get_all()[0]
        for number in range(501):
            api.pool.set_name_label(pool, str(number))

        assert failure(api.event.next) == ["EVENTS_LOST"]

    def test_the_current_id_counts_events(self, api: Api) -> None:
        api.event.register(["pool"])
        before = int(api.event.get_current_id())

        api.pool.set_name_label(api.pool.get_all()[0], "other")

        assert int(api.event.get_current_id()) == before + 1

    @pytest.mark.parametrize("end", ["logout", "restart"])
    def test_who_waits_is_told_that_the_session_ended(self, pool: SimulatedPool, end: str) -> None:
        waiting = XenAPI.Session(pool.url)
        waiting.login_with_password("root", "xenroot")
        waiting.xenapi.event.register(["pool"])
        answers: list[str] = []
        session = value(waiting._session)
        listener = threading.Thread(target=lambda: answers.append(raw.call(pool, "event.next", session)))
        listener.start()
        if end == "logout":
            waiting.xenapi.session.logout()
        else:
            pool.world.forget_volatile()
        listener.join()

        assert "SESSION_INVALID" in answers[0]


class TestMessages:
    def test_a_message_can_be_left_and_found(self, api: Api) -> None:
        host = api.host.get_record(api.named("host", "xs1"))

        message = api.message.create("TEST", "5", "Host", host["uuid"], "body")

        assert api.message.get_record(message)["priority"] == "5"
        assert list(
            api.message.get("Host", host["uuid"], XenAPI.xmlrpclib.DateTime("19700101T00:00:00Z"))
        ) == [message]
        api.message.destroy(message)
        assert api.message.get_all_records() == {}

    def test_it_must_be_about_something(self, api: Api) -> None:
        assert failure(api.message.create, "TEST", "5", "Host", "none", "") == [
            "UUID_INVALID",
            "Host",
            "none",
        ]

    def test_it_is_told_as_added_only(self, api: Api) -> None:
        host = api.host.get_uuid(api.named("host", "xs1"))
        api.message.create("TEST", "5", "Host", host, "")

        assert told(listen(api, ["message"])) == [("add", "message")]
