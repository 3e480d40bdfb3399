"""VM.set_ha_restart_priority: which VMs HA restarts when their host fails.

Source: xapi 6.0.2, xapi_vm and xapi_ha_vm_failover (assert_new_vm_preserves_ha_plan).
"""

from typing import Final

from simulator.allowed_operations import refresh_vm
from simulator.call import Call, Ref, XapiError, message
from simulator.database import Database
from simulator.ha import most_failures, plan_exists

_PRIORITIES: Final = ("restart", "best-effort", "")


@message("VM.set_ha_restart_priority")
def set_ha_restart_priority(call: Call, vm: Ref, value: str) -> None:
    """Protect a VM, or no longer; a running one at once.

    Raises INVALID_VALUE ["ha_restart_priority", value], HA_OPERATION_WOULD_BREAK_FAILOVER_PLAN [].
    """
    if value not in _PRIORITIES:
        raise XapiError("INVALID_VALUE", "ha_restart_priority", value)
    with call.db.lock:
        row = call.db.get("VM", vm)
        before = {name: row[name] for name in ("ha_restart_priority", "ha_always_run")}
        always_run = value == "restart" if row["power_state"] == "Running" else row["ha_always_run"]
        call.db.update("VM", vm, ha_restart_priority=value, ha_always_run=always_run)
        if value == "restart" and not _plan_survives(call.db, call.world.pool):
            call.db.update("VM", vm, **before)
            raise XapiError("HA_OPERATION_WOULD_BREAK_FAILOVER_PLAN")
    refresh_vm(call.db, vm)


@message("VM.set_ha_always_run")
def set_ha_always_run(call: Call, vm: Ref, value: bool) -> None:
    """What clients of before Boston call: a priority of "restart", or none."""
    set_ha_restart_priority(call, vm, "restart" if value else "")


def _plan_survives(db: Database, pool: Ref) -> bool:
    """Whether HA, where it is on, still has a plan for as many failures as it had; its record is updated."""
    row = db.get("pool", pool)
    if not row["ha_enabled"]:
        return True
    if not row["ha_allow_overcommit"] and not plan_exists(
        db, list(db.rows("host")), row["ha_plan_exists_for"]
    ):
        return False
    planned = min(int(row["ha_host_failures_to_tolerate"]), most_failures(db))
    db.update("pool", pool, ha_plan_exists_for=planned)
    return True
