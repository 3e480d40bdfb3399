"""VM.assert_agile: whether a VM could be restarted on any host of the pool."""

from simulator import SimulatedPool
from tests.simulator.api import Api, failure


def a_guest(api: Api) -> str:
    return api.guests(api.host.get_all()[0])[0]


def test_a_vm_on_shared_storage_and_networks_is_agile(api: Api) -> None:
    assert api.VM.assert_agile(a_guest(api)) == ""


def test_a_vm_on_storage_that_a_host_has_not_plugged_is_not(api: Api, pool: SimulatedPool) -> None:
    vm = a_guest(api)
    (disk,) = [vbd for vbd in api.VM.get_VBDs(vm) if api.VBD.get_type(vbd) == "Disk"]
    storage = api.VDI.get_SR(api.VBD.get_VDI(disk))
    pool.db.update("PBD", api.SR.get_PBDs(storage)[-1], currently_attached=False)
    assert failure(api.VM.assert_agile, vm) == ["HA_CONSTRAINT_VIOLATION_SR_NOT_SHARED", storage]


def test_a_vm_on_a_network_that_a_host_has_not_plugged_is_not(api: Api, pool: SimulatedPool) -> None:
    vm = a_guest(api)
    network = api.VIF.get_network(api.VM.get_VIFs(vm)[0])
    pool.db.update("PIF", api.network.get_PIFs(network)[-1], currently_attached=False)
    assert failure(api.VM.assert_agile, vm) == ["HA_CONSTRAINT_VIOLATION_NETWORK_NOT_SHARED", network]
