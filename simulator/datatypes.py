"""The types of the XenAPI data model, and their values as the database keeps them: as text and in Python."""

import re
from dataclasses import dataclass
from typing import Any, Final

from simulator import sexpr

NEVER: Final = "19700101T00:00:00Z"


@dataclass(frozen=True)
class Type:
    """A type, such as `host ref`, `string set` or `(string -> string) map`."""

    kind: str
    """string, int, float, bool, datetime, enum, ref, record, set, map or void"""
    name: str = ""
    """The class of a ref or record; the name of an enum."""
    item: "Type | None" = None
    """What a set holds; the values of a map."""
    key: "Type | None" = None
    """The keys of a map."""
    members: tuple[str, ...] = ()
    """What an enum allows."""

    @property
    def inner(self) -> "Type":
        """What a set holds, or the values of a map."""
        if self.item is None:
            raise TypeError(f"{self.kind} holds no values")
        return self.item


VOID: Final = Type("void")
STRING: Final = Type("string")
_ATOMS = {kind: Type(kind) for kind in ("string", "int", "float", "bool", "datetime", "void")}
_MAP = re.compile(r"\((.+?) -> (.+)\) map$")


def parse_type(text: str, enums: dict[str, tuple[str, ...]]) -> Type:
    """Read a type as the XenAPI reference writes it; raise ValueError for anything else."""
    if text in _ATOMS:
        return _ATOMS[text]
    if found := _MAP.match(text):
        return Type("map", key=parse_type(found[1], enums), item=parse_type(found[2], enums))
    if text.endswith(" set"):
        return Type("set", item=parse_type(text.removesuffix(" set"), enums))
    if text.startswith("enum "):
        name = text.removeprefix("enum ")
        return Type("enum", name, members=enums.get(name, ()))
    name, _, kind = text.rpartition(" ")
    if not name or kind not in ("ref", "record"):
        raise ValueError(f"no such type: {text!r}")
    return Type(kind, name)


def empty_value(data_type: Type) -> Any:
    """Return the value of a field that has no default and was given none."""
    empty = {
        "int": 0,
        "float": 0.0,
        "bool": False,
        "datetime": NEVER,
        "ref": "OpaqueRef:NULL",
        "set": [],
        "map": {},
    }
    if data_type.kind == "enum":
        return data_type.members[0] if data_type.members else ""
    return empty.get(data_type.kind, "")


def ocaml_float(value: float) -> str:
    """Write a float as OCaml's string_of_float does: 12 digits, and a trailing dot on whole numbers."""
    text = f"{value:.12g}"
    return text if re.search(r"[.en]", text) else text + "."


def to_text(data_type: Type, value: Any) -> str:
    """Write a value as the database's own text."""
    match data_type.kind:
        case "bool":
            return "true" if value else "false"
        case "float":
            return f"{value:.18g}"
        case "set":
            return sexpr.render_set([to_text(data_type.inner, item) for item in value])
        case "map":
            return sexpr.render_map({str(key): to_text(data_type.inner, item) for key, item in value.items()})
        case _:
            return str(value)


def from_text(data_type: Type, text: str) -> Any:
    """Read the database's own text; raise ValueError if it is not of the type."""
    match data_type.kind:
        case "int":
            return int(text)
        case "float":
            return float(text)
        case "bool":
            return {"true": True, "false": False}[text]
        case "set":
            return [from_text(data_type.inner, item) for item in sexpr.parse_set(text)]
        case "map":
            return {key: from_text(data_type.inner, item) for key, item in sexpr.parse_map(text).items()}
        case _:
            return text
