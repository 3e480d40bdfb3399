"""Which hosts a pool has, and which of them is the master.

Source: xapi 6.0.2, xapi_pool (designate_new_master, emergency_transition_to_master, recover_slaves, eject),
xapi_pool_transition and xapi_host (destroy).
"""

from simulator import boot
from simulator.call import Call, Ref, XapiError, message
from simulator.forwarding import contact
from simulator.pool_messages import sync_database
from simulator.world import World


@message("pool.designate_new_master")
def designate_new_master(call: Call, host: Ref) -> None:
    """Make a slave the master: every host's xapi restarts ten seconds from now, in its new role.

    Raises HA_IS_ENABLED [], HOST_OFFLINE [host] if any host cannot take a copy of the database.
    """
    if host == call.world.master:
        return
    _assert_no_ha(call)
    sync_database(call)
    boot.begin_new_master(call.world, host)


@message("pool.emergency_transition_to_master")
def emergency_transition_to_master(call: Call) -> None:
    """Make the contacted host the master, whatever became of the last one; raise HA_IS_ENABLED [].

    Its database is the pool's, as if it had just been copied, and the other slaves find it at once: as after
    pool.recover_slaves.
    """
    _assert_no_ha(call)
    boot.begin_new_master(call.world, call.host)


@message("pool.recover_slaves")
def recover_slaves(call: Call) -> list[Ref]:
    """Have slaves look for the contacted master; return those that were reached, which know it already."""
    return [ref for ref, each in call.world.hosts.items() if each.serves and ref != call.host]


@message("pool.eject")
def eject(call: Call, host: Ref) -> None:
    """Have a slave without VMs leave the pool; it is not of this simulated pool any more.

    Raises HA_IS_ENABLED [], INTERNAL_ERROR [text] for the master, OPERATION_NOT_ALLOWED [reason] with VMs.
    """
    contact(call.world, host)
    _assert_no_ha(call)
    if host == call.world.master:
        raise XapiError("INTERNAL_ERROR", "Xapi_pool.Cannot_eject_master")
    if _guests(call, host):
        raise XapiError("OPERATION_NOT_ALLOWED", "VM resident on host")
    _forget(call.world, host)


@message("host.destroy")
def destroy(call: Call, host: Ref) -> None:
    """Forget a host that is down.

    Raises HOST_IS_LIVE [host], HA_IS_ENABLED [], HOST_HAS_RESIDENT_VMS [host].
    """
    if call.world.hosts[host].serves:
        raise XapiError("HOST_IS_LIVE", host)
    _assert_no_ha(call)
    if _guests(call, host):
        raise XapiError("HOST_HAS_RESIDENT_VMS", host)
    _forget(call.world, host)


def _assert_no_ha(call: Call) -> None:
    if call.db.get("pool", call.world.pool)["ha_enabled"]:
        raise XapiError("HA_IS_ENABLED")


def _guests(call: Call, host: Ref) -> list[Ref]:
    residents = call.db.get("host", host)["resident_VMs"]
    return [vm for vm in residents if not call.db.get("VM", vm)["is_control_domain"]]


def _forget(world: World, host: Ref) -> None:
    """Cut a host off, and remove its row with those that are nothing without it."""
    runtime = world.hosts[host]
    runtime.agent_starts += 1
    runtime.close_listeners()
    world.hosts = {ref: each for ref, each in world.hosts.items() if ref != host}
    with world.db.lock:
        for table in ("PBD", "PIF", "host_patch", "host_cpu"):
            for row in world.db.find(table, host=host):
                world.db.destroy(table, row)
        for vm in world.db.get("host", host)["resident_VMs"]:
            world.db.destroy("VM", vm)
        world.db.destroy("host_metrics", world.db.get("host", host)["metrics"])
        world.db.destroy("host", host)
