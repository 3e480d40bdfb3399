"""Reading XML that may have been made to do harm: bounded in size and depth, and nothing is ever expanded."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final
from xml.parsers import expat

_MIB: Final = 1024**2


@dataclass(frozen=True)
class Bounds:
    """How large a document may be, and each of its tags (bytes), and how many elements lie in one another."""

    size: int
    tag: int = _MIB
    depth: int = 200


class XmlRefused(Exception):
    """The document is not well-formed, or goes beyond its bounds; the reason says where."""


class CutShort(XmlRefused):
    """The document ends in the middle."""


class GuardedParser:
    """An expat parser that is fed as the document streams by.

    A document type is refused, and with it every entity declaration. A tag that has no end is refused, as
    expat before 2.6 reads it again from its beginning each time that it is fed (CVE-2023-52425). Text is
    taken for UTF-8, whatever the document says: xapi writes nothing else.
    """

    def __init__(
        self,
        bounds: Bounds,
        start: Callable[[str, dict[str, str]], object],
        end: Callable[[str], object] | None = None,
        data: Callable[[str], object] | None = None,
    ) -> None:
        self._bounds = bounds
        self._start, self._end = start, end
        self._depth = self._fed = 0
        self._parser = expat.ParserCreate("utf-8")
        self._parser.buffer_text = True
        self._parser.StartDoctypeDeclHandler = self._doctype
        self._parser.StartElementHandler = self._open
        self._parser.EndElementHandler = self._close
        self._parser.CharacterDataHandler = data

    def feed(self, data: bytes) -> None:
        """Take the next bytes. Raises XmlRefused, and whatever the handlers raise."""
        self._fed += len(data)
        if self._fed > self._bounds.size:
            raise XmlRefused(f"it has more than {self._bounds.size} bytes")
        try:
            self._parser.Parse(data, False)
        except expat.ExpatError as broken:
            raise XmlRefused(self.at(expat.ErrorString(broken.code))) from None
        if self._fed - self._parser.CurrentByteIndex > self._bounds.tag:
            raise XmlRefused(self.at(f"a tag of more than {self._bounds.tag} bytes"))

    def close(self) -> None:
        """Say that this was all. Raises CutShort."""
        try:
            self._parser.Parse(b"", True)
        except expat.ExpatError as broken:
            raise CutShort(self.at(expat.ErrorString(broken.code))) from None

    def at(self, reason: str) -> str:
        """The reason, with the place that has been reached."""
        return f"{reason} (line {self._parser.CurrentLineNumber}, column {self._parser.CurrentColumnNumber})"

    def _doctype(self, *_: Any) -> None:
        raise XmlRefused(self.at("a document type is not allowed"))

    def _open(self, tag: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > self._bounds.depth:
            raise XmlRefused(self.at(f"elements lie more than {self._bounds.depth} deep in one another"))
        self._start(tag, attributes)

    def _close(self, tag: str) -> None:
        self._depth -= 1
        if self._end is not None:
            self._end(tag)


def read_tree(text: str) -> ET.Element:
    """A small document as a whole, such as a host's verdict on a hotfix. Raises XmlRefused."""
    tree = ET.TreeBuilder()
    parser = GuardedParser(Bounds(size=_MIB), tree.start, tree.end, tree.data)
    parser.feed(text.encode())
    parser.close()
    return tree.close()
