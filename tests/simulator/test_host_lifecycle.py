"""Taking a slave out of service, rebooting it, and its way back."""

import pytest
import XenAPI

from simulator import Fault, FaultRule, SimulatedPool
from simulator.call import Ref
from simulator.world import Phase
from tests.simulator.api import Api, failure, listens, url_of


@pytest.fixture
def host(api: Api) -> str:
    return api.named("host", "xs2")


def times(api: Api, host: str) -> tuple[str, str]:
    config = api.host.get_other_config(host)
    return config["boot_time"], config["agent_start_time"]


class TestDisabling:
    def test_a_disabled_host_keeps_its_vms_and_gets_no_more(self, api: Api, host: str) -> None:
        vms = api.guests(host)

        api.host.disable(host)

        assert not api.host.get_enabled(host)
        assert api.guests(host) == vms
        assert {"reboot", "shutdown"} <= set(api.host.get_allowed_operations(host))
        off = api.named("VM", "vm-off-1")
        assert failure(api.do, "VM.start_on", off, host, False, False) == ["HOST_DISABLED", host]

    def test_both_ways_can_be_asked_for_twice(self, api: Api, host: str) -> None:
        for enabled, call in ((False, api.host.disable), (True, api.host.enable)):
            call(host)
            call(host)
            assert api.host.get_enabled(host) is enabled

    def test_a_dead_host_cannot_be_disabled(self, pool: SimulatedPool, api: Api, host: str) -> None:
        pool.db.update("host_metrics", api.host.get_metrics(host), live=False)

        assert failure(api.host.disable, host) == ["HOST_OFFLINE", host]
        assert api.host.get_enabled(host)


class TestRebooting:
    def test_an_enabled_host_is_not_rebooted(self, pool: SimulatedPool, api: Api, host: str) -> None:
        assert failure(api.do, "host.reboot", host) == ["HOST_NOT_DISABLED"]
        api.clock.advance(60)

        assert listens(pool, "xs2")
        assert api.host.get_current_operations(host) == {}

    def test_the_call_returns_before_the_host_goes_down(
        self, pool: SimulatedPool, api: Api, host: str
    ) -> None:
        api.host.disable(host)
        began = api.clock.now()

        api.do("host.reboot", host)

        assert api.clock.now() - began < 5
        assert list(api.host.get_current_operations(host).values()) == ["shutdown"]
        assert api.is_live(host)
        assert failure(api.host.enable, host) == ["HOST_DISABLED_UNTIL_REBOOT"]
        api.clock.advance(9 - (api.clock.now() - began))
        assert listens(pool, "xs2")

    def test_it_goes_down_and_comes_back_in_phases(self, pool: SimulatedPool, api: Api, host: str) -> None:
        before = times(api, host)
        api.host.disable(host)
        api.do("host.reboot", host)

        api.clock.advance(15)
        assert not listens(pool, "xs2")
        assert not listens(pool, "xs2", offset=3)
        assert not api.is_live(host)

        api.clock.advance(125)
        assert listens(pool, "xs2")
        slave = XenAPI.Session(url_of(pool, "xs2"))
        assert failure(slave.login_with_password, "root", "xenroot") == ["HOST_STILL_BOOTING"]
        assert not api.is_live(host)

        api.clock.advance(35)
        assert api.is_live(host)
        assert not api.host.get_enabled(host)
        assert api.host.get_current_operations(host) == {}
        links = api.host.get_PBDs(host)
        assert not any(api.PBD.get_currently_attached(link) for link in links)

        api.clock.advance(20)
        assert all(api.PBD.get_currently_attached(link) for link in links)
        assert api.host.get_enabled(host)
        boot, agent = times(api, host)
        assert float(boot) > float(before[0])
        assert float(boot) < float(agent)
        assert boot.endswith(".")
        assert agent.endswith(".")

    def test_a_reboot_is_one_boot_in_the_journal(self, pool: SimulatedPool, api: Api, host: str) -> None:
        api.host.disable(host)
        api.do("host.reboot", host)
        api.clock.advance(200)

        changes = [
            (line["field"], line["value"]) for line in pool.journal.events() if line["event"] == "host"
        ]
        (boot,) = (value for field, value in changes if field == "boot")
        assert [change for change in changes if change[0] != "boot"] == [
            ("enabled", False),
            ("live", False),
            ("live", True),
            ("enabled", True),
        ]
        assert boot == float(times(api, host)[0])

    def test_vms_that_still_run_there_die_with_it(self, api: Api, host: str) -> None:
        vms = api.guests(host)
        api.host.disable(host)
        api.do("host.reboot", host)
        assert {api.VM.get_power_state(vm) for vm in vms} == {"Running"}

        api.clock.advance(15)

        assert {api.VM.get_power_state(vm) for vm in vms} == {"Halted"}
        assert {api.VM.get_resident_on(vm) for vm in vms} == {"OpaqueRef:NULL"}
        assert api.guests(host) == []

    def test_its_control_domain_stays_its_own(self, api: Api, host: str) -> None:
        api.host.disable(host)
        api.do("host.reboot", host)
        api.clock.advance(200)

        (domain0,) = api.host.get_resident_VMs(host)
        assert api.VM.get_is_control_domain(domain0)

    def test_calls_for_a_host_that_is_down_fail(self, api: Api, host: str) -> None:
        api.host.disable(host)
        api.do("host.reboot", host)
        api.clock.advance(15)

        assert failure(api.host.get_servertime, host) == ["HOST_OFFLINE", host]
        assert failure(api.do, "host.restart_agent", host) == ["HOST_OFFLINE", host]

    def test_a_host_that_never_comes_back_stays_dead(self, pool: SimulatedPool, api: Api, host: str) -> None:
        pool.faults.add(FaultRule("boot", Fault(never=True), object="xs2"))
        api.host.disable(host)
        api.do("host.reboot", host)

        api.clock.advance(3600)

        assert not listens(pool, "xs2")
        assert not api.is_live(host)
        assert not api.host.get_enabled(host)

    def test_a_slow_boot_takes_longer(self, pool: SimulatedPool, api: Api, host: str) -> None:
        pool.faults.add(FaultRule("boot", Fault(delay=600)))
        api.host.disable(host)
        api.do("host.reboot", host)

        api.clock.advance(700)
        assert not api.is_live(host)
        api.clock.advance(100)
        assert api.host.get_enabled(host)

    def test_a_second_reboot_waits_for_the_first_and_is_carried_out_too(
        self, pool: SimulatedPool, api: Api, host: str
    ) -> None:
        api.host.disable(host)
        api.do("host.reboot", host)

        again = api.begin("host.reboot", host)
        api.clock.advance(100)
        assert api.task.get_status(again) == "pending"
        api.finish(again)
        api.clock.advance(400)

        assert len(pool.journal.events("boot")) == 2
        assert api.host.get_enabled(host)


class TestShuttingDown:
    def test_a_host_that_was_shut_down_stays_down(self, pool: SimulatedPool, api: Api, host: str) -> None:
        api.host.disable(host)
        api.do("host.shutdown", host)
        api.clock.advance(3600)

        assert not listens(pool, "xs2")
        assert "power_on" in api.host.get_allowed_operations(host)
        assert failure(api.do, "host.power_on", host) == ["HOST_POWER_ON_MODE_DISABLED"]

    def test_it_can_be_switched_on_if_it_has_a_way(self, api: Api, host: str) -> None:
        api.host.set_power_on_mode(host, "wake-on-lan", {})
        api.host.disable(host)
        api.do("host.shutdown", host)
        api.clock.advance(60)

        api.do("host.power_on", host)
        api.clock.advance(200)

        assert api.host.get_enabled(host)


class TestRestartingTheAgent:
    def test_vms_and_ssh_do_not_notice(self, pool: SimulatedPool, api: Api, host: str) -> None:
        vms, (boot, agent) = api.guests(host), times(api, host)
        api.do("host.restart_agent", host)

        api.clock.advance(12)
        assert not listens(pool, "xs2")
        assert listens(pool, "xs2", offset=3)
        assert api.is_live(host)
        assert failure(api.host.get_servertime, host) == ["CANNOT_CONTACT_HOST", host]

        api.clock.advance(80)
        assert api.guests(host) == vms
        assert {api.VM.get_power_state(vm) for vm in vms} == {"Running"}
        assert api.host.get_enabled(host)
        after = times(api, host)
        assert after[0] == boot
        assert float(after[1]) > float(agent)

    def test_a_reboot_in_the_meantime_goes_on(self, pool: SimulatedPool, api: Api, host: str) -> None:
        api.host.disable(host)
        api.do("host.restart_agent", host)
        api.do("host.reboot", host)
        api.do("host.restart_agent", host)

        api.clock.advance(300)

        assert len(pool.journal.events("boot")) == 1
        assert pool.world.hosts[Ref(host)].phase is Phase.UP
        assert api.host.get_enabled(host)
        assert listens(pool, "xs2")

    def test_two_restarts_in_a_row_end_well(self, pool: SimulatedPool, api: Api, host: str) -> None:
        api.do("host.restart_agent", host)
        api.do("host.restart_agent", host)

        api.clock.advance(120)

        assert pool.world.hosts[Ref(host)].phase is Phase.UP
        assert api.host.get_enabled(host)

    def test_a_host_that_a_user_disabled_enables_itself_again(self, api: Api, host: str) -> None:
        api.host.disable(host)

        api.do("host.restart_agent", host)
        api.clock.advance(90)

        assert api.host.get_enabled(host)


def test_the_servers_clock_is_the_simulated_one(api: Api, host: str) -> None:
    first = api.host.get_servertime(host)
    api.clock.advance(3600)

    assert first.value == "20120223T12:26:40Z"
    assert api.host.get_servertime(host).value == "20120223T13:26:40Z"


def test_there_is_no_disk_space_plugin(api: Api, host: str) -> None:
    error = failure(api.host.call_plugin, host, "disk-space", "get_avail_host_disk_space", {})

    assert error == ["XENAPI_MISSING_PLUGIN", "disk-space"]


def test_a_host_says_that_it_is_not_in_emergency_mode(pool: SimulatedPool, api: Api) -> None:
    assert api.host.is_in_emergency_mode() is False
    assert pool.world.hosts[pool.world.master].phase is Phase.UP
