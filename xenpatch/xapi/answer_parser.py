"""The XML-RPC of an answer, read from a server that may be broken or hostile."""

from __future__ import annotations

import xmlrpc.client
from typing import Any, Final

from xenpatch.errors import AnswerUnusable, ReplyLost
from xenpatch.xapi.guarded_xml import Bounds, CutShort, GuardedParser, XmlRefused

BOUNDS: Final = Bounds(size=128 * 1024**2)
"""The longest answer is VM.get_all_records: 24 MB for 4,000 VMs of the simulator, whose records are short.

XenAPI's values lie five deep in one another, which makes 22 elements.
"""

_NO_ANSWER: Final = (  # what xmlrpc.client raises on values that are none, and on elements out of place
    xmlrpc.client.Error,
    ArithmeticError,
    AttributeError,
    LookupError,
    TypeError,
    ValueError,
)


class _FirstMemberWins(xmlrpc.client.Unmarshaller):
    """xapi 6.x sends structs with a member twice: the specific reason first, then a misleading one."""

    def end_struct(self, data: str) -> None:
        del data
        mark = self._marks.pop()
        stack: list[Any] = self._stack
        struct: dict[str, Any] = {}
        for name, value in zip(stack[mark::2], stack[mark + 1 :: 2], strict=True):
            if not isinstance(name, str):
                raise xmlrpc.client.ResponseError("a member whose name is no text")
            struct.setdefault(name, value)
        stack[mark:] = [struct]
        self._value = False

    dispatch: dict[str, Any] = {  # noqa: RUF012 - as in its base class
        **xmlrpc.client.Unmarshaller.dispatch,
        "struct": end_struct,
    }


class AnswerParser:
    """Takes an answer as it streams by, and gives its values: for XenAPI's messages one struct.

    Raises AnswerUnusable for what is none, ReplyLost for one that ends in the middle, and xmlrpc.client.Fault
    where the server says that it was no call. None of them names the call.
    """

    def __init__(self) -> None:
        self._values = _FirstMemberWins()
        self._values.xml("", None)  # text comes decoded
        self._parser = GuardedParser(BOUNDS, self._values.start, self._values.end, self._values.data)

    def feed(self, data: bytes) -> None:
        """Take the next bytes."""
        try:
            self._parser.feed(data)
        except XmlRefused as refused:
            raise AnswerUnusable("the call", str(refused)) from None
        except _NO_ANSWER as wrong:
            raise AnswerUnusable("the call", _no_xml_rpc(wrong)) from None

    def close(self) -> tuple[Any, ...]:
        """The values, when that was all."""
        try:
            self._parser.close()
            return self._values.close()
        except CutShort as cut:
            raise ReplyLost("the call", f"it ends in the middle: {cut}") from None
        except xmlrpc.client.Fault:
            raise
        except _NO_ANSWER as wrong:
            raise AnswerUnusable("the call", _no_xml_rpc(wrong)) from None


def _no_xml_rpc(wrong: Exception) -> str:
    return f"it is no XML-RPC: {str(wrong) or type(wrong).__name__:.200}"
