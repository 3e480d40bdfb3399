"""Databases of real pools, served: what xapi wrote into them is what the simulator works out."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from simulator import ManualClock, SimulatedPool
from simulator.allowed_operations import refresh_all
from simulator.dump import load
from simulator.memory import overhead
from simulator.sexpr import parse_set
from simulator.vm_record import boot_record
from tests.simulator.api import Api

TAMPA = "TampaTwoHostPoolSelectioniSCSI.xml"
BOSTON = "xapidb_app.xml"
SINGLE = "small_vms.xml"
STUCK = {
    TAMPA: {"Local": "VM_REQUIRES_SR", "OnMasterLocal": "VM_REQUIRES_SR"},
    BOSTON: {
        "CentOS 5 (32-bit) (1)": "VM_REQUIRES_SR",
        "Windows XP SP3 (32-bit) (2)": "VM_MISSING_PV_DRIVERS",
    },
    SINGLE: {},
}


@pytest.fixture
def dump(request: pytest.FixtureRequest, shared_data: Path) -> Path:
    return shared_data / "pools" / str(request.param)


@pytest.fixture
def pool(clock: ManualClock, dump: Path) -> Iterator[SimulatedPool]:
    with SimulatedPool(dump, clock=clock) as pool:
        yield pool


@pytest.fixture
def stuck(dump: Path) -> dict[str, str]:
    return STUCK[dump.name]


every_pool = pytest.mark.parametrize("dump", STUCK, indirect=True)
pools_of_two = pytest.mark.parametrize("dump", [TAMPA, BOSTON], indirect=True)


@pytest.mark.parametrize("dump", [BOSTON, SINGLE], indirect=True)
@pytest.mark.parametrize("table", ["VM", "VBD", "VIF", "VDI", "SR", "host"])
def test_allowed_operations_work_out_as_xapi_had_recorded_them(
    pool: SimulatedPool, dump: Path, table: str
) -> None:
    recorded = {ref: parse_set(row["allowed_operations"]) for ref, row in load(dump).tables[table].items()}
    for ref in pool.db.rows(table):
        pool.db.update(table, ref, allowed_operations=[])

    refresh_all(pool.db)

    assert {ref: row["allowed_operations"] for ref, row in pool.db.rows(table).items()} == recorded


@every_pool
def test_the_memory_overhead_of_vms_is_the_recorded_one(pool: SimulatedPool) -> None:
    vms = [boot_record(vm) for vm in pool.db.rows("VM").values() if vm["power_state"] == "Running"]

    assert [overhead(vm) for vm in vms] == [vm["memory__overhead"] for vm in vms]


@every_pool
def test_exactly_the_vms_on_local_disks_prevent_evacuation(api: Api, stuck: dict[str, str]) -> None:
    reasons = {}
    for host in api.host.get_all():
        for vm in api.host.get_vms_which_prevent_evacuation(host):
            reasons[api.VM.get_name_label(vm)] = api.host.get_vms_which_prevent_evacuation(host)[vm][0]

    assert reasons == dict.fromkeys(stuck, "HOST_NOT_ENOUGH_FREE_MEMORY")


@pools_of_two
def test_the_real_reason_stands_before_the_memory_error(api: Api, stuck: dict[str, str]) -> None:
    for host in api.host.get_all():
        (vm,) = (vm for vm in api.guests(host) if api.VM.get_name_label(vm) in stuck)
        task = api.begin("host.assert_can_evacuate", host)
        api.clock.advance(1)

        _, reasons = api.task.get_error_info(task)

        first, second = (reason.split(",") for reason in reasons.split("|"))
        assert [first[0], first[1]] == [stuck[api.VM.get_name_label(vm)], vm]
        assert second == ["HOST_NOT_ENOUGH_FREE_MEMORY", vm]


@pools_of_two
def test_once_those_are_shut_down_each_host_can_be_emptied_and_rebooted(
    api: Api, stuck: dict[str, str]
) -> None:
    for name in stuck:
        api.do("VM.clean_shutdown", api.named("VM", name))
    (ref,) = api.pool.get_all()
    master = api.pool.get_master(ref)
    (slave,) = set(api.host.get_all()) - {master}

    for host in (slave, master):
        api.host.disable(host)
        api.do("host.evacuate", host)
        assert api.guests(host) == []
        api.do("host.reboot", host)
        api.clock.advance(210)
        api.log_in()
        assert api.host.get_enabled(host)

    states = {
        row["power_state"]
        for row in api.VM.get_all_records().values()
        if not row["is_a_template"]
        and row["name_label"] not in stuck
        and row["resident_on"] != "OpaqueRef:NULL"
    }
    assert states == {"Running"}


@pytest.mark.parametrize("dump", [SINGLE], indirect=True)
def test_what_is_known_of_an_earlier_patch_survives_a_reboot(api: Api) -> None:
    (host,) = api.host.get_all()
    before = api.host_patch.get_all_records()
    (record,) = before.values()
    assert record["timestamp_applied"].value == "20110810T12:08:57Z"

    api.host.disable(host)
    api.do("host.reboot", host)
    api.clock.advance(200)
    api.log_in()

    assert api.host_patch.get_all_records() == before
    assert api.pool_patch.get_name_label(record["pool_patch"]) == "succeed.asc"
    assert api.host.get_enabled(host)
