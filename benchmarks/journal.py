"""What a simulated pool's journal says of a run: the same questions to it, whoever ran. Times are seconds."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from xenpatch.record import BEFORE
from xenpatch.xapi.types import VmUuid

Line = Mapping[str, Any]

_ENABLED: Final = "host.enable"
_UNMARKED: Final = "host.remove_from_other_config"


@dataclass(frozen=True)
class Figures:
    """A run over all hosts of a pool, by the pool's own clock.

    ``seconds`` go from the first host.disable to the last VM on its host, host enabled by hand or host
    verified, whichever is last. ``mixed`` goes from the first boot to the last host.reboot: hosts of both
    levels serve side by side. ``bytes`` is the memory of all moves together; ``calls`` counts the messages
    of the XenAPI by name, ``asked`` all of them.
    """

    seconds: float
    moves: int
    bytes: int
    mixed: float
    boots: int
    calls: Mapping[str, int] = field(default_factory=dict)

    @property
    def asked(self) -> int:
        """How many messages were sent."""
        return sum(self.calls.values())


def lines(journal: Path) -> list[Line]:
    """All that has been written by now."""
    return [json.loads(line) for line in journal.read_text().splitlines()]


def figures(told: Sequence[Line], memory: Mapping[VmUuid, int]) -> Figures:
    """Read the lines of one run; `memory` is that of each VM."""
    moved = [line for line in told if line.get("field") == "resident_on" and line["value"]]
    calls = [line for line in told if "call" in line]
    boots = [line["t"] for line in told if line.get("field") == "boot"]
    reboots = [line["t"] for line in calls if line["call"] == "host.reboot"]
    begun = min(line["t"] for line in calls if line["call"] == "host.disable")
    over = [line["t"] for line in (*moved, *filter(_ends, calls))]
    return Figures(
        seconds=max(over) - begun,
        moves=len(moved),
        bytes=sum(memory[VmUuid(line["uuid"])] for line in moved),
        mixed=max(max(reboots) - min(boots), 0.0),
        boots=len(boots),
        calls=dict(Counter(line["call"] for line in calls).most_common()),
    )


def _ends(call: Line) -> bool:
    """Whether it marks a host as done: put into service by hand, or verified."""
    return call["call"] == _ENABLED or (call["call"] == _UNMARKED and BEFORE in call["args"])
