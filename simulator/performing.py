"""Carrying out a message: the fault it meets, then its handler."""

from collections.abc import Iterator, Sequence
from typing import Any

from simulator.call import MESSAGES, NULL, Call, XapiError
from simulator.generic import GENERIC
from simulator.schema import Message


def perform(call: Call, wanted: Message, args: Sequence[Any]) -> Any:
    """Carry out a message on behalf of a call and return its result as a Python value.

    Raises NOT_IMPLEMENTED [name] for what the release has and the simulator has not.
    """
    meet(call)
    if handler := MESSAGES.get(wanted.wire):
        return handler(call, *args)
    if generic := GENERIC.get(wanted.generic):
        return generic(call, wanted, args)
    raise XapiError("NOT_IMPLEMENTED", wanted.wire)


def meet(call: Call) -> None:
    """Let the call meet the delay or error that a fault rule has for it."""
    if call.fault and call.fault.delay:
        call.sleep(call.fault.delay)
    if call.fault and call.fault.error:
        raise XapiError(*call.fault.error)


def objects_of(wanted: Message, args: Sequence[Any]) -> list[str]:
    """Return the references among a message's arguments, for faults to match."""
    pairs = zip(wanted.params, args, strict=True)
    return [ref for param, arg in pairs for ref in _references(param.type.kind, arg)]


def _references(kind: str, arg: Any) -> Iterator[str]:
    if kind == "ref" and arg != NULL:
        yield arg
    elif kind == "set":
        yield from (item for item in arg if isinstance(item, str))
