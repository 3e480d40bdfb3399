"""From the bytes of an XML-RPC request to those of its response, with xapi's order of checks.

Emergency mode, then the method's name, the number of arguments, their types, the session, and only then, in
the call's task, the caller's role and the call itself. Source: the dispatcher that xapi 6.0.2 generates
(Gen_server, Server_helpers, Api_server).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from xml.etree import ElementTree as ET

from simulator import rbac, sessions, tasks, wire
from simulator.call import NULL, Call, ConnectionDropped, NoTask, Ref, XapiError
from simulator.data_model import Message, Param
from simulator.journal import Entry, is_secret
from simulator.performing import carefully, carry_out, objects_of, texts_of
from simulator.world import World

EMERGENCY_CALLS: Final = frozenset(
    {
        "pool.emergency_reset_master",
        "pool.emergency_transition_to_master",
        "pool.is_slave",
        "session.slave_local_login",
        "session.slave_local_login_with_password",
        "session.local_logout",
        "host.propose_new_master",
        "host.commit_new_master",
        "host.abort_new_master",
        "host.local_assert_healthy",
        "host.signal_networking_change",
        "host.local_management_reconfigure",
        "host.ha_xapi_healthcheck",
        "host.emergency_ha_disable",
        "host.management_disable",
        "host.get_system_status_capabilities",
        "host.is_in_emergency_mode",
        "host.shutdown_agent",
    }
)
"""What a host answers while it cannot reach its pool."""
_NO_TASK_FOR: Final = frozenset({"task", "event"})
_CANCELLABLE: Final = frozenset({"VM", "host", "VDI", "VBD", "VIF", "SR"})
"""Classes whose calls take a lock first, and can be cancelled while they wait for it."""


@dataclass(frozen=True)
class Received:
    """One request that came to one host."""

    world: World
    host: Ref
    body: bytes
    task: Ref | None = None
    """Of the Task-id header: the task to run the call in."""
    subtask_of: Ref = NULL

    def answer(self) -> str:
        """Carry out the call and return the response's XML.

        Raises ConnectionDropped where a fault rule says so, and ValueError for XML that is no call.
        """
        try:
            name, values = wire.parse_call(self.body)
        except ET.ParseError:
            return wire.fault(1, "Failed to parse supplied XML")
        bare = name.removeprefix("Async.")
        entry = self.world.journal.open(self.world.name_of(self.host), bare, is_async=bare != name)
        try:
            return self._answer(bare, values, entry)
        except XapiError as error:
            entry.close(error.code)
            return wire.failure(error.description)

    def _answer(self, name: str, values: Sequence[ET.Element], entry: Entry) -> str:
        runtime = self.world.hosts[self.host]
        if runtime.in_emergency and name not in EMERGENCY_CALLS:
            raise XapiError(*runtime.emergency_error)
        if name == "system.listMethods":
            entry.close("ok")
            return wire.raw(wire.array(wire.string(each) for each in self.world.method_names()))
        wanted = self.world.db.schema.messages.get(name)
        if wanted is None:
            raise XapiError("MESSAGE_METHOD_UNKNOWN", name)
        entry.args = _for_journal(wanted, values)
        session, args = unmarshal_arguments(self.world, wanted, values)
        if name not in EMERGENCY_CALLS:
            self.world.wait_for_master(self.host)
        if wanted.session:
            sessions.check(self.world, self.host, session, wanted)
        if entry.is_async and not wanted.is_async:
            entry.close("fault")
            return wire.fault(0, f"No async mode for this operation (rpc: {name})")
        return self._start(wanted, session if wanted.session else None, args, entry)

    def _start(self, wanted: Message, session: Ref | None, args: list[Any], entry: Entry) -> str:
        fault = self.world.fault_for(wanted.wire, objects_of(wanted, args), texts_of(wanted, args))
        drop = fault.drop if fault else ""
        if drop == "before":
            entry.close("dropped")
            raise ConnectionDropped
        call = Call(self.world, self.host, session, self._task(wanted, session, entry), fault)
        work = Work(call, wanted, args, entry)
        if entry.is_async:
            self.world.spawn(work.run_in_background)
            value = wire.string(call.task.ref)
        else:
            value = work.run(keep_task=self.task is not None)
        if drop == "after":
            raise ConnectionDropped
        return wire.success(value)

    def _task(self, wanted: Message, session: Ref | None, entry: Entry) -> tasks.Task | NoTask:
        if self.task:
            return tasks.Task(self.world, self.task)
        if not wanted.is_async or wanted.cls in _NO_TASK_FOR:
            return NoTask()
        label = f"Async.{wanted.wire}" if entry.is_async else wanted.wire
        cancellable = wanted.cls in _CANCELLABLE
        return tasks.start(
            self.world, label, session=session, subtask_of=self.subtask_of, cancellable=cancellable
        )


@dataclass(frozen=True)
class Work:
    """A call that passed the checks."""

    call: Call
    wanted: Message
    args: list[Any]
    entry: Entry

    def run(self, *, keep_task: bool = False) -> str:
        """Carry it out, in the caller's time, and return the marshalled result."""
        task = self.call.task
        try:
            value = carefully(self.call, self._result)
            task.complete("" if self.wanted.result.kind == "void" else value)
        except XapiError as error:
            task.fail(error)
            raise
        finally:
            if not keep_task:
                task.destroy()
        self.entry.close("ok")
        return value

    def _result(self) -> str:
        if self.call.session:
            rbac.check(self.call.world, self.call.session, rbac.permission_of(self.wanted, self.args))
        result = carry_out(self.call, self.wanted, self.args)
        return wire.marshal(self.call.db.schema, self.wanted.result, result)

    def run_in_background(self) -> None:
        """Carry it out, with the outcome left in the task."""
        try:
            self.run(keep_task=True)
        except XapiError as error:
            self.entry.close(error.code)


def unmarshal_arguments(world: World, wanted: Message, values: Sequence[ET.Element]) -> tuple[Ref, list[Any]]:
    """Read the session and the arguments; raise MESSAGE_PARAMETER_COUNT_MISMATCH or FIELD_TYPE_ERROR.

    Where some parameters are optional, surplus arguments are ignored.
    """
    given = len(values) - wanted.session
    mandatory = sum(not param.optional for param in wanted.params)
    surplus = given > len(wanted.params) and mandatory == len(wanted.params)
    if given < mandatory or surplus:
        raise XapiError("MESSAGE_PARAMETER_COUNT_MISMATCH", wanted.wire, str(mandatory), str(given))
    session = Ref(_typed("session_id", wire.text, values[0])) if wanted.session else NULL
    own = values[1:] if wanted.session else values
    args = [_argument(world, param, own[place]) for place, param in enumerate(wanted.params) if place < given]
    return session, args + [param.default for param in wanted.params[len(args) :]]


def _argument(world: World, param: Param, value: ET.Element) -> Any:
    given = _typed(param.name, lambda element: wire.unmarshal(param.type, element), value)
    return _row(world, param.type.name, given) if param.type.kind == "record" else given


def _row(world: World, cls: str, members: Mapping[str, ET.Element]) -> dict[str, Any]:
    """Read the fields that a constructor takes; those left out take their defaults, if they have any."""
    row = {}
    for field in world.db.schema.classes[cls].fields.values():
        if field.access not in ("rw", "const"):
            continue
        if field.wire in members:
            row[field.row] = _argument(world, Param(field.wire, field.type), members[field.wire])
        elif field.required:
            raise XapiError("INTERNAL_ERROR", f"Server_helpers.Dispatcher_FieldNotFound({field.wire!r})")
    return row


def _typed(name: str, read: Callable[[ET.Element], Any], value: ET.Element) -> Any:
    try:
        return read(value)
    except (ValueError, LookupError):
        raise XapiError("FIELD_TYPE_ERROR", name) from None


def _for_journal(wanted: Message, values: Sequence[ET.Element]) -> list[Any]:
    own = values[1:] if wanted.session else values
    hidden = [is_secret(wanted, param) for param in wanted.params] + [False] * len(own)
    return ["***" if hide else wire.plain(value) for hide, value in zip(hidden, own, strict=False)]
