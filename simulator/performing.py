"""Carrying out a message: the fault it meets, then its handler."""

import logging
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from simulator.call import MESSAGES, NULL, Call, ConnectionDropped, XapiError
from simulator.data_model import Message
from simulator.generic import GENERIC

Result = TypeVar("Result")

_log = logging.getLogger("simulator")


def carry_out(call: Call, wanted: Message, args: Sequence[Any]) -> Any:
    """Have a message's handler do its work and return its result as a Python value.

    Raises NOT_IMPLEMENTED [name] for what the release has and the simulator has not.
    """
    if handler := MESSAGES.get(wanted.wire):
        return handler(call, *args)
    if generic := GENERIC.get(wanted.generic):
        return generic(call, wanted, args)
    raise XapiError("NOT_IMPLEMENTED", wanted.wire)


def carefully(call: Call, work: Callable[[], Result]) -> Result:
    """Do the work of a call, after the delay or with the error that a fault rule has for it.

    What goes wrong unforeseen is logged, and reaches the client as INTERNAL_ERROR [text], as with xapi.
    """
    if call.fault and call.fault.delay:
        call.sleep(call.fault.delay)
    if call.fault and call.fault.error:
        raise XapiError(*call.fault.error)
    try:
        return work()
    except (XapiError, ConnectionDropped):
        raise
    except Exception as error:
        if not isinstance(error, ConnectionError):
            _log.exception("a handler failed")
        raise XapiError("INTERNAL_ERROR", repr(error)) from error


def objects_of(wanted: Message, args: Sequence[Any]) -> list[str]:
    """Return the references among a message's arguments, for faults to match."""
    pairs = zip(wanted.params, args, strict=True)
    return [ref for param, arg in pairs for ref in _references(param.type.kind, arg)]


def texts_of(wanted: Message, args: Sequence[Any]) -> list[str]:
    """Return the texts among a message's arguments, for faults to match."""
    pairs = zip(wanted.params, args, strict=True)
    return [arg for param, arg in pairs if param.type.kind == "string"]


def _references(kind: str, arg: Any) -> Iterator[str]:
    if kind == "ref" and arg != NULL:
        yield arg
    elif kind == "set":
        yield from (item for item in arg if isinstance(item, str))
