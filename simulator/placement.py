"""Which host can run a VM: the checks xapi makes before it starts, resumes or migrates one.

Source: xapi 6.0.2, xapi_vm_helpers. The order of the checks decides which error a client sees.
"""

from collections.abc import Callable, Iterator

from simulator import memory
from simulator.call import NULL, Ref, XapiError
from simulator.database import Database, Row
from simulator.vm_record import will_boot_hvm

HostCheck = Callable[[Database, Ref, Ref], None]
"""Raises XapiError if this VM cannot run on this host, for one reason."""


def assert_can_boot_here(db: Database, vm: Ref, host: Ref, record: Row) -> None:
    """Raise the first reason for which a VM cannot run on a host.

    `record` is the VM as it would boot: it decides how much memory is needed.
    """
    reason = refusal(db, vm, host, record)
    if reason is not None:
        raise reason


def refusal(db: Database, vm: Ref, host: Ref, record: Row, *, check_memory: bool = True) -> XapiError | None:
    """Return the first reason for which a VM cannot run on a host, or None if it can."""
    try:
        with db.lock:
            for check in _CHECKS:
                check(db, vm, host)
            if check_memory:
                _assert_enough_memory(db, vm, host, record)
    except XapiError as reason:
        return reason
    return None


def possible_hosts(db: Database, vm: Ref) -> list[Ref]:
    """Return the hosts that could run the VM now, as VM.get_possible_hosts does."""
    with db.lock:
        record = db.get("VM", vm)
        return [host for host in db.rows("host") if refusal(db, vm, host, record) is None]


def is_live(db: Database, host: Ref) -> bool:
    """Tell whether the master believes that the host is alive."""
    metrics = db.get("host", host)["metrics"]
    return db.exists("host_metrics", metrics) and bool(db.get("host_metrics", metrics)["live"])


def attached_srs(db: Database, host: Ref) -> set[Ref]:
    """Return the storage that the host has plugged."""
    return {row["SR"] for row in db.rows("PBD").values() if row["host"] == host and row["currently_attached"]}


def assert_sees_storage(db: Database, vm: Ref, host: Ref) -> None:
    """Raise VM_REQUIRES_SR [vm, SR] for a disk, inserted CD or suspend image out of the host's reach."""
    attached = attached_srs(db, host)
    missing = next((sr for sr in _required_srs(db, vm) if sr not in attached), None)
    if missing is not None:
        raise XapiError("VM_REQUIRES_SR", vm, missing)


def _required_srs(db: Database, vm: Ref) -> Iterator[Ref]:
    row = db.get("VM", vm)
    drives = [db.get("VBD", vbd) for vbd in row["VBDs"]]
    images = [drive["VDI"] for drive in drives if not drive["empty"]]
    if row["power_state"] == "Suspended":
        images.append(row["suspend_VDI"])
    for image in images:
        if db.exists("VDI", image):
            yield db.get("VDI", image)["SR"]


def _assert_live(db: Database, _vm: Ref, host: Ref) -> None:
    if not is_live(db, host):
        raise XapiError("HOST_NOT_LIVE")


def _assert_enabled(db: Database, _vm: Ref, host: Ref) -> None:
    if not db.get("host", host)["enabled"]:
        raise XapiError("HOST_DISABLED", host)


def _assert_sees_networks(db: Database, vm: Ref, host: Ref) -> None:
    networks = [db.get("VIF", vif)["network"] for vif in db.get("VM", vm)["VIFs"]]
    for network in networks:
        if not _network_reaches(db, network, host):
            raise XapiError("VM_REQUIRES_NETWORK", vm, network)
    for network in networks:
        if any(pif["bond_slave_of"] != NULL for pif in _pifs(db, network) if pif["host"] == host):
            raise XapiError("HOST_CANNOT_ATTACH_NETWORK", host, network)


def _network_reaches(db: Database, network: Ref, host: Ref) -> bool:
    """A network without any interface is internal to the host on which its running VMs already are."""
    pifs = _pifs(db, network)
    if pifs:
        return any(pif["host"] == host for pif in pifs)
    vms = [db.get("VM", vif["VM"]) for vif in db.rows("VIF").values() if vif["network"] == network]
    homes = {vm["resident_on"] for vm in vms if vm["power_state"] == "Running"}
    return not homes or host in homes


def _pifs(db: Database, network: Ref) -> list[Row]:
    return [pif for pif in db.rows("PIF").values() if pif["network"] == network]


def _assert_has_gpus(db: Database, vm: Ref, host: Ref) -> None:
    groups = [row["GPU_group"] for row in db.rows("VGPU").values() if row["VM"] == vm]
    if groups and db.get("host", host)["chipset_info"].get("iommu") != "true":
        raise XapiError("VM_REQUIRES_IOMMU", host)
    for group in groups:
        if not any(_is_free(db, gpu) for gpu in db.rows("PGPU").values() if _is_in(gpu, group, host)):
            raise XapiError("VM_REQUIRES_GPU", vm, group)


def _is_in(gpu: Row, group: Ref, host: Ref) -> bool:
    return bool(gpu["GPU_group"] == group and gpu["host"] == host)


def _is_free(db: Database, gpu: Row) -> bool:
    device = db.get("PCI", gpu["PCI"])
    return len(device["attached_VMs"]) < int(device["functions"])


def _assert_hvm_capable(db: Database, vm: Ref, host: Ref) -> None:
    capable = any("hvm" in capability for capability in db.get("host", host)["capabilities"])
    if will_boot_hvm(db.get("VM", vm)) and not capable:
        raise XapiError("VM_HVM_REQUIRED", vm)


def _assert_enough_memory(db: Database, vm: Ref, host: Ref, record: Row) -> None:
    needed = memory.start_requirement(record)
    available = memory.free(db, host, ignoring=vm)
    if available < needed:
        raise XapiError("HOST_NOT_ENOUGH_FREE_MEMORY", str(needed), str(available))


_CHECKS: tuple[HostCheck, ...] = (
    _assert_live,
    _assert_enabled,
    assert_sees_storage,
    _assert_sees_networks,
    _assert_has_gpus,
    _assert_hvm_capable,
)
