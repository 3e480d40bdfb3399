"""Where a VM can run, and the first reason why it cannot."""

import pytest

from simulator import Model, SimulatedPool
from tests.simulator.api import Api, failure


@pytest.fixture
def off(api: Api) -> str:
    return api.named("VM", "vm-off-1")


@pytest.fixture
def host(api: Api) -> str:
    return api.named("host", "xs2")


def network_of(api: Api, vm: str) -> str:
    (vif,) = api.VM.get_VIFs(vm)
    return str(api.VIF.get_network(vif))


def test_a_vm_on_shared_storage_can_run_anywhere(api: Api, off: str, host: str) -> None:
    assert set(api.VM.get_possible_hosts(off)) == set(api.host.get_all())
    assert api.VM.assert_can_boot_here(off, host) == ""


def test_a_dead_host_is_refused(pool: SimulatedPool, api: Api, off: str, host: str) -> None:
    pool.db.update("host_metrics", api.host.get_metrics(host), live=False)
    api.host.set_name_label(host, "dead")

    assert failure(api.VM.assert_can_boot_here, off, host) == ["HOST_NOT_LIVE"]
    assert host not in api.VM.get_possible_hosts(off)


def test_a_disabled_host_is_refused(api: Api, off: str, host: str) -> None:
    api.host.disable(host)

    assert failure(api.VM.assert_can_boot_here, off, host) == ["HOST_DISABLED", host]


def test_a_disk_that_the_host_does_not_see_is_named(
    api: Api, pool: SimulatedPool, off: str, host: str
) -> None:
    local = api.named("host", "xs1")
    (sr,) = (
        pbd["SR"]
        for pbd in api.PBD.get_all_records().values()
        if pbd["host"] == local and api.SR.get_name_label(pbd["SR"]) == "Local storage"
    )
    disk, _ = api.VM.get_VBDs(off)
    pool.db.update("VDI", api.VBD.get_VDI(disk), SR=sr)

    assert failure(api.VM.assert_can_boot_here, off, host) == ["VM_REQUIRES_SR", off, sr]
    assert api.VM.get_possible_hosts(off) == [local]


def test_a_network_without_an_interface_on_the_host_is_named(
    api: Api, pool: SimulatedPool, off: str, host: str
) -> None:
    network = network_of(api, off)
    (pif,) = (pif for pif in api.network.get_PIFs(network) if api.PIF.get_host(pif) == host)
    pool.db.destroy("PIF", pif)

    assert failure(api.VM.assert_can_boot_here, off, host) == ["VM_REQUIRES_NETWORK", off, network]


def test_an_internal_network_binds_vms_to_the_host_where_others_run(
    api: Api, pool: SimulatedPool, off: str, host: str
) -> None:
    neighbour = api.named("VM", "vm-web-1")
    internal = pool.db.create("network", name__label="internal")
    for vm in (off, neighbour):
        pool.db.update("VIF", api.VM.get_VIFs(vm)[0], network=internal)

    assert api.VM.get_possible_hosts(off) == [api.VM.get_resident_on(neighbour)]
    api.do("VM.hard_shutdown", neighbour)
    assert host in api.VM.get_possible_hosts(off)


def test_a_network_on_a_bonded_interface_cannot_be_attached(
    api: Api, pool: SimulatedPool, off: str, host: str
) -> None:
    network = network_of(api, off)
    (pif,) = (pif for pif in api.network.get_PIFs(network) if api.PIF.get_host(pif) == host)
    pool.db.update("PIF", pif, bond_slave_of=pool.db.create("Bond", master=pif))

    assert failure(api.VM.assert_can_boot_here, off, host) == ["HOST_CANNOT_ATTACH_NETWORK", host, network]


def test_windows_needs_a_host_with_hardware_virtualisation(
    api: Api, pool: SimulatedPool, off: str, host: str
) -> None:
    pool.db.update("VM", off, HVM__boot_policy="BIOS order")
    pool.db.update("host", host, capabilities=["xen-3.0-x86_64"])

    assert failure(api.VM.assert_can_boot_here, off, host) == ["VM_HVM_REQUIRED", off]


def test_too_little_memory_is_told_in_bytes(api: Api, pool: SimulatedPool, off: str, host: str) -> None:
    pool.db.update("VM", off, memory__dynamic_min=1 << 40, memory__static_max=1 << 40)
    needed = (1 << 40) + int(api.VM.compute_memory_overhead(off))

    error = failure(api.VM.assert_can_boot_here, off, host)

    assert error == ["HOST_NOT_ENOUGH_FREE_MEMORY", str(needed), api.host.compute_free_memory(host)]


class TestWithoutAffinity:
    @pytest.fixture
    def model(self) -> Model:
        return Model(hosts=3, vms=6)

    def test_start_spares_the_master(self, api: Api, off: str) -> None:
        api.do("VM.start", off, False, False)

        assert api.VM.get_resident_on(off) != api.named("host", "xs1")

    def test_start_takes_the_host_with_most_memory(self, api: Api, off: str) -> None:
        crowded, roomy = api.named("host", "xs2"), api.named("host", "xs3")
        api.do("VM.pool_migrate", api.guests(roomy)[0], crowded, {})

        api.do("VM.start", off, False, False)

        assert api.VM.get_resident_on(off) == roomy

    def test_start_prefers_the_affinity(self, api: Api, off: str) -> None:
        api.VM.set_affinity(off, api.named("host", "xs1"))

        api.do("VM.start", off, False, False)

        assert api.VM.get_resident_on(off) == api.named("host", "xs1")

    def test_start_fails_without_any_possible_host(self, api: Api, off: str) -> None:
        for host in api.host.get_all():
            api.host.disable(host)

        assert failure(api.do, "VM.start", off, False, False) == ["NO_HOSTS_AVAILABLE"]
        assert api.VM.get_power_state(off) == "Halted"
        assert api.VM.get_current_operations(off) == {}
