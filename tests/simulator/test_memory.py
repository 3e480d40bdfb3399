"""Memory as xapi accounts for it, against figures of real pools."""

from typing import Any

import pytest

from simulator import SimulatedPool, memory
from simulator.call import Ref
from simulator.placement import possible_hosts
from tests.simulator.api import Api

MIB = 1 << 20


def vm(**fields: Any) -> dict[str, Any]:
    return {
        "is_control_domain": False,
        "HVM__boot_policy": "",
        "HVM__shadow_multiplier": 1.0,
        "VCPUs__max": 1,
        "memory__static_max": 256 * MIB,
        "memory__dynamic_min": 256 * MIB,
        **fields,
    }


@pytest.mark.parametrize(
    ("record", "overhead"),
    [
        pytest.param(vm(), 4194304, id="a paravirtualised VM"),
        pytest.param(vm(memory__static_max=1073741824), 10485760, id="a larger one"),
        pytest.param(vm(memory__static_max=536870912, HVM__boot_policy="BIOS order"), 7340032, id="Windows"),
        pytest.param(
            vm(memory__static_max=780140544, VCPUs__max=8, is_control_domain=True), 15728640, id="domain 0"
        ),
    ],
)
def test_the_overhead_of_a_vm_is_that_of_real_pools(record: dict[str, Any], overhead: int) -> None:
    assert memory.overhead(record) == overhead


def test_the_shadow_grows_with_its_multiplier_for_fully_virtualised_vms_only() -> None:
    windows = vm(HVM__boot_policy="BIOS order")

    assert memory.overhead({**windows, "HVM__shadow_multiplier": 2.0}) == memory.overhead(windows) + 3 * MIB
    assert memory.overhead(vm(HVM__shadow_multiplier=2.0)) == memory.overhead(vm())


def test_starting_needs_the_dynamic_minimum_in_whole_mib_and_the_overhead() -> None:
    assert memory.start_requirement(vm(memory__dynamic_min=100 * MIB + 1)) == 101 * MIB + 4 * MIB


def test_free_memory_is_what_the_guests_at_their_least_leave(api: Api) -> None:
    host = api.named("host", "xs1")
    total = int(api.host_metrics.get_memory_total(api.host.get_metrics(host)))
    used = sum(
        int(api.VM.get_memory_dynamic_min(vm)) + int(api.VM.get_memory_overhead(vm))
        for vm in api.host.get_resident_VMs(host)
    )

    free = int(api.host.compute_free_memory(host))

    assert free == total - int(api.host.get_memory_overhead(host)) - used


def test_free_memory_is_never_negative(api: Api, pool: SimulatedPool) -> None:
    host = api.named("host", "xs1")
    pool.db.update("VM", api.guests(host)[0], memory__dynamic_min=1 << 50)

    assert api.host.compute_free_memory(host) == "0"


def test_a_vms_own_reservation_does_not_stand_in_its_way(api: Api, pool: SimulatedPool) -> None:
    host, off = api.named("host", "xs2"), api.named("VM", "vm-off-1")
    free = int(api.host.compute_free_memory(host))
    pool.db.update(
        "VM",
        off,
        memory__dynamic_min=free - 200 * MIB,
        memory__static_max=free - 200 * MIB,
        scheduled_to_be_resident_on=host,
    )
    overhead = int(api.VM.compute_memory_overhead(off))
    pool.db.update("VM", off, memory__overhead=overhead)

    assert host in possible_hosts(pool.db, Ref(off))


def test_the_most_memory_that_fits_leaves_room_for_its_overhead(api: Api) -> None:
    off = api.named("VM", "vm-off-1")

    exact = int(api.VM.maximise_memory(off, str(1024 * MIB), False))
    careful = int(api.VM.maximise_memory(off, str(1024 * MIB), True))

    assert exact == 1014 * MIB
    assert careful < exact
