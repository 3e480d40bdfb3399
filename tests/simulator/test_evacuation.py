"""host.evacuate and what it says when a host cannot be emptied."""

import http.client
import re
from urllib.parse import urlsplit

import pytest

from simulator import Fault, FaultRule, Model, SimulatedPool
from tests.simulator.api import Api, failure


def raw_answer(pool: SimulatedPool, api: Api, method: str, host: str) -> str:
    """The response as it is on the wire, before a reader drops what is there twice."""
    params = "".join(f"<param><value>{value}</value></param>" for value in (api.session._session, host))
    body = f"<methodCall><methodName>{method}</methodName><params>{params}</params></methodCall>"
    address = urlsplit(pool.url)
    connection = http.client.HTTPConnection(str(address.hostname), address.port)
    connection.request("POST", "/", body)
    answer = connection.getresponse().read().decode()
    connection.close()
    return answer


def test_all_vms_leave_one_after_another_and_the_host_stays_enabled(pool: SimulatedPool, api: Api) -> None:
    host = api.named("host", "xs1")
    vms = api.guests(host)

    api.do("host.evacuate", host)

    assert api.guests(host) == []
    assert {api.VM.get_power_state(vm) for vm in vms} == {"Running"}
    assert api.host.get_enabled(host)
    arrivals = [line["t"] for line in pool.journal.events("resident_on")]
    assert len(arrivals) == len(vms)
    assert arrivals == sorted(set(arrivals))


def test_progress_grows_by_vm_and_each_move_is_a_task_of_its_own(api: Api) -> None:
    host = api.named("host", "xs1")
    first, *others = vms = api.guests(host)
    task = api.begin("host.evacuate", host)
    api.clock.advance(10)
    assert api.task.get_progress(task) == 0
    (move,) = api.VM.get_current_operations(first)
    assert api.task.get_name_label(move) == "VM.pool_migrate"

    api.clock.advance(10)

    assert api.task.get_progress(task) == 1 / len(vms)
    assert move not in api.task.get_all()
    assert api.VM.get_current_operations(others[0])
    api.finish(task)


def test_cancelling_a_move_ends_the_evacuation(api: Api) -> None:
    host = api.named("host", "xs1")
    vms = api.guests(host)
    task = api.begin("host.evacuate", host)
    api.clock.advance(5)
    (move,) = api.VM.get_current_operations(vms[0])

    api.task.cancel(move)
    api.clock.advance(1)

    assert api.task.get_status(task) == "cancelled"
    assert api.guests(host) == vms
    assert api.host.get_current_operations(host) == {}


def test_vms_go_where_most_memory_is_free(api: Api) -> None:
    source, crowded, roomy = (api.named("host", name) for name in ("xs1", "xs2", "xs3"))
    first, *_ = api.guests(roomy)
    api.do("VM.pool_migrate", first, crowded, {"live": "true"})

    api.do("host.evacuate", source)

    assert int(api.host.compute_free_memory(crowded)) <= int(api.host.compute_free_memory(roomy))
    assert len(api.guests(crowded)) == len(api.guests(roomy)) == 3


def test_a_vm_that_cannot_go_keeps_all_others_where_they_are(pool: SimulatedPool, api: Api) -> None:
    host, other = api.named("host", "xs1"), api.named("host", "xs2")
    stuck, *_ = vms = api.guests(host)
    insert_local_cd(pool, api, stuck, host)

    assert failure(api.do, "host.evacuate", host) == ["HOST_NOT_ENOUGH_FREE_MEMORY", stuck]
    assert api.guests(host) == vms
    assert api.VM.get_allowed_operations(stuck)
    assert api.host.get_current_operations(host) == api.host.get_current_operations(other) == {}


def test_the_real_reason_is_hidden_behind_a_second_entry_for_the_same_vm(
    pool: SimulatedPool, api: Api
) -> None:
    host = api.named("host", "xs1")
    stuck, *_ = api.guests(host)
    drive = insert_local_cd(pool, api, stuck, host)

    answer = raw_answer(pool, api, "host.get_vms_which_prevent_evacuation", host)

    entries = re.findall(r"<member><name>(OpaqueRef:[^<]*)</name>(.*?)</member>", answer)
    assert [name for name, _ in entries] == [stuck, stuck]
    assert [re.findall("<value>([^<]+)</value>", entry) for _, entry in entries] == [
        ["VM_REQUIRES_SR", stuck, drive],
        ["HOST_NOT_ENOUGH_FREE_MEMORY", stuck],
    ]
    assert api.host.get_vms_which_prevent_evacuation(host) == {stuck: ["HOST_NOT_ENOUGH_FREE_MEMORY", stuck]}
    assert failure(api.do, "host.assert_can_evacuate", host) == [
        "CANNOT_EVACUATE_HOST",
        f"VM_REQUIRES_SR,{stuck},{drive}|HOST_NOT_ENOUGH_FREE_MEMORY,{stuck}",
    ]


def test_nothing_prevents_the_evacuation_of_a_healthy_host(api: Api) -> None:
    host = api.named("host", "xs1")

    assert api.host.get_vms_which_prevent_evacuation(host) == {}
    assert api.do("host.assert_can_evacuate", host) == ""


def test_an_enabled_but_dead_host_blocks_the_evacuation_of_every_vm(pool: SimulatedPool, api: Api) -> None:
    host, dead = api.named("host", "xs1"), api.named("host", "xs3")
    pool.db.update("host_metrics", api.host.get_metrics(dead), live=False)

    answer = raw_answer(pool, api, "host.get_vms_which_prevent_evacuation", host)

    assert answer.count("HOST_NOT_LIVE") == len(api.guests(host))


def test_disabled_hosts_are_no_targets(api: Api) -> None:
    host, target = api.named("host", "xs1"), api.named("host", "xs2")
    api.host.disable(api.named("host", "xs3"))

    api.do("host.evacuate", host)

    assert len(api.guests(target)) == 4


def test_without_any_target_each_vm_has_no_hosts_available(api: Api) -> None:
    host = api.named("host", "xs1")
    for name in ("xs2", "xs3"):
        api.host.disable(api.named("host", name))

    assert api.host.get_vms_which_prevent_evacuation(host) == {
        vm: ["NO_HOSTS_AVAILABLE", vm] for vm in api.guests(host)
    }


def test_what_does_not_fit_is_named_and_what_does_is_not(pool: SimulatedPool, api: Api) -> None:
    host = api.named("host", "xs1")
    large, small = api.guests(host)
    pool.db.update("VM", large, memory__dynamic_min=200 << 30, memory__static_max=200 << 30)

    assert api.host.get_vms_which_prevent_evacuation(host) == {large: ["HOST_NOT_ENOUGH_FREE_MEMORY", large]}
    assert small not in api.host.get_vms_which_prevent_evacuation(host)


def test_fully_virtualised_vms_without_drivers_cannot_go(pool: SimulatedPool, api: Api) -> None:
    host = api.named("host", "xs1")
    bare, _ = api.guests(host)
    pool.db.update("VM", bare, HVM__boot_policy="BIOS order", guest_metrics="OpaqueRef:NULL")

    assert api.host.get_vms_which_prevent_evacuation(host) == {bare: ["VM_MISSING_PV_DRIVERS", bare]}


def test_a_failed_move_ends_the_evacuation_and_what_has_moved_stays(pool: SimulatedPool, api: Api) -> None:
    host = api.named("host", "xs1")
    vms = api.guests(host)
    error = ("VM_MIGRATE_FAILED", "a", "b", "c", "the guest did not suspend")
    pool.faults.add(FaultRule("VM.pool_migrate", Fault(error=error), skip=1))

    assert failure(api.do, "host.evacuate", host) == [*error]
    assert len(api.guests(host)) == len(vms) - 1
    assert api.host.get_current_operations(host) == {}


def test_with_ha_only_protected_vms_are_moved(pool: SimulatedPool, api: Api) -> None:
    host = api.named("host", "xs1")
    protected, other = api.guests(host)
    pool.db.update("VM", protected, ha_always_run=True, ha_restart_priority="restart")
    pool.db.update("pool", pool.world.pool, ha_enabled=True, ha_allow_overcommit=True)

    assert api.host.get_vms_which_prevent_evacuation(host) == {other: ["HOST_NOT_ENOUGH_FREE_MEMORY", other]}


class TestOfASingleHost:
    @pytest.fixture
    def model(self) -> Model:
        return Model(hosts=1, vms=1)

    def test_there_is_nowhere_to_go(self, api: Api) -> None:
        host = api.named("host", "xs1")
        (vm,) = api.guests(host)

        assert failure(api.do, "host.evacuate", host) == ["NO_HOSTS_AVAILABLE", vm]


def insert_local_cd(pool: SimulatedPool, api: Api, vm: str, host: str) -> str:
    """Put a CD from the host's own drive into a VM; return the drive's SR."""
    drive = next(
        pbd["SR"]
        for pbd in api.PBD.get_all_records().values()
        if pbd["host"] == host and api.SR.get_type(pbd["SR"]) == "udev"
    )
    disc = pool.db.create("VDI", SR=drive, name__label="a disc", managed=True)
    (vbd,) = (vbd for vbd in api.VM.get_VBDs(vm) if api.VBD.get_type(vbd) == "CD")
    api.VBD.insert(vbd, disc)
    return str(drive)
