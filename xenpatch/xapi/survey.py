"""Reading the whole pool into the typed picture of `xenpatch.xapi.inventory`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from xenpatch.errors import AnswerUnusable
from xenpatch.hotfix.manifest import Guidance, HotfixUuid
from xenpatch.xapi.inventory import (
    AppliedPatch,
    Cpu,
    Disk,
    Ha,
    Host,
    Inventory,
    Pbd,
    PowerState,
    Sr,
    UploadedPatch,
    Vm,
)
from xenpatch.xapi.moments import epoch, moment
from xenpatch.xapi.session import Session
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

Record = Mapping[str, Any]
Records = Mapping[str, Record]

APART = "apart:"
"""A VM's tag that begins so names a group of which no two should share a host: "apart:dns"."""

BOOT = "xenpatch-boot-"
"""Key in a host's other_config: the boot time (epoch seconds) in which it lacked the hotfix of that uuid."""

_CLASSES = (
    "pool", "host", "host_metrics", "VM", "VBD", "VDI", "VIF", "network", "PIF", "SR", "PBD",
    "pool_patch", "host_patch", "VM_metrics",
)  # fmt: skip
_PLACES = ("pool", "host", "host_metrics", "VM")


def read_inventory(session: Session) -> Inventory:
    """The pool as it is now: one ``get_all_records`` for each class that matters."""
    return _picture_of(session, {name: session.read(f"{name}.get_all_records") for name in _CLASSES})


def read_places(session: Session) -> Inventory:
    """Who lives where: the pool without disks, networks, storage and patches. Not to plan from."""
    seen = {name: session.read(f"{name}.get_all_records") for name in _PLACES}
    return _picture_of(session, {name: seen.get(name, {}) for name in _CLASSES})


def _picture_of(session: Session, tables: Mapping[str, Records]) -> Inventory:
    try:
        return picture(tables)
    except ValueError as wrong:
        raise AnswerUnusable("pool.get_all_records", f"{session.url}: {wrong}") from None


def picture(tables: Mapping[str, Records]) -> Inventory:
    """The typed picture of the records of one pool, by class name and reference.

    Raises ValueError where they do not fit together.
    """
    pool_ref, pool = next(iter(tables["pool"].items()))
    if pool["master"] not in tables["host"]:
        raise ValueError("the master that its pool names is none of its hosts")
    hosts = sorted(
        (host_of(ref, record, tables) for ref, record in tables["host"].items()),
        key=lambda host: (host.ref != pool["master"], host.name, host.uuid),
    )
    vms = (_vm(ref, record, tables) for ref, record in tables["VM"].items() if is_real(record))
    return Inventory(
        uuid=PoolUuid(pool["uuid"]),
        ref=PoolRef(pool_ref),
        name=pool["name_label"] or hosts[0].name,
        master=hosts[0].uuid,
        ha_enabled=pool["ha_enabled"],
        wlb_enabled=pool["wlb_enabled"],
        other_config=pool["other_config"],
        hosts=tuple(hosts),
        vms=tuple(sorted(vms, key=lambda vm: (vm.name, vm.uuid))),
        srs={sr.uuid: sr for sr in map(_sr, tables["SR"].values())},
        network_names={NetworkUuid(n["uuid"]): n["name_label"] for n in tables["network"].values()},
        patches={patch.uuid: patch for patch in (_patch(*item) for item in tables["pool_patch"].items())},
        ha=_ha(pool, tables),
    )


def _ha(pool: Record, tables: Mapping[str, Records]) -> Ha:
    """The heartbeat's storage is that of the statefiles (pool.ha_statefiles: references of VDIs)."""
    files = (tables["VDI"].get(ref) for ref in pool.get("ha_statefiles", ()))
    srs = (tables["SR"].get(file["SR"]) for file in files if file is not None)
    return Ha(
        failures=int(pool.get("ha_host_failures_to_tolerate", 0)),
        srs=tuple(dict.fromkeys(SrUuid(sr["uuid"]) for sr in srs if sr is not None)),
        configuration=pool.get("ha_configuration", {}),
    )


def is_real(vm: Record) -> bool:
    """Whether it is a virtual machine, and no template, snapshot or control domain."""
    return not (vm["is_a_template"] or vm["is_a_snapshot"] or vm["is_control_domain"])


def is_alive(vm: Record) -> bool:
    """Whether it is on a host, running or paused."""
    return vm["power_state"] in ("Running", "Paused")


def host_of(ref: str, record: Record, tables: Mapping[str, Records]) -> Host:
    """The typed picture of one host; of its own VMs, PBDs and host_patches only."""
    metrics = tables["host_metrics"].get(record["metrics"])
    dom0 = [vm for vm in tables["VM"].values() if vm["is_control_domain"] and vm["resident_on"] == ref]
    overhead = int(record["memory_overhead"]) + sum(needed_memory(vm, squeezed=True) for vm in dom0)
    config = record["other_config"]
    return Host(
        uuid=HostUuid(record["uuid"]),
        ref=HostRef(ref),
        name=record["name_label"],
        address=record["address"],
        enabled=record["enabled"],
        live=metrics is not None and metrics["live"],
        memory_capacity=max(int(metrics["memory_total"]) - overhead, 0) if metrics else 0,
        product_version=record["software_version"].get("product_version", ""),
        boot_time=epoch(config.get("boot_time")),
        patches=_applied(ref, tables),
        pbds=tuple(
            Pbd(SrUuid(tables["SR"][pbd["SR"]]["uuid"]), pbd["currently_attached"], PbdUuid(pbd["uuid"]))
            for pbd in tables["PBD"].values()
            if pbd["host"] == ref and pbd["SR"] in tables["SR"]
        ),
        networks=_networks(ref, tables),
        other_config=config,
        cpu=_cpu(record.get("cpu_info", {})),
        agent_start_time=epoch(config.get("agent_start_time")),
        boots_before={
            HotfixUuid(key.removeprefix(BOOT)): epoch(value)
            for key, value in config.items()
            if key.startswith(BOOT)
        },
    )


def _networks(host: str, tables: Mapping[str, Records]) -> frozenset[NetworkUuid]:
    """Networks with a PIF on the host, and those without any: these are internal, made where needed."""
    wired = {pif["network"] for pif in tables["PIF"].values()}
    here = {pif["network"] for pif in tables["PIF"].values() if pif["host"] == host}
    return frozenset(
        NetworkUuid(record["uuid"])
        for ref, record in tables["network"].items()
        if ref in here or ref not in wired
    )


def _applied(host: str, tables: Mapping[str, Records]) -> dict[HotfixUuid, AppliedPatch]:
    """A host_patch carries no name of its own, so it is joined with its pool_patch."""
    found = {}
    for record in tables["host_patch"].values():
        patch = tables["pool_patch"].get(record["pool_patch"])
        if record["host"] == host and record["applied"] and patch is not None:
            uuid = HotfixUuid(patch["uuid"].lower())
            found[uuid] = AppliedPatch(uuid, patch["name_label"], moment(record["timestamp_applied"]))
    return found


def _vm(ref: str, record: Record, tables: Mapping[str, Records]) -> Vm:
    resident = tables["host"].get(record["resident_on"])
    affinity = tables["host"].get(record["affinity"])
    return Vm(
        uuid=VmUuid(record["uuid"]),
        ref=VmRef(ref),
        name=record["name_label"],
        power_state=PowerState(record["power_state"]),
        resident_on=HostUuid(resident["uuid"]) if resident and is_alive(record) else None,
        memory=needed_memory(record),
        disks=tuple(_disks(ref, tables)),
        networks=frozenset(
            NetworkUuid(tables["network"][vif["network"]]["uuid"])
            for vif in tables["VIF"].values()
            if vif["VM"] == ref and vif["network"] in tables["network"]
        ),
        pinned=_pinned(record),
        memory_min=needed_memory(record, squeezed=True),
        affinity=HostUuid(affinity["uuid"]) if affinity else None,
        apart=frozenset(tag for tag in record.get("tags", ()) if tag.startswith(APART)),
        protected=_protected(record),
        cpu=_cpu(record["last_boot_CPU_flags"]),
        auto_poweron=record["other_config"].get("auto_poweron") == "true",
        cannot_suspend=_cannot_suspend(record),
        hvm=bool(record["HVM_boot_policy"]),
        started=_started(record, tables),
    )


def _started(record: Record, tables: Mapping[str, Records]) -> datetime | None:
    metrics = tables["VM_metrics"].get(record["metrics"])
    return moment(metrics["start_time"]) if metrics is not None and is_alive(record) else None


def _cannot_suspend(record: Record) -> str | None:
    """A saved database does not hold what a VM allows at the moment."""
    if "suspend" in record["blocked_operations"]:
        return "its owner has blocked that (blocked_operations)"
    idle = record["power_state"] == "Running" and not record.get("current_operations")
    if idle and "suspend" not in record.get("allowed_operations", ["suspend"]):
        return "the server does not offer it, as for VMs without PV drivers or with a device of their host"
    return None


def needed_memory(vm: Record, *, squeezed: bool = False) -> int:
    """Bytes that a host needs to run a VM: all it may have, or ballooned down as far as it allows."""
    own = vm["memory_dynamic_min" if squeezed else "memory_dynamic_max"]
    return int(own) + int(vm["memory_overhead"])


def _protected(record: Record) -> bool:
    """Whether HA restarts the VM: "restart" is promised, "best-effort" is not (ha_restart_priority)."""
    return record["ha_restart_priority"] not in ("", "best-effort") and record.get("ha_always_run", True)


def _cpu(flags: Mapping[str, str]) -> Cpu:
    """Features are groups of hexadecimal digits: "0098e3fd-bfebfbff-00000001-20100800"."""
    features = flags.get("features", "").replace("-", "")
    try:
        return Cpu(flags.get("vendor", ""), int(features or "0", 16))
    except ValueError:
        return Cpu(flags.get("vendor", ""))


def _pinned(record: Record) -> str | None:
    """The error that a migration would meet, which 6.x does not foresee when it plans an evacuation."""
    if "pool_migrate" in record["blocked_operations"]:
        return "OPERATION_BLOCKED"
    if record["attached_PCIs"] or record["other_config"].get("pci"):
        return "VM_HAS_PCI_ATTACHED"
    return None


def _disks(vm: str, tables: Mapping[str, Records]) -> list[Disk]:
    disks = []
    for vbd in tables["VBD"].values():
        vdi = tables["VDI"].get(vbd["VDI"])
        if vbd["VM"] != vm or vbd["empty"] or vdi is None or vdi["SR"] not in tables["SR"]:
            continue
        sr = SrUuid(tables["SR"][vdi["SR"]]["uuid"])
        is_cd = vbd["type"] == "CD"
        disks.append(Disk(vdi["name_label"], sr, is_cd, VbdUuid(vbd["uuid"]), VdiUuid(vdi["uuid"])))
    return sorted(disks, key=lambda disk: disk.name)


def _sr(record: Record) -> Sr:
    tools = record.get("is_tools_sr", False) or record["other_config"].get("xenserver_tools_sr") == "true"
    return Sr(SrUuid(record["uuid"]), record["name_label"], record["type"], record["shared"], tools=tools)


def _patch(ref: str, record: Record) -> UploadedPatch:
    return UploadedPatch(
        uuid=HotfixUuid(record["uuid"].lower()),
        ref=PatchRef(ref),
        name=record["name_label"],
        size=int(record["size"]),
        guidance=frozenset(each for each in Guidance if each in record["after_apply_guidance"]),
    )
