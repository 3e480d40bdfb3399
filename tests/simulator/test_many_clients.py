"""Many clients at once: nothing is lost, and no host ever holds more than it has."""

import random
from concurrent.futures import ThreadPoolExecutor

import XenAPI

from simulator import Model, SimulatedPool
from simulator.call import Ref
from simulator.database import Change, Database

CLIENTS = 8
MOVES_EACH = 6


def test_concurrent_moves_never_overcommit_a_host() -> None:
    with SimulatedPool(Model(hosts=3, vms=8, memory_gib=6), speed=20_000) as pool:
        overcommitted: list[Ref] = []

        def look(change: Change) -> None:
            if change.table == "VM":
                overcommitted.extend(host for host in pool.db.rows("host") if _left(pool.db, host) < 0)

        pool.db.watch(look)
        with ThreadPoolExecutor(CLIENTS) as clients:
            refusals = [
                code for codes in clients.map(_wander, [pool] * CLIENTS, range(CLIENTS)) for code in codes
            ]

        vms = [vm for vm in pool.db.rows("VM").values() if vm["name__label"].startswith("vm-")]
        assert overcommitted == []
        assert set(refusals) <= {"HOST_NOT_ENOUGH_FREE_MEMORY"}
        assert len(refusals) < CLIENTS * MOVES_EACH
        assert [vm["current_operations"] for vm in vms] == [{}] * len(vms)
        assert {vm["scheduled_to_be_resident_on"] for vm in vms} == {"OpaqueRef:NULL"}
        assert pool.journal.events("power_state") == []
        assert pool.leaks() == []


def _wander(pool: SimulatedPool, number: int) -> list[str]:
    """Move VMs about at random; return the codes of refused moves."""
    dice = random.Random(number)
    session = XenAPI.Session(pool.url)
    session.login_with_password("root", "xenroot")
    api = session.xenapi
    vms = [vm for vm, row in api.VM.get_all_records().items() if row["power_state"] == "Running"]
    guests = sorted(vm for vm in vms if not api.VM.get_is_control_domain(vm))
    hosts = sorted(api.host.get_all())
    refusals = []
    for _ in range(MOVES_EACH):
        vm = dice.choice(guests)
        target = dice.choice([host for host in hosts if host != api.VM.get_resident_on(vm)])
        try:
            api.VM.pool_migrate(vm, target, {})
        except XenAPI.Failure as refusal:
            refusals.append(refusal.details[0])
    session.logout()
    return refusals


def _left(db: Database, host: Ref) -> int:
    """What all guests at their least leave of a host, below zero if that is too little."""
    row = db.get("host", host)
    used = sum(
        vm["memory__dynamic_min"] + vm["memory__overhead"]
        for vm in db.rows("VM").values()
        for place in ("resident_on", "scheduled_to_be_resident_on")
        if vm[place] == host
    )
    return int(db.get("host_metrics", row["metrics"])["memory__total"] - row["memory__overhead"] - used)
