"""message.*: what a pool has to say to its administrators. xapi keeps it in files, apart from its database.

Source: xapi 6.0.2, module Xapi_message.
"""

from typing import Final

from simulator.call import Call, Ref, XapiError, message
from simulator.database import Row
from simulator.dates import iso8601

_TABLES: Final = {"VM": "VM", "Host": "host", "SR": "SR", "Pool": "pool", "VMPP": "VMPP"}
"""What a message can be about."""


@message("message.create")
def create(call: Call, name: str, priority: int, cls: str, obj_uuid: str, body: str) -> Ref:
    """Leave a message about an object; UUID_INVALID [class, uuid] if there is none."""
    if not call.db.find(_TABLES[cls], uuid=obj_uuid):
        raise XapiError("UUID_INVALID", cls, obj_uuid)
    return call.db.create(
        "message",
        name=name,
        priority=priority,
        cls=cls,
        obj_uuid=obj_uuid,
        timestamp=iso8601(call.clock.now()),
        body=body,
    )


@message("message.destroy")
def destroy(call: Call, self: Ref) -> None:
    """Throw a message away."""
    call.db.get("message", self)
    call.db.destroy("message", self)


@message("message.get")
def get(call: Call, cls: str, obj_uuid: str, since: str) -> dict[Ref, Row]:
    """Return the messages about an object since a date; UUID_INVALID [] if there is no such object."""
    if not call.db.find(_TABLES[cls], uuid=obj_uuid):
        raise XapiError("UUID_INVALID")
    found = get_since(call, since)
    return {ref: row for ref, row in found.items() if (row["cls"], row["obj_uuid"]) == (cls, obj_uuid)}


@message("message.get_since")
def get_since(call: Call, since: str) -> dict[Ref, Row]:
    """Return the messages since a date."""
    return {ref: row for ref, row in get_all_records(call).items() if row["timestamp"] > since}


@message("message.get_all")
def get_all(call: Call) -> list[Ref]:
    """Return all messages."""
    return list(get_all_records(call))


@message("message.get_all_records")
def get_all_records(call: Call) -> dict[Ref, Row]:
    """Return all messages."""
    return call.db.rows("message")


@message("message.get_all_records_where")
def get_all_records_where(call: Call, expr: str) -> dict[Ref, Row]:
    """Return all messages, whatever the query: 6.0.2 does not look at it."""
    del expr
    return get_all_records(call)


@message("message.get_record")
def get_record(call: Call, self: Ref) -> Row:
    """Return one message."""
    return call.db.get("message", self)


@message("message.get_by_uuid")
def get_by_uuid(call: Call, uuid: str) -> Ref:
    """Find a message."""
    return call.db.by_uuid("message", uuid)
