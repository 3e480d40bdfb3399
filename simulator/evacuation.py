"""Where the VMs of a host can go: the plan of host.evacuate, with its errors as clients see them.

Source: xapi 6.0.2, xapi_host (compute_evacuation_plan_no_wlb) and binpack.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from simulator import memory
from simulator.call import Ref, XapiError
from simulator.database import Database, Row
from simulator.host_versions import version_of
from simulator.placement import refusal
from simulator.vm_record import lacks_migration_drivers


@dataclass
class Plan:
    """For each VM of the host either where it goes or why it cannot."""

    moves: dict[Ref, Ref] = field(default_factory=dict)
    errors: dict[Ref, list[XapiError]] = field(default_factory=dict)
    """Newest last. Up to 7.0 a VM can have two: the planner adds its memory error to an earlier one."""

    def replace_error(self, vm: Ref, error: XapiError) -> None:
        """Put an error in the place of the VM's newest one."""
        self.errors[vm] = [*self.errors.get(vm, [])[:-1], error]

    def add_error(self, vm: Ref, error: XapiError) -> None:
        """Add an error to those the VM has."""
        self.errors.setdefault(vm, []).append(error)


def plan_evacuation(db: Database, host: Ref) -> Plan:
    """Plan to empty a host onto the other enabled hosts of its version or a newer one.

    A VM is placed only if it could boot on every one of them. Hosts that are enabled but dead are not left
    out: one of them refuses every VM, with HOST_NOT_LIVE.
    """
    with db.lock:
        guests = [vm for vm in db.get("host", host)["resident_VMs"] if not _is_control_domain(db, vm)]
        targets = _targets(db, host)
        if not targets:
            return Plan(errors={vm: [XapiError("NO_HOSTS_AVAILABLE", vm)] for vm in guests})
        return _plan(db, guests, targets)


def _plan(db: Database, guests: Sequence[Ref], targets: Sequence[Ref]) -> Plan:
    plan = Plan()
    protected = [vm for vm in guests if _survives_failover(db, vm)]
    for vm in guests:
        if vm not in protected:
            plan.replace_error(vm, _no_memory(vm))
    migratable = []
    for vm in protected:
        reason = _refusal(db, vm, targets)
        if reason is None:
            migratable.append(vm)
        else:
            plan.replace_error(vm, reason)
    for vm in guests:
        if lacks_migration_drivers(db, vm):
            plan.replace_error(vm, XapiError("VM_MISSING_PV_DRIVERS", vm))
    placed = pack(
        [(vm, memory.start_requirement(db.get("VM", vm))) for vm in migratable],
        [(target, memory.free(db, target)) for target in targets],
    )
    for vm in protected:
        if vm not in placed:
            plan.add_error(vm, _no_memory(vm))
    plan.moves = {vm: target for vm, target in placed.items() if vm not in plan.errors}
    return plan


def pack(vms: Iterable[tuple[Ref, int]], hosts: Iterable[tuple[Ref, int]]) -> dict[Ref, Ref]:
    """Place VMs by size, the largest first, each on the host that then has most memory free (bytes).

    A VM that does not fit there is left out and the smaller ones are still placed.
    """
    rooms = sorted(hosts, key=lambda room: room[1], reverse=True)
    placed = {}
    for vm, size in sorted(vms, key=lambda thing: thing[1], reverse=True) if rooms else ():
        host, free = rooms[0]
        if size <= free:
            placed[vm] = host
            # xapi puts a host before others that have as much left; a stable sort does the same.
            rooms = sorted([(host, free - size), *rooms[1:]], key=lambda room: room[1], reverse=True)
    return placed


def is_protected(vm: Row) -> bool:
    """Tell whether HA restarts the VM when its host fails."""
    return bool(vm["ha_always_run"]) and vm["ha_restart_priority"] == "restart"


def _targets(db: Database, source: Ref) -> list[Ref]:
    oldest = version_of(db, source)
    return [
        host
        for host, row in db.rows("host").items()
        if host != source and row["enabled"] and version_of(db, host) >= oldest
    ]


def _refusal(db: Database, vm: Ref, targets: Iterable[Ref]) -> XapiError | None:
    record = db.get("VM", vm)
    reasons = (refusal(db, vm, target, record, check_memory=False) for target in targets)
    return next((reason for reason in reasons if reason is not None), None)


def _is_control_domain(db: Database, vm: Ref) -> bool:
    return bool(db.get("VM", vm)["is_control_domain"])


def _survives_failover(db: Database, vm: Ref) -> bool:
    """With HA on, only VMs that HA restarts are moved; the others must be suspended or shut down."""
    pool = next(iter(db.rows("pool").values()))
    return not pool["ha_enabled"] or is_protected(db.get("VM", vm))


def _no_memory(vm: Ref) -> XapiError:
    """The planner's form of the error, unlike the usual one with two amounts."""
    return XapiError("HOST_NOT_ENOUGH_FREE_MEMORY", vm)
