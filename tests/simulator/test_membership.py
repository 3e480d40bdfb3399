"""Hosts that become the master, leave the pool, or are forgotten."""

import XenAPI

from simulator import SimulatedPool
from tests.simulator.api import Api, failure, url_of

SR = "NFS virtual disk storage"


def at(pool: SimulatedPool, api: Api, name: str) -> Api:
    """A client of that host."""
    return Api(url_of(pool, name), api.clock)


def test_a_designated_master_leads_when_every_xapi_has_restarted(pool: SimulatedPool, api: Api) -> None:
    old, new = api.named("host", "xs1"), api.named("host", "xs2")
    before = {vm: api.VM.get_resident_on(vm) for host in (old, new) for vm in api.guests(host)}

    api.do("pool.designate_new_master", new)
    api.clock.advance(120)

    again = at(pool, api, "xs2")
    assert again.pool.get_master(again.pool.get_all()[0]) == new
    assert {vm: again.VM.get_resident_on(vm) for vm in before} == before
    assert all(again.is_live(host) and again.host.get_enabled(host) for host in (old, new))
    api.log_in()
    assert failure(api.host.get_all) == ["HOST_IS_SLAVE", again.host.get_address(new)]


def test_with_ha_the_master_is_nobodys_choice(api: Api) -> None:
    api.pool.enable_ha([api.named("SR", SR)], {})

    assert failure(api.pool.designate_new_master, api.named("host", "xs2")) == ["HA_IS_ENABLED"]


def test_a_slave_takes_over_from_a_master_that_is_dead(pool: SimulatedPool, api: Api) -> None:
    old, new = api.named("host", "xs1"), api.named("host", "xs2")
    api.host.disable(old)
    api.do("host.shutdown", old)
    api.clock.advance(15)
    local = XenAPI.xmlrpclib.ServerProxy(url_of(pool, "xs2"))
    session = local.session.slave_local_login_with_password("root", "xenroot")["Value"]

    local.pool.emergency_transition_to_master(session)
    api.clock.advance(120)

    again = at(pool, api, "xs2")
    assert again.pool.get_master(again.pool.get_all()[0]) == new
    assert again.pool.recover_slaves() == [again.named("host", "xs3")]
    again.host.destroy(old)
    assert old not in again.host.get_all()
    assert old not in {vm["resident_on"] for vm in again.VM.get_all_records().values()}


def test_a_slave_without_vms_is_ejected(pool: SimulatedPool, api: Api) -> None:
    gone = api.named("host", "xs3")
    pbds = api.host.get_PBDs(gone)
    assert failure(api.host.destroy, gone) == ["HOST_IS_LIVE", gone]
    assert failure(api.pool.eject, gone) == ["OPERATION_NOT_ALLOWED", "VM resident on host"]
    assert failure(api.pool.eject, api.named("host", "xs1"))[0] == "INTERNAL_ERROR"
    for vm in api.guests(gone):
        api.do("VM.hard_shutdown", vm)

    api.do("pool.eject", gone)

    assert gone not in api.host.get_all()
    assert set(pbds).isdisjoint(api.PBD.get_all())
    assert [host.name for host in pool.hosts] == ["xs1", "xs2"]
