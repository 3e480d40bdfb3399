"""pool.*: what a client that patches a pool asks of the pool itself.

Source: xapi 6.0.2, xapi_pool and xapi_ha.
"""

from collections.abc import Mapping, Sequence

from simulator.call import Call, Ref, XapiError, message
from simulator.forwarding import contact
from simulator.ha import most_failures, plan_exists
from simulator.placement import attached_srs


@message("pool.sync_database")
def sync_database(call: Call) -> None:
    """Have every host keep a copy of the database; raise HOST_OFFLINE [host] if one cannot."""
    for host in call.db.rows("host"):
        contact(call.world, host)


@message("pool.is_slave")
def is_slave(call: Call, _host: Ref) -> bool:
    """Tell whether the contacted host is a slave, whatever host is named."""
    return call.host != call.world.master


@message("pool.enable_ha")
def enable_ha(call: Call, heartbeat_srs: Sequence[Ref], configuration: Mapping[str, str]) -> None:
    """Switch HA on, with its statefile on the first of the SRs, or of those that fit.

    Raises HA_IS_ENABLED [], CANNOT_FIND_STATE_PARTITION [] where no shared SR is attached to all hosts.
    """
    with call.db.lock:
        if call.db.get("pool", call.world.pool)["ha_enabled"]:
            raise XapiError("HA_IS_ENABLED")
        hosts = list(call.db.rows("host"))
        for host in hosts:
            contact(call.world, host)
        statefile = _create_statefile(call, heartbeat_srs or _shared_srs(call), hosts)
        uuids = [call.db.get("host", host)["uuid"] for host in hosts]
        for host in hosts:
            call.db.update("host", host, ha_statefiles=[statefile], ha_network_peers=uuids)
        call.db.update(
            "pool",
            call.world.pool,
            ha_enabled=True,
            ha_configuration=dict(configuration),
            ha_statefiles=[statefile],
            ha_plan_exists_for=_planned_failures(call),
        )


@message("pool.disable_ha")
def disable_ha(call: Call) -> None:
    """Switch HA off; what VMs are to be protected stays. Raises HA_NOT_ENABLED []."""
    with call.db.lock:
        pool = call.db.get("pool", call.world.pool)
        if not pool["ha_enabled"]:
            raise XapiError("HA_NOT_ENABLED")
        for host in call.db.rows("host"):
            call.db.update("host", host, ha_statefiles=[], ha_network_peers=[])
        for statefile in pool["ha_statefiles"]:
            call.db.destroy("VDI", statefile)
        call.db.update("pool", call.world.pool, ha_enabled=False, ha_statefiles=[], ha_configuration={})


@message("pool.ha_failover_plan_exists")
def ha_failover_plan_exists(call: Call, n: int) -> bool:
    """Tell whether protected VMs survive the failure of any n hosts."""
    return plan_exists(call.db, list(call.db.rows("host")), n)


@message("pool.ha_compute_max_host_failures_to_tolerate")
def ha_compute_max_host_failures_to_tolerate(call: Call) -> int:
    """Return how many failures of hosts all protected VMs survive."""
    return most_failures(call.db)


@message("pool.set_ha_host_failures_to_tolerate")
def set_ha_host_failures_to_tolerate(call: Call, pool: Ref, value: int) -> None:
    """Plan for so many failures; with HA on, HA_OPERATION_WOULD_BREAK_FAILOVER_PLAN [] if it is too many."""
    with call.db.lock:
        if value < 0:
            raise XapiError("INVALID_VALUE", "ha_host_failures_to_tolerate", str(value))
        if call.db.get("pool", pool)["ha_enabled"] and value > most_failures(call.db):
            raise XapiError("HA_OPERATION_WOULD_BREAK_FAILOVER_PLAN")
        call.db.update("pool", pool, ha_host_failures_to_tolerate=value)
        call.db.update("pool", pool, ha_plan_exists_for=_planned_failures(call))


@message("pool.ha_prevent_restarts_for")
def ha_prevent_restarts_for(call: Call, _seconds: int) -> None:
    """Let HA restart no VM for a while: nothing to do, it never does here. Raises HA_NOT_ENABLED []."""
    if not call.db.get("pool", call.world.pool)["ha_enabled"]:
        raise XapiError("HA_NOT_ENABLED")


def _planned_failures(call: Call) -> int:
    wanted = int(call.db.get("pool", call.world.pool)["ha_host_failures_to_tolerate"])
    return min(wanted, most_failures(call.db))


def _shared_srs(call: Call) -> list[Ref]:
    return [sr for sr, row in call.db.rows("SR").items() if row["shared"] and row["content_type"] != "iso"]


def _create_statefile(call: Call, srs: Sequence[Ref], hosts: Sequence[Ref]) -> Ref:
    reach = [attached_srs(call.db, host) for host in hosts]
    usable = [sr for sr in srs if all(sr in attached for attached in reach)]
    if not usable:
        raise XapiError("CANNOT_FIND_STATE_PARTITION")
    return call.db.create(
        "VDI",
        name__label="Statefile for HA",
        name__description="Used for storage heartbeating",
        SR=usable[0],
        type="ha_statefile",
        virtual_size=4 << 20,
        physical_utilisation=4 << 20,
        sharable=True,
        managed=True,
    )
