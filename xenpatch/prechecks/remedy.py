"""A change that takes a finding away, as data: it is written on the pool with its undo before it is made."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum


class Kind(StrEnum):
    """What a remedy does; `remedies.ACTIONS` says how."""

    DISABLE_HA = "disable HA"
    DISABLE_WLB = "disable WLB"
    EJECT_CD = "eject CD"
    NO_AUTO_POWERON = "disable automatic start"
    PLUG_STORAGE = "plug storage"


@dataclass(frozen=True)
class Remedy:
    """``subject`` is the uuid of the object that is changed, ``name`` what a person calls it.

    ``saved`` is all that the undo has to know, as it was before the change.
    """

    kind: Kind
    subject: str
    name: str
    saved: Mapping[str, str] = field(default_factory=dict)

    def text(self) -> str:
        """As it is written on the pool."""
        return json.dumps(asdict(self))

    @classmethod
    def parse(cls, text: str) -> Remedy:
        """Read it back; raises ValueError when somebody has changed it by hand."""
        try:
            fields = json.loads(text)
            return cls(Kind(fields["kind"]), fields["subject"], fields["name"], dict(fields["saved"]))
        except (KeyError, TypeError) as broken:
            raise ValueError(f"this is no remedy: {text}") from broken
