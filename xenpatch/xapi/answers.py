"""Whether an answer is what its message returns, as far as anybody reads it: asked once, where it arrives.

What the messages return is in the XenAPI reference. Of a change nothing is read but whether it was done, so
that its value can be anything.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final
from xmlrpc.client import DateTime

from xenpatch.xapi.fields import FIELDS, MAP, MOMENT, SET, TEXT, Kind

_Shape = Callable[[str, Any], None]
"""Raises ValueError unless the value, whose name is given, is as it should be."""

_NAMES: Final[dict[type, str]] = {
    str: "text", bool: "a boolean", int: "an int", float: "a double", list: "an array", dict: "a struct",
    DateTime: "a date", type(None): "nothing",
}  # fmt: skip


def checked(method: str, value: Any) -> Any:
    """The value that the message returned, with the defaults of fields that this release lacks.

    Raises ValueError with what is wrong in it.
    """
    shape = _shape(method)
    if shape is not None:
        shape("the value", value)
    return value


def _shape(method: str) -> _Shape | None:
    if method.startswith("Async."):
        return _of(TEXT)
    if method in _RESULTS:
        return _RESULTS[method]
    kind, _, message = method.partition(".")
    fields = FIELDS.get(kind, {})
    if message in _OF_ANY_CLASS:
        return _OF_ANY_CLASS[message]
    if message == "get_record":
        return _record_of(kind)
    if message in ("get_all_records", "get_all_records_where"):
        return _records_of(kind)
    field = fields.get(message.removeprefix("get_"))
    return _of(field.kind) if field and message.startswith("get_") else None


def _of(kind: Kind) -> _Shape:
    def look(what: str, value: Any) -> None:
        if not kind.fits(value):
            raise ValueError(f"{what} is {_named(value)}, not {kind.words}")

    return look


def _record_of(kind: str) -> _Shape:
    def look(what: str, value: Any) -> None:
        record = _struct(what, value)
        for name, field in FIELDS[kind].items():
            if name in record:
                if not field.kind.fits(record[name]):
                    raise ValueError(f"{name} of {what} is {_named(record[name])}, not {field.kind.words}")
            elif field.default is None:
                raise ValueError(f"there is no {name} in {what}")
            else:
                record[name] = field.default

    return look


def _records_of(kind: str) -> _Shape:
    of_one = _record_of(kind)

    def look(what: str, value: Any) -> None:
        for ref, record in _struct(what, value).items():
            of_one(f"{kind} {ref:.60}", record)
        if kind == "pool" and len(value) != 1:
            raise ValueError(f"it holds {len(value)} pools")

    return look


def _one_pool(what: str, value: Any) -> None:
    _of(SET)(what, value)
    if len(value) != 1:
        raise ValueError(f"it holds {len(value)} pools")


def _reasons(what: str, value: Any) -> None:
    for ref, reason in _struct(what, value).items():
        _of(SET)(f"the reason for {ref:.60}", reason)
        if not reason:
            raise ValueError(f"there is no reason for {ref:.60}")


def _struct(what: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{what} is {_named(value)}, not a struct")  # noqa: TRY004 - all that is wrong is one
    return value


def _named(value: Any) -> str:
    name = _NAMES.get(type(value), type(value).__name__)
    return f"{name} {value!r:.60}" if isinstance(value, str | int | float) else name


_RESULTS: Final[dict[str, _Shape]] = {
    "session.login_with_password": _of(TEXT),
    "pool.get_all": _one_pool,
    "host.get_servertime": _of(MOMENT),
    "host.call_plugin": _of(TEXT),
    "host.get_vms_which_prevent_evacuation": _reasons,
    "task.create": _of(TEXT),
}
_OF_ANY_CLASS: Final[dict[str, _Shape]] = {
    "get_all": _of(SET),
    "get_by_name_label": _of(SET),
    "get_by_uuid": _of(TEXT),
    "get_other_config": _of(MAP),
}
