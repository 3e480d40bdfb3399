"""The order in which xapi looks at a call, and what it says at each step."""

import pytest
import XenAPI

from simulator import SimulatedPool
from simulator.world import Phase
from tests.simulator import raw
from tests.simulator.api import Api, failure
from tests.simulator.raw import failed, log_in, value


def double(text: str) -> str:
    return f"<value><double>{text}</double></value>"


def test_an_unknown_method_is_named_without_async(pool: SimulatedPool) -> None:
    assert raw.call(pool, "Async.VM.no_such") == failed("MESSAGE_METHOD_UNKNOWN", "VM.no_such")


def test_what_later_releases_have_is_unknown(api: Api) -> None:
    assert failure(api.event.inject, "pool", "x") == ["MESSAGE_METHOD_UNKNOWN", "event.inject"]
    assert failure(api.pool_patch.pool_clean, "x") == ["MESSAGE_METHOD_UNKNOWN", "pool_patch.pool_clean"]


def test_what_the_release_has_and_the_simulator_has_not_says_so(api: Api, pool: SimulatedPool) -> None:
    vdi = next(iter(pool.db.rows("VDI")))

    assert failure(api.VDI.snapshot, vdi) == ["NOT_IMPLEMENTED", "VDI.snapshot"]


def test_the_count_of_arguments_is_without_the_session(api: Api) -> None:
    assert failure(api.VM.get_record) == ["MESSAGE_PARAMETER_COUNT_MISMATCH", "VM.get_record", "1", "0"]
    assert failure(api.VM.get_all, "surplus") == ["MESSAGE_PARAMETER_COUNT_MISMATCH", "VM.get_all", "0", "1"]


def test_without_a_session_too_the_count_is_right(pool: SimulatedPool) -> None:
    answer = raw.call(pool, "session.login_with_password", value("root"))

    assert answer == failed("MESSAGE_PARAMETER_COUNT_MISMATCH", "session.login_with_password", "2", "1")


def test_surplus_arguments_pass_where_some_are_optional(pool: SimulatedPool) -> None:
    args = [value(each) for each in ("root", "xenroot", "2.19", "Ansible", "whatever")]

    assert "Success" in raw.call(pool, "session.login_with_password", *args)


def test_a_wrong_type_names_the_parameter(pool: SimulatedPool) -> None:
    session = value(log_in(pool))
    events = "<value><array><data/></array></value>"

    assert raw.call(pool, "event.from", session, events, value(""), value("1")) == failed(
        "FIELD_TYPE_ERROR", "timeout"
    )
    assert raw.call(pool, "event.from", session, value("vm"), value(""), double("1")) == failed(
        "FIELD_TYPE_ERROR", "classes"
    )


def test_a_wrong_type_of_an_async_call_is_reported_at_once(api: Api, pool: SimulatedPool) -> None:
    vm = pool.db.find("VM", name__label="vm-web-1")[0]

    with pytest.raises(XenAPI.Failure) as caught:
        api.Async.VM.pool_migrate(vm, vm, "no map")

    assert caught.value.details == ["FIELD_TYPE_ERROR", "options"]


def test_the_count_is_looked_at_before_the_type_and_both_before_the_session(pool: SimulatedPool) -> None:
    nobody = value("OpaqueRef:none")

    assert "COUNT_MISMATCH" in raw.call(pool, "event.from", nobody, value("vm"))
    assert "FIELD_TYPE_ERROR" in raw.call(pool, "event.from", nobody, value("vm"), value(""), double("1"))
    assert raw.call(pool, "VM.get_record", nobody, nobody) == failed("SESSION_INVALID", "OpaqueRef:none")


def test_the_session_is_looked_at_before_async(pool: SimulatedPool) -> None:
    assert "SESSION_INVALID" in raw.call(pool, "Async.VM.get_all", value("OpaqueRef:none"))
    assert "No async mode for this operation (rpc: VM.get_all)" in raw.call(
        pool, "Async.VM.get_all", value(log_in(pool))
    )


@pytest.mark.parametrize("name", ["session.logout", "event.get_current_id", "task.create", "VM.get_uuid"])
def test_some_calls_have_no_async_mode(api: Api, name: str) -> None:
    cls, _, message = name.partition(".")
    args = ["a", "b"] if name == "task.create" else ["x"] if cls == "VM" else []

    with pytest.raises(XenAPI.xmlrpclib.Fault) as caught:
        getattr(getattr(api.Async, cls), message)(*args)

    assert (caught.value.faultCode, caught.value.faultString) == (
        0,
        f"No async mode for this operation (rpc: {name})",
    )


def test_a_slave_knows_the_session_and_sends_the_client_to_the_master(pool: SimulatedPool) -> None:
    session = log_in(pool)

    assert raw.call(pool, "VM.get_all", value(session), host=1) == failed("HOST_IS_SLAVE", "127.0.0.1")
    assert raw.call(pool, "VM.get_all", value("OpaqueRef:none"), host=1) == failed(
        "SESSION_INVALID", "OpaqueRef:none"
    )


def test_a_host_that_looks_for_its_pool_answers_emergency_calls_only(pool: SimulatedPool) -> None:
    slave = next(each for each in pool.world.hosts.values() if each.address == "127.0.0.2")
    slave.phase = Phase.BOOTING_EMERGENCY

    assert raw.call(pool, "no.such", host=1) == failed("HOST_STILL_BOOTING")
    local = raw.call(pool, "session.slave_local_login_with_password", value("root"), value("xenroot"), host=1)
    assert "Success" in local


def test_a_message_answers_to_its_other_name(pool: SimulatedPool) -> None:
    session = log_in(pool)

    assert raw.call(pool, "VM_get_all", value(session)) == raw.call(pool, "VM.get_all", value(session))


class TestObjects:
    def test_an_unknown_reference_is_named_with_its_class(self, api: Api) -> None:
        assert failure(api.VM.get_record, "OpaqueRef:none") == ["HANDLE_INVALID", "VM", "OpaqueRef:none"]
        assert failure(api.pool_patch.get_size, "x") == ["HANDLE_INVALID", "pool_patch", "x"]
        assert failure(api.task.destroy, "x") == ["HANDLE_INVALID", "task", "x"]

    def test_an_unknown_uuid_is_named_with_its_class(self, api: Api) -> None:
        assert failure(api.host.get_by_uuid, "none") == ["UUID_INVALID", "host", "none"]

    def test_nothing_by_that_name_is_no_error(self, api: Api) -> None:
        assert api.VM.get_by_name_label("nobody") == []

    def test_a_key_is_not_added_to_a_map_twice(self, api: Api) -> None:
        pool = api.pool.get_all()[0]
        api.pool.add_to_other_config(pool, "lock", "mine")

        assert failure(api.pool.add_to_other_config, pool, "lock", "theirs") == [
            "MAP_DUPLICATE_KEY",
            "pool",
            "other_config",
            pool,
            "lock",
        ]
        assert api.pool.get_other_config(pool) == {"lock": "mine"}

    def test_a_key_that_is_not_there_can_be_removed(self, api: Api) -> None:
        pool = api.pool.get_all()[0]

        api.pool.remove_from_other_config(pool, "lock")

        assert api.pool.get_other_config(pool) == {}

    def test_a_tag_is_in_a_set_once(self, api: Api) -> None:
        vm = api.VM.get_by_name_label("vm-web-1")[0]
        api.VM.add_tags(vm, "web")
        api.VM.add_tags(vm, "web")

        assert api.VM.get_tags(vm) == ["web"]
        api.VM.remove_tags(vm, "web")
        assert api.VM.get_tags(vm) == []

    def test_what_is_read_only_has_no_setter(self, api: Api) -> None:
        vm = api.VM.get_by_name_label("vm-web-1")[0]

        assert failure(api.VM.set_power_state, vm, "Halted") == [
            "MESSAGE_METHOD_UNKNOWN",
            "VM.set_power_state",
        ]

    def test_a_constructor_takes_a_struct_and_fills_in_the_rest(self, api: Api) -> None:
        given = {
            "name_label": "storage",
            "name_description": "",
            "MTU": "9000",
            "other_config": {},
            "tags": [],
        }

        network = api.network.create(given)

        assert api.network.get_record(network)["MTU"] == "9000"
        assert api.network.get_record(network)["PIFs"] == []
        api.network.destroy(network)
        assert failure(api.network.get_record, network) == ["HANDLE_INVALID", "network", network]

    def test_a_constructor_names_the_field_of_the_wrong_type(self, api: Api) -> None:
        given = {"name_label": "storage", "name_description": "", "MTU": 9000, "other_config": {}, "tags": []}

        assert failure(api.network.create, given) == ["FIELD_TYPE_ERROR", "MTU"]

    def test_a_constructor_needs_the_fields_that_have_no_default(self, api: Api) -> None:
        assert failure(api.network.create, {})[0] == "INTERNAL_ERROR"

    def test_a_class_whose_constructor_does_more_is_not_built(self, api: Api, pool: SimulatedPool) -> None:
        record = api.VDI.get_record(next(iter(pool.db.rows("VDI"))))

        assert failure(api.VDI.create, record) == ["NOT_IMPLEMENTED", "VDI.create"]


class TestQueries:
    @pytest.mark.parametrize(
        ("query", "names"),
        [
            ('field "name__label" = "vm-web-1"', ["vm-web-1"]),
            ('field "name__label"="vm-web-1" or field "name__label" = "vm-db-1"', ["vm-db-1", "vm-web-1"]),
            ('field "is_control_domain" = "true" and field "domid" = "0"', ["dom0", "dom0", "dom0"]),
            ('(not field "power_state" = "Running") and field "is_a_template" = "false"', ["off", "off"]),
            ("false", []),
        ],
    )
    def test_records_can_be_chosen_by_the_text_of_their_fields(
        self, api: Api, query: str, names: list[str]
    ) -> None:
        found = api.VM.get_all_records_where(query)

        shown = {"Control domain": "dom0", "vm-off": "off"}
        assert [
            next((short for long, short in shown.items() if name.startswith(long)), name)
            for name in sorted(record["name_label"] for record in found.values())
        ] == names

    def test_not_takes_in_all_that_follows(self, api: Api) -> None:
        everything = api.VM.get_all_records_where("true")

        assert api.VM.get_all_records_where("not false and false") == everything

    @pytest.mark.parametrize(
        "query", ["", "field", 'field "uuid"', "true true", "(true", 'field "uuid" < "x"']
    )
    def test_what_is_not_of_the_grammar_is_an_internal_error(self, api: Api, query: str) -> None:
        assert failure(api.VM.get_all_records_where, query)[0] == "INTERNAL_ERROR"

    def test_a_field_that_is_not_there_is_an_internal_error(self, api: Api) -> None:
        answer = failure(api.VM.get_all_records_where, 'field "name_label" = "vm-web-1"')

        assert answer == ["INTERNAL_ERROR", "missing field", "name_label", ""]
