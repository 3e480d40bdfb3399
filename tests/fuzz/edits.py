"""Damage to bytes and to XML, as Hypothesis draws it: where counts round the content, so that any will do."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal
from xml.etree import ElementTree as ET

from hypothesis import strategies as st


@dataclass(frozen=True)
class Splice:
    """Bytes taken out at a place, and others put there."""

    place: int
    removed: int
    inserted: bytes


@dataclass(frozen=True)
class Graft:
    """An element dropped, doubled, exchanged with its neighbour, or replaced by other XML."""

    place: int
    change: Literal["drop", "double", "swap", "replace"]
    xml: str


def spliced(content: bytes, splices: Sequence[Splice]) -> bytes:
    """The content with all of them done."""
    for splice in splices:
        at = splice.place % (len(content) + 1)
        content = content[:at] + splice.inserted + content[at + splice.removed :]
    return content


def grafted(xml: bytes, grafts: Sequence[Graft]) -> bytes:
    """The document with all of them done."""
    root = ET.fromstring(xml)
    for graft in grafts:
        parents = [(parent, index) for parent in root.iter() for index in range(len(parent))]
        if parents:
            parent, index = parents[graft.place % len(parents)]
            _graft(parent, index, graft)
    return ET.tostring(root)


def _graft(parent: ET.Element, index: int, graft: Graft) -> None:
    match graft.change:
        case "drop":
            del parent[index]
        case "double":
            parent.insert(index, parent[index])
        case "swap":
            parent[index], parent[0] = parent[0], parent[index]
        case "replace":
            parent[index] = ET.fromstring(graft.xml)


places = st.integers(0, 1 << 20)
numbers = st.sampled_from([0, 1, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF])
packed = st.one_of(
    st.binary(max_size=8),
    numbers.map(lambda number: struct.pack("<H", number & 0xFFFF)),
    numbers.map(lambda number: struct.pack("<L", number)),
    numbers.map(lambda number: struct.pack("<Q", number << 32 | number)),
)
overwritten = st.builds(lambda place, value: Splice(place, len(value), value), places, packed)
cut_out = st.builds(Splice, places, st.integers(1, 4000), st.binary(max_size=40))
splices = st.lists(overwritten | cut_out, min_size=1, max_size=3)

_DEEP: Final = "<value><array><data>" * 60 + "</data></array></value>" * 60
VALUES: Final = (
    "<value/>", "<value>x</value>", "<value>-1</value>", f"<value>{'9' * 30}</value>", "<value>1e999</value>",
    "<value><int>5</int></value>", f"<value><int>{'9' * 5000}</int></value>", "<value><nil/></value>",
    "<value><boolean>1</boolean></value>", "<value><boolean>maybe</boolean></value>",
    "<value><double>NaN</double></value>", "<value><double>-inf</double></value>",
    "<value><bigdecimal>x</bigdecimal></value>", "<value><base64>!</base64></value>",
    "<value><dateTime.iso8601>soon</dateTime.iso8601></value>", "<value><odd/></value>",
    "<value><struct/></value>", "<value><array><data/></array></value>", "<name>other_config</name>",
    "<value><struct><member><name>a</name><value><struct/></value></member></struct></value>",
    "<value>OpaqueRef:NULL</value>", "<params/>", "<fault><value>x</value></fault>", "<member/>", _DEEP,
)  # fmt: skip
grafts = st.lists(
    st.builds(Graft, places, st.sampled_from(("drop", "double", "swap", "replace")), st.sampled_from(VALUES)),
    min_size=1,
    max_size=3,
)
