"""The typed picture of a pool that prechecks, plan and reports look at; read by `xenpatch.xapi.survey`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Final, NamedTuple

from xenpatch.hotfix.manifest import Guidance, HotfixUuid
from xenpatch.xapi.types import (
    HostRef,
    HostUuid,
    NetworkUuid,
    PatchRef,
    PbdUuid,
    PoolRef,
    PoolUuid,
    SrUuid,
    VbdUuid,
    VdiUuid,
    VmRef,
    VmUuid,
)

NO_VBD: Final = VbdUuid("")
NO_VDI: Final = VdiUuid("")
NO_PBD: Final = PbdUuid("")
"""Of pictures that are made by hand."""

_PART: Final = re.compile(r"[0-9]{1,9}")
_ONE_BOOT: Final = 30.0
"""Seconds by which two boot times of one boot may differ."""


class PowerState(StrEnum):
    """XenAPI enum vm_power_state."""

    HALTED = "Halted"
    PAUSED = "Paused"
    RUNNING = "Running"
    SUSPENDED = "Suspended"


@dataclass(frozen=True)
class Sr:
    """A storage repository (XenAPI class SR)."""

    uuid: SrUuid
    name: str
    type: str
    shared: bool
    tools: bool = False


@dataclass(frozen=True)
class Disk:
    """A virtual disk or a CD of a VM: a VBD that is not empty, with its VDI and the SR it needs."""

    name: str
    sr: SrUuid
    is_cd: bool
    vbd: VbdUuid = NO_VBD
    vdi: VdiUuid = NO_VDI


@dataclass(frozen=True)
class Cpu:
    """What a VM has seen of the processors it booted on, or what a host offers: vendor and feature bits.

    From VM.last_boot_CPU_flags and host.cpu_info; "" and 0 where there is nothing to compare.
    """

    vendor: str = ""
    features: int = 0

    def serves(self, needed: Cpu) -> bool:
        """Whether a VM that booted on `needed` can go on here (xapi: VM_INCOMPATIBLE_WITH_THIS_HOST)."""
        return needed.vendor in ("", self.vendor) and not needed.features & ~self.features


@dataclass(frozen=True)
class Vm:
    """A virtual machine; templates, snapshots and control domains are left out of the picture.

    ``memory`` (bytes) is what a host needs to run it unsqueezed: dynamic maximum and overhead;
    ``memory_min`` the same with it ballooned down to its dynamic minimum. ``pinned`` is the XenAPI error that
    keeps it on its host whatever the other hosts are like. ``affinity`` is its home server. ``apart`` names
    groups of VMs of which no two should share a host. ``protected`` VMs are restarted by HA, those with
    ``auto_poweron`` are started when a host boots. ``cannot_suspend`` is why VM.suspend would fail.
    ``started`` is when it last booted, wherever that was.
    """

    uuid: VmUuid
    ref: VmRef
    name: str
    power_state: PowerState
    resident_on: HostUuid | None
    memory: int
    disks: tuple[Disk, ...] = ()
    networks: frozenset[NetworkUuid] = frozenset()
    pinned: str | None = None
    memory_min: int = 0
    affinity: HostUuid | None = None
    apart: frozenset[str] = frozenset()
    protected: bool = False
    cpu: Cpu = Cpu()
    auto_poweron: bool = False
    cannot_suspend: str | None = None
    hvm: bool = False
    started: datetime | None = None

    @property
    def srs(self) -> frozenset[SrUuid]:
        """The SRs that a host must have attached to run it."""
        return frozenset(disk.sr for disk in self.disks)


@dataclass(frozen=True)
class AppliedPatch:
    """A host_patch: a hotfix applied to one host; ``applied_at`` is the host's own clock, in UTC."""

    uuid: HotfixUuid
    name: str
    applied_at: datetime


@dataclass(frozen=True)
class Pbd:
    """The connection of a host to an SR (XenAPI class PBD)."""

    sr: SrUuid
    attached: bool
    uuid: PbdUuid = NO_PBD


@dataclass(frozen=True)
class Host:
    """A host.

    ``memory_capacity`` (bytes) is what VMs can have: total less overhead and control domain.
    ``boot_time`` and ``agent_start_time`` (of its toolstack) are epoch seconds by the host's clock, 0 where
    it tells none.
    ``networks`` are those it has a PIF for.
    ``boots_before`` are the boot times in which a run found it without a hotfix, by its uuid.
    """

    uuid: HostUuid
    ref: HostRef
    name: str
    address: str
    enabled: bool
    live: bool
    memory_capacity: int
    product_version: str
    boot_time: float
    patches: Mapping[HotfixUuid, AppliedPatch] = field(default_factory=dict)
    pbds: tuple[Pbd, ...] = ()
    networks: frozenset[NetworkUuid] = frozenset()
    other_config: Mapping[str, str] = field(default_factory=dict)
    cpu: Cpu = Cpu()
    agent_start_time: float = 0.0
    boots_before: Mapping[HotfixUuid, float] = field(default_factory=dict)

    @property
    def release(self) -> tuple[int, ...]:
        """The product version in numbers, to be compared: (6, 0, 2)."""
        return tuple(int(part) for part in self.product_version.split(".") if _PART.fullmatch(part))

    def has(self, hotfix: HotfixUuid) -> bool:
        """Whether the hotfix is applied to this host."""
        return hotfix.lower() in self.patches

    def reboot_pending(self, hotfix: HotfixUuid) -> bool:
        """Whether the hotfix was applied after the host last booted, so that it is not in effect yet.

        What a run has noted of its boots counts, whatever was done to its clock since; else the clock does.
        """
        noted = self.boots_before.get(HotfixUuid(hotfix.lower()))
        if noted is None or not self.has(hotfix):
            return self.reboot_pending_by_clock(hotfix)
        return same_boot(noted, self.boot_time)

    def reboot_pending_by_clock(self, hotfix: HotfixUuid) -> bool:
        """What `reboot_pending` says when no run has noted anything."""
        return self._applied_since(self.boot_time, hotfix)

    def toolstack_pending(self, hotfix: HotfixUuid) -> bool:
        """Whether the hotfix was applied after the host's toolstack last started."""
        return self._applied_since(self.agent_start_time, hotfix)

    def _applied_since(self, moment: float, hotfix: HotfixUuid) -> bool:
        patch = self.patches.get(HotfixUuid(hotfix.lower()))
        return patch is not None and patch.applied_at.timestamp() > moment

    def needs_reboot(self, hotfix: HotfixUuid) -> bool:
        """Whether the host lacks the hotfix, or has it without having been rebooted since."""
        return not self.has(hotfix) or self.reboot_pending(hotfix)

    @property
    def in_service(self) -> bool:
        """Whether it can take VMs now."""
        return self.live and self.enabled

    def after_boot(self) -> Host:
        """The host once it is in service: xapi attaches the storage of a host when it boots."""
        if self.in_service:
            return self
        return replace(self, pbds=tuple(replace(pbd, attached=True) for pbd in self.pbds))

    @property
    def attached_srs(self) -> frozenset[SrUuid]:
        """The SRs whose disks the host can use now."""
        return frozenset(pbd.sr for pbd in self.pbds if pbd.attached)


def same_boot(one: float, other: float) -> bool:
    """Whether two boot times that a host has told are of one boot.

    xapi works the boot time out anew whenever it starts (6.0.2: dbsync_slave), a second off now and then.
    """
    return abs(one - other) <= _ONE_BOOT


@dataclass(frozen=True)
class UploadedPatch:
    """A pool_patch: a hotfix known to the pool, applied or not."""

    uuid: HotfixUuid
    ref: PatchRef
    name: str
    size: int
    guidance: frozenset[Guidance] = frozenset()


@dataclass(frozen=True)
class Ha:
    """How high availability is set: failures of hosts to tolerate, and the storage of the heartbeat."""

    failures: int = 0
    srs: tuple[SrUuid, ...] = ()
    configuration: Mapping[str, str] = field(default_factory=dict)


class Members(NamedTuple):
    """The hosts of a pool, and which of them leads it."""

    master: HostUuid
    hosts: frozenset[HostUuid]


@dataclass(frozen=True)
class Inventory:
    """The pool as it was when it was read. Hosts: the master first, then by name."""

    uuid: PoolUuid
    ref: PoolRef
    name: str
    master: HostUuid
    ha_enabled: bool
    wlb_enabled: bool
    other_config: Mapping[str, str]
    hosts: tuple[Host, ...]
    vms: tuple[Vm, ...]
    srs: Mapping[SrUuid, Sr]
    network_names: Mapping[NetworkUuid, str]
    patches: Mapping[HotfixUuid, UploadedPatch]
    ha: Ha = Ha()

    def host(self, uuid: HostUuid) -> Host:
        """The host of that uuid; KeyError if the pool has none."""
        for host in self.hosts:
            if host.uuid == uuid:
                return host
        raise KeyError(uuid)

    @property
    def members(self) -> Members:
        """The hosts, and the master."""
        return Members(self.master, frozenset(host.uuid for host in self.hosts))

    @property
    def release(self) -> tuple[int, ...]:
        """The master's product version in numbers."""
        return self.host(self.master).release

    def vm(self, uuid: VmUuid) -> Vm | None:
        """The VM of that uuid, or None if it is gone."""
        return next((v for v in self.vms if v.uuid == uuid), None)

    def patch(self, hotfix: HotfixUuid) -> UploadedPatch | None:
        """What the pool knows of a hotfix, or None."""
        return self.patches.get(HotfixUuid(hotfix.lower()))

    def residents(self, host: HostUuid) -> tuple[Vm, ...]:
        """The VMs that live on the host now, running or paused."""
        return tuple(v for v in self.vms if v.resident_on == host)

    def can_run(self, vm: Vm, host: Host) -> bool:
        """Whether the host has the VM's storage, networks and processor; memory and service aside."""
        return vm.srs <= host.attached_srs and vm.networks <= host.networks and host.cpu.serves(vm.cpu)
