"""The pool while its master reboots: the API is gone, and so is what the master kept in memory."""

import pytest
import XenAPI

from simulator import Model, SimulatedPool
from tests.simulator.api import Api, failure, listens, url_of


@pytest.fixture
def master(api: Api) -> str:
    return api.named("host", "xs1")


@pytest.fixture
def slave(api: Api) -> str:
    return api.named("host", "xs2")


def reboot(api: Api, master: str) -> None:
    """Reboot the master and wait until it no longer listens."""
    api.host.disable(master)
    api.do("host.reboot", master)
    api.clock.advance(15)


def test_nothing_listens_while_it_is_down(pool: SimulatedPool, api: Api, master: str) -> None:
    reboot(api, master)

    assert [listens(pool, "xs1", offset) for offset in range(4)] == [False] * 4
    assert listens(pool, "xs2")


def test_it_serves_before_it_is_enabled(api: Api, master: str) -> None:
    reboot(api, master)
    api.clock.advance(120)

    api.log_in()

    assert api.is_live(master)
    assert not api.host.get_enabled(master)
    api.clock.advance(70)
    assert api.host.get_enabled(master)
    assert all(api.PBD.get_currently_attached(link) for link in api.host.get_PBDs(master))


def test_sessions_and_tasks_are_lost(pool: SimulatedPool, api: Api, master: str) -> None:
    task, old = api.task.create("an upload", ""), api.session._session
    reboot(api, master)
    api.clock.advance(120)

    answer = XenAPI.xmlrpclib.ServerProxy(pool.url).host.get_all(old)

    assert answer["ErrorDescription"] == ["SESSION_INVALID", old]
    api.log_in()
    assert failure(api.task.get_record, task) == ["HANDLE_INVALID", "task", task]


def test_the_database_is_kept(api: Api, master: str, slave: str) -> None:
    api.host.add_to_other_config(master, "note", "kept")
    vms = {vm: api.VM.get_resident_on(vm) for vm in api.guests(slave)}
    reboot(api, master)
    api.clock.advance(200)

    api.log_in()

    assert api.host.get_other_config(master)["note"] == "kept"
    assert {vm: api.VM.get_resident_on(vm) for vm in vms} == vms
    assert {api.VM.get_power_state(vm) for vm in vms} == {"Running"}
    assert "pool_migrate" in api.VM.get_allowed_operations(next(iter(vms)))
    assert "scan" in api.SR.get_allowed_operations(api.named("SR", "NFS virtual disk storage"))


def test_memory_in_use_is_measured_again(api: Api, master: str, slave: str) -> None:
    (vm, *_) = api.guests(slave)
    metrics = api.VM.get_metrics(vm)
    before = api.VM_metrics.get_memory_actual(metrics)
    reboot(api, master)
    api.clock.advance(150)
    api.log_in()

    assert api.VM_metrics.get_memory_actual(metrics) == before != "0"


def test_slaves_seem_dead_until_they_are_heard_of(api: Api, master: str, slave: str) -> None:
    reboot(api, master)
    api.clock.advance(116)
    api.log_in()
    assert not api.is_live(slave)

    api.clock.advance(30)

    assert api.is_live(slave)
    assert api.host.get_enabled(slave)


def test_a_slave_that_a_user_disabled_stays_so(api: Api, master: str, slave: str) -> None:
    api.host.disable(slave)
    reboot(api, master)
    api.clock.advance(300)
    api.log_in()

    assert api.is_live(slave)
    assert not api.host.get_enabled(slave)


def test_a_slave_booted_meanwhile_waits_for_its_master(
    pool: SimulatedPool, api: Api, master: str, slave: str
) -> None:
    api.host.disable(slave)
    api.do("host.reboot", slave)
    api.clock.advance(60)
    reboot(api, master)
    api.clock.advance(100)

    still_booting = XenAPI.Session(url_of(pool, "xs2"))
    assert failure(still_booting.login_with_password, "root", "xenroot") == ["HOST_STILL_BOOTING"]
    api.clock.advance(300)

    api.log_in()
    assert api.host.get_enabled(slave)
    assert api.host.get_enabled(master)


def test_work_that_it_led_ends_with_its_xapi(pool: SimulatedPool, api: Api, master: str) -> None:
    api.begin("host.restart_agent", master)
    api.begin("host.evacuate", master)
    vms = api.guests(master)
    api.clock.advance(120)

    api.log_in()

    (evacuation,) = pool.journal.calls("host.evacuate")
    assert evacuation["result"] == "CANNOT_CONTACT_HOST"
    assert api.guests(master) == vms
    assert [api.VM.get_current_operations(vm) for vm in vms] == [{}, {}]
    assert {api.VM.get_power_state(vm) for vm in vms} == {"Running"}


class TestOfASingleHost:
    @pytest.fixture
    def model(self) -> Model:
        return Model(hosts=1, vms=0)

    def test_it_comes_back_by_itself(self, pool: SimulatedPool, api: Api, master: str) -> None:
        reboot(api, master)
        api.clock.advance(200)

        api.log_in()

        assert api.host.get_enabled(master)
        assert [line["field"] for line in pool.journal.events("boot")] == ["boot"]
