"""XML-RPC in xapi's own form: no prolog, no white space between tags, bare strings, and numbers as strings.

Source: xapi 6.0.2, modules XMLRPC and Xml (xml-light2).
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final
from xml.etree import ElementTree as ET

from simulator.data_model import Class
from simulator.datatypes import Type
from simulator.schema import Schema

EMPTY: Final = "<value/>"
"""An empty string, and what a call without a result returns."""

_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"})
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f]")


def parse_call(body: bytes) -> tuple[str, list[ET.Element]]:
    """Read a methodCall: its name, and a `value` element for each parameter.

    Raises ET.ParseError if the body is not XML, ValueError if it is XML but not a call.
    """
    root = ET.fromstring(body)  # noqa: S314  # at most 300 KiB, and expat bounds what entities expand to
    name = root.findtext("methodName")
    params = root.find("params")
    if root.tag != "methodCall" or not name:
        raise ValueError("not a methodCall")
    values = [param.find("value") for param in params] if params is not None else []
    if any(value is None for value in values):
        raise ValueError("a param without a value")
    return name, [value for value in values if value is not None]


class Xml(str):
    """A value that its handler has marshalled already."""

    __slots__ = ()


def string(text: str) -> str:
    """Write a string value."""
    return f"<value>{_escape(text)}</value>" if text else EMPTY


def integer(number: int) -> str:
    """Write a real int, as only faults and event.from's counts have."""
    return f"<value><i4>{number}</i4></value>"


def array(values: Iterable[str]) -> str:
    """Write an array of values that are XML already."""
    data = "".join(values)
    return f"<value><array><data>{data}</data></array></value>" if data else _EMPTY_ARRAY


def struct(members: Iterable[tuple[str, str]]) -> str:
    """Write a struct of values that are XML already."""
    text = "".join(f"<member><name>{_escape(name)}</name>{value}</member>" for name, value in members)
    return f"<value><struct>{text}</struct></value>" if text else _EMPTY_STRUCT


def success(value: str) -> str:
    """Write the response of a call that succeeded."""
    return raw(struct([("Status", string("Success")), ("Value", value)]))


def failure(description: Iterable[str]) -> str:
    """Write the response of a call that failed: the code, then its parameters."""
    return raw(struct([("Status", string("Failure")), ("ErrorDescription", array(map(string, description)))]))


def fault(code: int, text: str) -> str:
    """Write the response to what is no call at all."""
    body = struct([("faultCode", integer(code)), ("faultString", string(text))])
    return f"<methodResponse><fault>{body}</fault></methodResponse>"


def raw(value: str) -> str:
    """Write a response without the envelope of status and value."""
    return f"<methodResponse><params><param>{value}</param></params></methodResponse>"


def marshal(schema: Schema, data_type: Type, value: Any) -> str:
    """Write a Python value as a value of this type; a record's value is its row."""
    if isinstance(value, Xml):
        return value
    writer = _WRITERS.get(data_type.kind)
    return writer(schema, data_type, value) if writer else string(str(value))


def record(schema: Schema, cls: Class, row: Mapping[str, Any]) -> str:
    """Write a row as the record that clients see."""
    return struct((each.wire, marshal(schema, each.type, row[each.row])) for each in cls.public)


def unmarshal(data_type: Type, value: ET.Element) -> Any:
    """Read a `value` element as this type; raise ValueError or LookupError if it is not.

    A record is read as a mapping of wire names to elements.
    """
    reader = _READERS.get(data_type.kind)
    return reader(data_type, value) if reader else text(value)


def text(value: ET.Element) -> str:
    """Read a `value` element as a string; raise ValueError if it is something else."""
    return ((_only(value, "string") if len(value) else value).text) or ""


def plain(value: ET.Element) -> Any:
    """Read a `value` element whatever it is, for the journal."""
    inner = next(iter(value), value)
    if inner.tag == "array":
        return [plain(item) for item in inner.iterfind("data/value")]
    if inner.tag == "struct":
        pairs = ((member.findtext("name"), member.find("value")) for member in inner.iterfind("member"))
        return {name: plain(member) for name, member in pairs if member is not None}
    return inner.text or ""


def _escape(text: str) -> str:
    return _NOT_XML.sub("", text).translate(_ESCAPES)


_EMPTY_ARRAY: Final = "<value><array><data/></array></value>"
_EMPTY_STRUCT: Final = "<value><struct/></value>"


def _write_set(schema: Schema, data_type: Type, value: Any) -> str:
    return array(marshal(schema, data_type.inner, item) for item in value)


def _write_map(schema: Schema, data_type: Type, value: Any) -> str:
    """Write a mapping, or pairs where xapi itself puts out a key twice."""
    pairs = value.items() if isinstance(value, Mapping) else value
    return struct((str(key), marshal(schema, data_type.inner, item)) for key, item in pairs)


_WRITERS: Final[dict[str, Callable[[Schema, Type, Any], str]]] = {
    "void": lambda _schema, _type, _value: EMPTY,
    "float": lambda _schema, _type, value: f"<value><double>{value:.16g}</double></value>",
    "bool": lambda _schema, _type, value: f"<value><boolean>{int(value)}</boolean></value>",
    "datetime": lambda _schema, _type, value: f"<value><dateTime.iso8601>{value}</dateTime.iso8601></value>",
    "set": _write_set,
    "map": _write_map,
    "record": lambda schema, data_type, value: record(schema, schema.classes[data_type.name], value),
}


def _only(value: ET.Element, *tags: str) -> ET.Element:
    if len(value) != 1 or value[0].tag not in tags:
        raise ValueError(f"expected {tags[0]}")
    return value[0]


def _items(value: ET.Element) -> list[ET.Element]:
    data = _only(value, "array").find("data")
    if data is None:
        raise ValueError("expected data")
    return data.findall("value")


def _members(value: ET.Element) -> list[tuple[str, ET.Element]]:
    return [(member.findtext("name") or "", member[1]) for member in _only(value, "struct")]


def _read_int(_: Type, value: ET.Element) -> int:
    return int(text(value), 0)


def _read_float(_: Type, value: ET.Element) -> float:
    return float(_only(value, "double").text or "")


def _read_bool(_: Type, value: ET.Element) -> bool:
    return _only(value, "boolean").text != "0"


def _read_datetime(_: Type, value: ET.Element) -> str:
    return _only(value, "dateTime.iso8601").text or ""


def _read_enum(data_type: Type, value: ET.Element) -> str:
    members = {member.lower(): member for member in data_type.members}
    return members[text(value).lower()]


def _read_set(data_type: Type, value: ET.Element) -> list[Any]:
    return [unmarshal(data_type.inner, item) for item in _items(value)]


def _read_map(data_type: Type, value: ET.Element) -> dict[str, Any]:
    return {name: unmarshal(data_type.inner, member) for name, member in _members(value)}


def _read_record(_: Type, value: ET.Element) -> dict[str, ET.Element]:
    return dict(_members(value))


_READERS: Final[dict[str, Callable[[Type, ET.Element], Any]]] = {
    "int": _read_int,
    "float": _read_float,
    "bool": _read_bool,
    "datetime": _read_datetime,
    "enum": _read_enum,
    "set": _read_set,
    "map": _read_map,
    "record": _read_record,
}
