"""All that the prechecks look at, read before any of them runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from xenpatch.hotfix.manifest import Manifest
from xenpatch.plan.model import NoRoom, Plan, Policy, Turn
from xenpatch.plan.planner import plan_run
from xenpatch.record import BEFORE, RunId, homes, owner
from xenpatch.xapi.inventory import Host, Inventory, PowerState
from xenpatch.xapi.session import Session
from xenpatch.xapi.types import HostUuid, VmRef, VmUuid


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
    ``free_space`` (bytes in the control domain's root) holds the hosts that could be asked.
    """

    pool: Inventory
    manifest: Manifest
    run: RunId
    todo: tuple[HostUuid, ...]
    plan: Plan | NoRoom
    needed_space: int
    obstacles: Mapping[VmUuid, Obstacle] = field(default_factory=dict)
    verdicts: Mapping[HostUuid, Verdict] | None = None
    free_space: Mapping[HostUuid, int] = field(default_factory=dict)

    @property
    def continued(self) -> bool:
        """Whether this run's own record is on the pool: what it changed is no finding then."""
        return owner(self.pool.other_config) == self.run

    @property
    def done(self) -> bool:
        """Whether nothing is left to do: no host, no VM away from home, no run to finish."""
        planned = isinstance(self.plan, NoRoom) or bool(self.plan.turns)
        return not (self.todo or planned or owner(self.pool.other_config))

    @property
    def hosts_todo(self) -> tuple[Host, ...]:
        """The hosts that will be emptied and rebooted."""
        return tuple(self.pool.host(uuid) for uuid in self.todo)


def hosts_to_do(pool: Inventory, manifest: Manifest) -> tuple[HostUuid, ...]:
    """The hosts that lack the hotfix, a reboot since, or the proof of it; the master first."""
    return tuple(
        host.uuid for host in pool.hosts if host.needs_reboot(manifest.uuid) or BEFORE in host.other_config
    )


def read_obstacles(session: Session, pool: Inventory, hosts: tuple[HostUuid, ...]) -> dict[VmUuid, Obstacle]:
    """Ask the server which VMs keep it from emptying the hosts.

    On 6.x and 7.0 a VM may be named twice, its reason first and then a misleading HOST_NOT_ENOUGH_FREE_MEMORY
    (``host.get_vms_which_prevent_evacuation``); our transport keeps the first.
    """
    by_ref = {vm.ref: vm for vm in pool.vms}
    found = {vm.uuid: Obstacle(vm.pinned) for vm in pool.vms if vm.pinned and vm.resident_on in hosts}
    for host in map(pool.host, hosts):
        if not host.live:
            continue
        for ref, reason in session.read("host.get_vms_which_prevent_evacuation", host.ref).items():
            vm = by_ref.get(VmRef(ref))
            if vm is not None and vm.power_state is PowerState.RUNNING:
                code, *params = reason
                found.setdefault(vm.uuid, Obstacle(code, tuple(params)))
    return found


def make_plan(
    pool: Inventory, manifest: Manifest, obstacles: Mapping[VmUuid, Obstacle], policy: Policy
) -> Plan | NoRoom:
    """The plan for the hosts to do, without the VMs that cannot move for another reason than room.

    Hosts that were rebooted already and only wait for their verification get a turn without a reboot.
    """
    unmovable = {uuid for uuid, obstacle in obstacles.items() if obstacle.code not in ROOM_CODES}
    paused = {vm.uuid for vm in pool.vms if vm.power_state is PowerState.PAUSED}
    todo = hosts_to_do(pool, manifest)
    reboots = [uuid for uuid in todo if pool.host(uuid).needs_reboot(manifest.uuid)]
    plan = plan_run(pool, reboots, homes(pool), policy, ignore=unmovable | paused)
    if isinstance(plan, NoRoom):
        return plan
    waiting = [uuid for uuid in todo if uuid not in reboots and plan.host(uuid) is None]
    verified = tuple(Turn(uuid, pool.host(uuid).name, wave=0, reboots=False) for uuid in waiting)
    return replace(plan, turns=verified + plan.turns)


ROOM_CODES = frozenset({"HOST_NOT_ENOUGH_FREE_MEMORY"})
"""xapi places the largest VM on the emptiest host only and never makes room: our own plan is the judge."""
