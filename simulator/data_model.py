"""What a class of the XenAPI is made of: fields and messages, and how rows of classes refer to each other."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from simulator.datatypes import VOID, Type, to_text

ROLES: Final = ("pool-admin", "pool-operator", "vm-power-admin", "vm-admin", "vm-operator", "read-only")
"""Roles of users, in falling order: each may do all that those after it may."""
READ_ONLY: Final = ROLES[-1]
LOCAL_ROOT: Final = "local-root"
"""What no role may do; root and the pool's own hosts have no limits."""


@dataclass(frozen=True)
class Field:
    """One field of a class."""

    row: str
    """Its name in the database, as in name__label."""
    type: Type
    access: str
    """rw, const (set by a constructor), ro, or internal (not on the wire)"""
    default: Any
    required: bool
    """Whether a constructor must be given it."""
    volatile: bool
    """Whether a restart of xapi resets it."""
    readers: str = READ_ONLY
    """The least role that may read it; one of ROLES."""
    writers: str = LOCAL_ROOT
    """The least role that may write it."""
    keys: tuple[str, ...] = ()
    """Of a map: the keys that a vm-operator may add and remove; one that ends in * is a prefix."""

    @property
    def wire(self) -> str:
        """Its name on the wire, as in name_label."""
        return self.row.replace("__", "_")


@dataclass(frozen=True)
class Param:
    """One parameter of a message; the session is not among them."""

    name: str
    type: Type
    default: Any = None
    optional: bool = False


@dataclass(frozen=True)
class Message:
    """One message of a class."""

    cls: str
    name: str
    params: tuple[Param, ...] = ()
    result: Type = VOID
    is_async: bool = False
    """Whether `Async.` may stand before it."""
    session: bool = True
    """Whether its first argument is the caller's session."""
    internal: bool = False
    """Whether only the hosts of the pool may send it."""
    generic: str = ""
    """For those that follow from the fields: which implementation serves it."""
    field: Field | None = None
    """The field a generic message is about."""
    role: str = LOCAL_ROOT
    """The least role that may send it; `local-root` is above all of them."""

    @property
    def wire(self) -> str:
        """The name on the wire, as in VM.start."""
        return f"{self.cls}.{self.name}"


@dataclass
class Class:
    """One class: its fields by row name, and its messages by name."""

    name: str
    flags: frozenset[str]
    role: str = LOCAL_ROOT
    """The least role that may change its objects, where field or message has none of its own."""
    fields: dict[str, Field] = field(default_factory=dict)
    messages: dict[str, Message] = field(default_factory=dict)

    @property
    def public(self) -> list[Field]:
        """The fields on the wire, in their order there."""
        return [each for each in self.fields.values() if each.access != "internal"]

    def as_text(self, row: Mapping[str, Any]) -> dict[str, str]:
        """Return a row with its values as the database's text; what is no field of the class is text."""
        types = {each.row: each.type for each in self.fields.values()}
        return {name: to_text(types[name], value) if name in types else value for name, value in row.items()}


@dataclass(frozen=True)
class Relation:
    """A reference that a row holds, and the set on the other side that mirrors it."""

    many: str
    reference: str
    one: str
    references: str
