"""The tasks that are still to do, as the pool shows them (XenAPI enum after_apply_guidance).

| guidance    | to do while                                              | how                               |
|-------------|----------------------------------------------------------|-----------------------------------|
| restartHost | the host has booted before the hotfix was applied to it  | reboot the host                   |
| restartXAPI | its toolstack has started before that                    | restart the toolstack             |
| restartHVM  | a fully virtualised VM there has started before that     | restart the VM                    |
| restartPV   | a paravirtualised one has                                | restart the VM                    |

A reboot of a host restarts its toolstack, too, so that it stands for both.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Final

from xenpatch.hotfix.manifest import Guidance, HotfixUuid
from xenpatch.xapi.inventory import AppliedPatch, Host, Inventory, Vm

_WAITS: Final = {Guidance.RESTART_HOST: Host.reboot_pending, Guidance.RESTART_XAPI: Host.toolstack_pending}


@dataclass(frozen=True)
class HostTask:
    """A host to reboot, or whose toolstack is to be restarted, because of these hotfixes."""

    host: Host
    guidance: Guidance
    hotfixes: tuple[str, ...]


@dataclass(frozen=True)
class VmTask:
    """A VM to restart because of these hotfixes."""

    vm: Vm
    host: Host
    guidance: Guidance
    hotfixes: tuple[str, ...]


@dataclass(frozen=True)
class Pending:
    """All that is to do, in the order to do it: hosts first, the master before the others, then VMs."""

    hosts: tuple[HostTask, ...] = ()
    vms: tuple[VmTask, ...] = ()

    def __bool__(self) -> bool:
        """Whether anything is left."""
        return bool(self.hosts or self.vms)

    def of(self, guidance: Guidance) -> tuple[HostTask, ...]:
        """The hosts to be treated so."""
        return tuple(task for task in self.hosts if task.guidance is guidance)


def pending(pool: Inventory, hotfixes: Collection[HotfixUuid] | None = None) -> Pending:
    """What is left to do for these hotfixes, or for all that are applied."""
    hosts, vms = [], []
    for host in pool.hosts:
        applied = [patch for patch in host.patches.values() if hotfixes is None or patch.uuid in hotfixes]
        hosts += list(_of_host(pool, host, applied))
        vms += list(_of_vms(pool, host, applied))
    order = list(_WAITS)
    return Pending(tuple(sorted(hosts, key=lambda task: order.index(task.guidance))), tuple(vms))


def contradictions(pool: Inventory, hotfixes: Collection[HotfixUuid]) -> Iterator[str]:
    """The hosts whose clocks will say, once the run's notes are gone, that they still wait, as sentences."""
    for host in pool.hosts:
        names = [
            host.patches[uuid].name
            for uuid in hotfixes
            if host.reboot_pending_by_clock(uuid) and not host.reboot_pending(uuid)
        ]
        if names:
            yield (
                f"{host.name} has been rebooted since {', '.join(names)} was applied, but its clock was set "
                "back meanwhile: by that clock it still waits, and another run would reboot it again. Set "
                "its clock, and restart its toolstack (xe-toolstack-restart)."
            )


def _of_host(pool: Inventory, host: Host, applied: Collection[AppliedPatch]) -> Iterator[HostTask]:
    for guidance, waits in _WAITS.items():
        names = [
            patch.name for patch in applied if guidance in _guidance(pool, patch) and waits(host, patch.uuid)
        ]
        if names:
            yield HostTask(host, guidance, tuple(sorted(names)))
            return


def _of_vms(pool: Inventory, host: Host, applied: Collection[AppliedPatch]) -> Iterator[VmTask]:
    for vm in pool.residents(host.uuid):
        guidance = Guidance.RESTART_HVM if vm.hvm else Guidance.RESTART_PV
        names = [
            patch.name
            for patch in applied
            if guidance in _guidance(pool, patch) and (vm.started is None or vm.started < patch.applied_at)
        ]
        if names:
            yield VmTask(vm, host, guidance, tuple(sorted(names)))


def _guidance(pool: Inventory, patch: AppliedPatch) -> Collection[Guidance]:
    known = pool.patch(patch.uuid)
    return known.guidance if known is not None else ()
