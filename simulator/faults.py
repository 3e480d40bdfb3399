"""Faults as data: which call, on which object, how often, and what happens instead."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal


@dataclass(frozen=True)
class Fault:
    """What a rule does to a call. Exactly one field is set."""

    error: tuple[str, ...] = ()
    drop: Literal["before", "after", ""] = ""
    delay: float = 0.0
    never: bool = False
    fail: str | None = None
    full: bool = False


@dataclass(frozen=True)
class FaultRule:
    """Calls of this name on this object (name_label or uuid; "" means any) meet this fault."""

    call: str
    do: Fault
    object: str = ""
    skip: int = 0
    times: int | Literal["always"] = 1
    chance: float = 1.0

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "FaultRule":
        """Read one rule; raise ValueError saying what is wrong with it."""
        raise NotImplementedError


class Faults:
    """The rules in force. The first that matches wins."""

    def __init__(self, rules: Iterable[FaultRule] = ()) -> None:
        self.rules = list(rules)

    def add(self, rule: FaultRule) -> None:
        """Put a further rule in force."""
        raise NotImplementedError

    def match(self, call: str, names: Sequence[str]) -> Fault | None:
        """Return the fault that this call, on objects with these names and uuids, meets now."""
        raise NotImplementedError


def load_faults(path: Path) -> list[FaultRule]:
    """Read a JSON list of rules; raise ValueError saying which rule is wrong and why."""
    raise NotImplementedError
