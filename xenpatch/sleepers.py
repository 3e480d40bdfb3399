"""VMs that a run has stopped for the reboot of their host, as it writes them on that host before it acts."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from xenpatch.options import How
from xenpatch.xapi.inventory import Host, Inventory, PowerState
from xenpatch.xapi.types import VmUuid

ASLEEP: Final = "xenpatch-asleep-"
"""A key in a host's other_config that begins so and ends with the uuid of a VM."""


@dataclass(frozen=True)
class Sleeper:
    """A VM that is to be on its host again as it ``was``: Running or Paused. ``how`` it was stopped."""

    vm: VmUuid
    name: str
    how: How
    was: PowerState

    @property
    def key(self) -> str:
        """Where it is written."""
        return f"{ASLEEP}{self.vm}"

    def text(self) -> str:
        """What is written there."""
        return json.dumps({"name": self.name, "how": self.how, "was": self.was})


def sleepers(other_config: Mapping[str, str]) -> Iterator[Sleeper]:
    """The VMs that the host with this other_config waits for, by name."""
    found = (_read(key, text) for key, text in other_config.items() if key.startswith(ASLEEP))
    return iter(sorted(found, key=lambda sleeper: (sleeper.name, sleeper.vm)))


def still_asleep(pool: Inventory) -> list[tuple[Sleeper, Host]]:
    """Those that do not run, each with the host that waits for it; a VM that is gone is not waited for."""
    stopped = {vm.uuid for vm in pool.vms if vm.power_state in (PowerState.HALTED, PowerState.SUSPENDED)}
    return [
        (sleeper, host)
        for host in pool.hosts
        for sleeper in sleepers(host.other_config)
        if sleeper.vm in stopped
    ]


def _read(key: str, text: str) -> Sleeper:
    """One that a person has spoilt is brought back as most VMs are: running."""
    vm = VmUuid(key.removeprefix(ASLEEP))
    try:
        fields = json.loads(text)
        return Sleeper(vm, fields["name"], How(fields["how"]), PowerState(fields["was"]))
    except (ValueError, KeyError, TypeError):
        return Sleeper(vm, vm, How.SUSPEND, PowerState.RUNNING)
