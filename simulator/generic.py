"""The messages that follow from a class's fields, such as get_record or add_to_other_config."""

from collections.abc import Callable, Sequence
from typing import Any, Final

from simulator import query
from simulator.call import Call, Ref, XapiError
from simulator.data_model import Field, Message
from simulator.database import Row

CONSTRUCTIBLE: Final = frozenset({"VM", "VBD", "VIF", "PBD", "network", "VM_appliance", "secret", "subject"})
"""Classes whose generated constructor and destructor do no more than make and remove the row."""

Args = Sequence[Any]
Generic = Callable[[Call, Message, Args], Any]


def _field(message: Message) -> Field:
    if message.field is None:
        raise TypeError(f"{message.wire} is about no field")
    return message.field


def _get(call: Call, message: Message, args: Args) -> Any:
    return call.db.get(message.cls, args[0])[_field(message).row]


def _set(call: Call, message: Message, args: Args) -> None:
    call.db.update(message.cls, args[0], **{_field(message).row: args[1]})


def _add_to_map(call: Call, message: Message, args: Args) -> None:
    call.db.add_to_map(message.cls, args[0], _field(message).row, args[1], args[2])


def _remove_from_map(call: Call, message: Message, args: Args) -> None:
    call.db.remove_from_map(message.cls, args[0], _field(message).row, args[1])


def _add_to_set(call: Call, message: Message, args: Args) -> None:
    call.db.add_to_set(message.cls, args[0], _field(message).row, args[1])


def _remove_from_set(call: Call, message: Message, args: Args) -> None:
    call.db.remove_from_set(message.cls, args[0], _field(message).row, args[1])


def _get_record(call: Call, message: Message, args: Args) -> Row:
    return call.db.get(message.cls, args[0])


def _get_by_uuid(call: Call, message: Message, args: Args) -> Ref:
    return call.db.by_uuid(message.cls, args[0])


def _get_by_name_label(call: Call, message: Message, args: Args) -> list[Ref]:
    return call.db.find(message.cls, name__label=args[0])


def _get_all(call: Call, message: Message, _: Args) -> list[Ref]:
    return list(call.db.rows(message.cls))


def _get_all_records(call: Call, message: Message, _: Args) -> dict[Ref, Row]:
    return call.db.rows(message.cls)


def _get_all_records_where(call: Call, message: Message, args: Args) -> dict[Ref, Row]:
    matches = query.parse(args[0])
    cls = call.db.schema.classes[message.cls]
    rows = call.db.rows(message.cls)
    return {ref: row for ref, row in rows.items() if matches({**cls.as_text(row), "_ref": ref})}


def _create(call: Call, message: Message, args: Args) -> Ref:
    return call.db.create(_constructible(message), **args[0])


def _destroy(call: Call, message: Message, args: Args) -> None:
    call.db.get(message.cls, args[0])
    call.db.destroy(_constructible(message), args[0])


def _constructible(message: Message) -> str:
    if message.cls not in CONSTRUCTIBLE:
        raise XapiError("NOT_IMPLEMENTED", message.wire)
    return message.cls


GENERIC: Final[dict[str, Generic]] = {
    "get": _get,
    "set": _set,
    "add_to_map": _add_to_map,
    "remove_from_map": _remove_from_map,
    "add_to_set": _add_to_set,
    "remove_from_set": _remove_from_set,
    "get_record": _get_record,
    "get_by_uuid": _get_by_uuid,
    "get_by_name_label": _get_by_name_label,
    "get_all": _get_all,
    "get_all_records": _get_all_records,
    "get_all_records_where": _get_all_records_where,
    "create": _create,
    "destroy": _destroy,
}
