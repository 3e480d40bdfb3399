"""High availability, as far as it stands in the way of taking hosts out of service."""

import pytest

from simulator import Model, SimulatedPool
from tests.simulator.api import Api, failure


@pytest.fixture
def model() -> Model:
    return Model(hosts=3, vms=3, memory_gib=4)


@pytest.fixture
def protected(pool: SimulatedPool, api: Api) -> list[str]:
    vms = [api.named("VM", name) for name in ("vm-web-1", "vm-db-1", "vm-app-1")]
    for vm in vms:
        pool.db.update("VM", vm, ha_always_run=True, ha_restart_priority="restart")
    return vms


def test_it_is_switched_on_and_off_once_each(api: Api) -> None:
    (pool,) = api.pool.get_all()
    assert failure(api.do, "pool.disable_ha") == ["HA_NOT_ENABLED"]

    api.do("pool.enable_ha", [], {})

    assert api.pool.get_ha_enabled(pool)
    (statefile,) = api.pool.get_ha_statefiles(pool)
    assert api.VDI.get_type(statefile) == "ha_statefile"
    assert failure(api.do, "pool.enable_ha", [], {}) == ["HA_IS_ENABLED"]
    api.do("pool.disable_ha")
    assert not api.pool.get_ha_enabled(pool)
    assert api.pool.get_ha_statefiles(pool) == []
    assert statefile not in api.VDI.get_all()


def test_it_needs_storage_that_all_hosts_have(api: Api) -> None:
    local = next(sr for sr in api.SR.get_by_name_label("Local storage"))

    assert failure(api.do, "pool.enable_ha", [local], {}) == ["CANNOT_FIND_STATE_PARTITION"]


@pytest.mark.usefixtures("protected")
def test_a_host_that_the_plan_needs_is_neither_disabled_nor_evacuated(api: Api) -> None:
    (pool,) = api.pool.get_all()
    api.do("pool.enable_ha", [], {})
    most = int(api.pool.ha_compute_max_host_failures_to_tolerate())
    api.pool.set_ha_host_failures_to_tolerate(pool, str(most))
    host = api.named("host", "xs2")

    refused = ["HA_OPERATION_WOULD_BREAK_FAILOVER_PLAN"]
    assert failure(api.host.disable, host) == refused
    assert failure(api.do, "host.evacuate", host) == refused
    assert api.host.get_enabled(host)
    api.do("pool.disable_ha")
    api.host.disable(host)


@pytest.mark.usefixtures("protected")
def test_a_host_to_spare_can_be_disabled(api: Api) -> None:
    (pool,) = api.pool.get_all()
    api.do("pool.enable_ha", [], {})
    api.pool.set_ha_host_failures_to_tolerate(pool, "1")
    assert api.pool.get_ha_plan_exists_for(pool) == "1"

    api.host.disable(api.named("host", "xs2"))

    assert api.pool.ha_failover_plan_exists("1")


def test_more_failures_than_can_be_survived_are_not_planned_for(
    pool: SimulatedPool, api: Api, protected: list[str]
) -> None:
    (ref,) = api.pool.get_all()
    api.do("pool.enable_ha", [], {})
    pool.db.update("VM", protected[0], memory__static_max=3 << 30)

    assert int(api.pool.ha_compute_max_host_failures_to_tolerate()) < 2
    assert failure(api.pool.set_ha_host_failures_to_tolerate, ref, "2") == [
        "HA_OPERATION_WOULD_BREAK_FAILOVER_PLAN"
    ]


def test_synchronising_the_database_needs_every_host(pool: SimulatedPool, api: Api) -> None:
    api.do("pool.sync_database")
    host = api.named("host", "xs3")
    pool.db.update("host_metrics", api.host.get_metrics(host), live=False)

    assert failure(api.do, "pool.sync_database") == ["HOST_OFFLINE", host]


def test_a_vm_is_protected_by_its_priority_and_a_running_one_at_once(api: Api) -> None:
    running, off = api.named("VM", "vm-web-1"), api.named("VM", "vm-off-1")
    assert failure(api.VM.set_ha_restart_priority, running, "high") == [
        "INVALID_VALUE", "ha_restart_priority", "high",
    ]  # fmt: skip

    for vm in (running, off):
        api.VM.set_ha_restart_priority(vm, "restart")

    assert api.VM.get_ha_always_run(running)
    assert not api.VM.get_ha_always_run(off)
    api.VM.set_ha_always_run(running, False)
    assert api.VM.get_ha_restart_priority(running) == ""
    assert not api.VM.get_ha_always_run(running)


def test_no_vm_is_protected_that_the_failover_plan_has_no_room_for(pool: SimulatedPool, api: Api) -> None:
    (ref,) = api.pool.get_all()
    large = api.named("VM", "vm-web-1")
    pool.db.update("VM", large, memory__static_max=5 << 30)
    api.do("pool.enable_ha", [], {})
    api.pool.set_ha_host_failures_to_tolerate(ref, "1")

    refused = failure(api.VM.set_ha_restart_priority, large, "restart")

    assert refused == ["HA_OPERATION_WOULD_BREAK_FAILOVER_PLAN"]
    assert api.VM.get_ha_restart_priority(large) == ""
    api.VM.set_ha_restart_priority(large, "best-effort")
    assert not api.VM.get_ha_always_run(large)
