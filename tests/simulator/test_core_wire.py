"""What goes over the wire, byte for byte: clients are stricter than they should be."""

from xml.etree import ElementTree as ET

import pytest

from simulator import SimulatedPool
from simulator.datatypes import NEVER, Type, parse_type
from simulator.schema import RELEASES, Schema
from simulator.wire import marshal, plain, unmarshal
from tests.simulator import raw
from tests.simulator.raw import failed, log_in, succeeded, value

SCHEMA = Schema.of(RELEASES["6.0.2"])
NOTHING = Type("void")


def written(type_name: str, content: object) -> str:
    return marshal(SCHEMA, parse_type(type_name, {}), content)


def read(type_name: str, xml: str, **enums: tuple[str, ...]) -> object:
    return unmarshal(parse_type(type_name, enums), ET.fromstring(xml))


@pytest.mark.parametrize(
    ("type_name", "content", "xml"),
    [
        ("string", "a", "<value>a</value>"),
        ("string", "", "<value/>"),
        ("string", 'a<b>&"c"', "<value>a&lt;b&gt;&amp;&quot;c&quot;</value>"),
        ("string", "bell\x07", "<value>bell</value>"),
        ("int", 42, "<value>42</value>"),
        ("int", 2**40, "<value>1099511627776</value>"),
        ("float", 0.25, "<value><double>0.25</double></value>"),
        ("bool", True, "<value><boolean>1</boolean></value>"),
        ("datetime", NEVER, f"<value><dateTime.iso8601>{NEVER}</dateTime.iso8601></value>"),
        ("host ref", "OpaqueRef:1", "<value>OpaqueRef:1</value>"),
        ("enum x", "Running", "<value>Running</value>"),
        ("string set", [], "<value><array><data/></array></value>"),
        ("string set", ["a", ""], "<value><array><data><value>a</value><value/></data></array></value>"),
        ("(string -> string) map", {}, "<value><struct/></value>"),
        (
            "(int -> int) map",
            {0: 7},
            "<value><struct><member><name>0</name><value>7</value></member></struct></value>",
        ),
    ],
)  # fmt: skip
def test_values_are_written_as_xapi_does(type_name: str, content: object, xml: str) -> None:
    assert written(type_name, content) == xml


def test_nothing_is_written_as_an_empty_string() -> None:
    assert marshal(SCHEMA, NOTHING, None) == "<value/>"


def test_a_map_can_be_written_with_a_key_twice_as_xapi_does_where_it_is_wrong() -> None:
    xml = written("(string -> string) map", [("vm", "a"), ("vm", "b")])

    assert xml.count("<name>vm</name>") == 2


@pytest.mark.parametrize(
    ("type_name", "xml", "content"),
    [
        ("string", "<value>a</value>", "a"),
        ("string", "<value><string>a</string></value>", "a"),
        ("string", "<value/>", ""),
        ("string", "<value><string/></value>", ""),
        ("int", "<value><string>42</string></value>", 42),
        ("int", "<value>-1</value>", -1),
        ("float", "<value><double>60.1</double></value>", 60.1),
        ("bool", "<value><boolean>0</boolean></value>", False),
        (
            "string set",
            "<value>\n<array><data>\n<value><string>a</string></value>\n</data></array>\n</value>",
            ["a"],
        ),
        (
            "(string -> string) map",
            "<value><struct>\n<member>\n<name>k</name>\n<value>v</value>\n</member>\n</struct></value>",
            {"k": "v"},
        ),
    ],
)
def test_values_are_read_with_or_without_string_tags_and_white_space(
    type_name: str, xml: str, content: object
) -> None:
    assert read(type_name, xml) == content


@pytest.mark.parametrize(
    ("type_name", "xml"),
    [
        ("int", "<value><int>42</int></value>"),
        ("int", "<value><i4>42</i4></value>"),
        ("int", "<value>many</value>"),
        ("float", "<value>60.1</value>"),
        ("float", "<value><int>60</int></value>"),
        ("bool", "<value>true</value>"),
        ("string", "<value><nil/></value>"),
        ("string set", "<value>a</value>"),
        ("(string -> string) map", "<value><array><data/></array></value>"),
        ("enum state", "<value>Sleeping</value>"),
    ],
)
def test_values_of_another_type_are_refused(type_name: str, xml: str) -> None:
    with pytest.raises((ValueError, KeyError)):
        read(type_name, xml, state=("Running", "Halted"))


def test_enum_members_are_read_in_any_case() -> None:
    assert read("enum state", "<value>RUNNING</value>", state=("Running", "Halted")) == "Running"


def test_the_journal_reads_any_value() -> None:
    xml = "<value><array><data><value><int>1</int></value><value><struct/></value></data></array></value>"

    assert plain(ET.fromstring(xml)) == ["1", {}]


@pytest.mark.parametrize("inner", ["<array/>", "<struct><member/></struct>", "<struct>x</struct>", "<nil/>"])
def test_broken_values_are_refused_by_type_and_not_by_accident(pool: SimulatedPool, inner: str) -> None:
    args = [value(log_in(pool)), f"<value>{inner}</value>", value(""), "<value><double>0</double></value>"]

    assert raw.call(pool, "event.from", *args) == failed("FIELD_TYPE_ERROR", "classes")


def test_an_answer_has_no_prolog_and_no_white_space(pool: SimulatedPool) -> None:
    session = log_in(pool)
    host = pool.db.find("host", name__label="xs1")[0]

    answer = raw.call(pool, "host.get_name_label", value(session), value(host))

    assert answer == succeeded("<value>xs1</value>")


def test_a_call_without_a_result_returns_an_empty_string(pool: SimulatedPool) -> None:
    assert raw.call(pool, "session.logout", value(log_in(pool))) == succeeded("<value/>")


def test_a_failure_is_a_status_and_never_a_fault(pool: SimulatedPool) -> None:
    answer = raw.call(pool, "VM.get_all", value("OpaqueRef:none"))

    assert answer == failed("SESSION_INVALID", "OpaqueRef:none")


def test_the_headers_are_those_of_xapi(pool: SimulatedPool) -> None:
    body = raw.xml("VM.get_all", value("OpaqueRef:none"))

    answer = raw.request(pool, "POST", "/", body)

    assert answer.status == 200
    assert answer.headers == {
        "connection": "keep-alive",
        "cache-control": "no-cache, no-store",
        "content-type": "text/xml",
        "content-length": str(len(failed("SESSION_INVALID", "OpaqueRef:none"))),
    }


@pytest.mark.parametrize("path", ["/", "/RPC2", "/xmlrpc", "/anything/at/all"])
def test_every_path_takes_calls(pool: SimulatedPool, path: str) -> None:
    answer = raw.call(pool, "no.such", path=path)

    assert answer == failed("MESSAGE_METHOD_UNKNOWN", "no.such")


def test_what_is_not_xml_gets_a_fault(pool: SimulatedPool) -> None:
    answer = raw.request(pool, "POST", "/jsonrpc", '{"method": "session.login_with_password"}').body

    assert answer == (
        "<methodResponse><fault><value><struct>"
        "<member><name>faultCode</name><value><i4>1</i4></value></member>"
        "<member><name>faultString</name><value>Failed to parse supplied XML</value></member>"
        "</struct></value></fault></methodResponse>"
    )


def test_xml_that_is_no_call_gets_an_error_page(pool: SimulatedPool) -> None:
    assert raw.request(pool, "POST", "/", "<methodResponse/>").status == 500


def test_the_methods_can_be_listed_without_a_session_and_without_the_envelope(pool: SimulatedPool) -> None:
    answer = raw.call(pool, "system.listMethods")

    assert answer.startswith("<methodResponse><params><param><value><array><data><value>")
    names = {element.text for element in ET.fromstring(answer).iter("value")}
    assert {"VM.pool_migrate", "event.from", "pool_patch.pool_apply"} <= names
    assert not {"session.get_all_records", "event.inject", "pool_patch.pool_clean"} & names


def test_a_record_has_every_public_field_and_no_internal_one(pool: SimulatedPool) -> None:
    session, vm = log_in(pool), pool.db.find("VM", name__label="vm-web-1")[0]

    answer = ET.fromstring(raw.call(pool, "VM.get_record", value(session), value(vm)))

    names = [
        name.text for name in answer.findall("params/param/value/struct/member/value/struct/member/name")
    ]
    assert names[:4] == ["uuid", "allowed_operations", "current_operations", "power_state"]
    assert len(names) == 74
    assert "name_label" in names
    assert "scheduled_to_be_resident_on" not in names
