"""All that the prechecks look at, read before any of them runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from xenpatch.hotfix.bundle import Bundle
from xenpatch.options import How, PatchOptions
from xenpatch.plan.model import NoRoom, Plan
from xenpatch.record import owner
from xenpatch.xapi.inventory import Host, Inventory
from xenpatch.xapi.rights import Rights
from xenpatch.xapi.types import HostUuid, VmUuid


@dataclass(frozen=True)
class Obstacle:
    """Why the server would not move a VM: an error code of the XenAPI with its parameters."""

    code: str
    params: tuple[str, ...] = ()


@dataclass(frozen=True)
class Verdict:
    """What a host's own precheck of the hotfix said; ``code`` is None when it agrees."""

    code: str | None = None
    message: str = ""


@dataclass(frozen=True)
class Picture:
    """The pool, and what was asked beside it.

    ``todo`` are the hosts of the run in their order. ``verdicts`` is None before the hotfix is on the pool.
    ``free_space`` (bytes in the control domain's root) holds the hosts that could be asked. ``stops`` are the
    VMs that are stopped, with the operator's consent, while their host reboots; ``left_out`` says which of
    the hotfixes that were given are not installed, and why. ``rights`` are those of the user who looks.
    ``migration_network`` is the one that VMs should move over, None for the management network.
    """

    pool: Inventory
    rights: Rights
    bundle: Bundle
    todo: tuple[HostUuid, ...]
    plan: Plan | NoRoom
    needed_space: int
    obstacles: Mapping[VmUuid, Obstacle] = field(default_factory=dict)
    options: PatchOptions = field(default_factory=PatchOptions)
    stops: Mapping[VmUuid, How] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()
    verdicts: Mapping[HostUuid, Verdict] | None = None
    free_space: Mapping[HostUuid, int] = field(default_factory=dict)
    migration_network: str | None = None

    @property
    def done(self) -> bool:
        """Whether nothing is left to do: no host, no VM away from home, no run to finish."""
        return not (self.todo or self.moves or owner(self.pool.other_config))

    @property
    def moves(self) -> bool:
        """Whether hosts are emptied at all: some hotfixes ask for no reboot."""
        return isinstance(self.plan, NoRoom) or bool(self.plan.turns)

    @property
    def hosts_todo(self) -> tuple[Host, ...]:
        """The hosts that will be emptied and rebooted."""
        return tuple(self.pool.host(uuid) for uuid in self.todo)
