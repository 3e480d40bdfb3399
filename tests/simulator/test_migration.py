"""VM.pool_migrate: memory, time, progress, and what stays when it fails."""

import pytest

from simulator import Model, SimulatedPool
from tests.simulator.api import Api, failure

GIB = 1 << 30


@pytest.fixture
def vm(api: Api) -> str:
    return api.named("VM", "vm-web-1")


@pytest.fixture
def target(api: Api) -> str:
    return api.named("host", "xs2")


def test_the_vm_is_running_all_the_way_and_changes_hosts_once(
    pool: SimulatedPool, api: Api, vm: str, target: str
) -> None:
    task = api.begin("VM.pool_migrate", vm, target, {"live": "true"})
    api.clock.advance(17)
    assert api.VM.get_resident_on(vm) == api.named("host", "xs1")

    api.finish(task)

    assert api.VM.get_resident_on(vm) == target
    uuid = api.VM.get_uuid(vm)
    changes = [(line["field"], line["value"]) for line in pool.journal.events() if line["uuid"] == uuid]
    assert changes == [("resident_on", api.host.get_uuid(target))]


def test_it_takes_a_fixed_time_and_some_more_by_memory(api: Api, vm: str, target: str) -> None:
    began = api.clock.now()

    api.do("VM.pool_migrate", vm, target, {})

    assert api.clock.now() - began == pytest.approx(15 + 1 / 0.35, abs=1)


def test_its_memory_counts_on_both_hosts_until_it_has_moved(api: Api, vm: str, target: str) -> None:
    source = api.VM.get_resident_on(vm)
    before = {host: int(api.host.compute_free_memory(host)) for host in (source, target)}
    size = GIB + int(api.VM.get_memory_overhead(vm))

    task = api.begin("VM.pool_migrate", vm, target, {})
    api.clock.advance(1)
    during = {host: int(api.host.compute_free_memory(host)) for host in (source, target)}
    api.finish(task)
    after = {host: int(api.host.compute_free_memory(host)) for host in (source, target)}

    assert during == {source: before[source], target: before[target] - size}
    assert after == {source: before[source] + size, target: before[target] - size}


def test_progress_grows_and_operations_are_shown_on_both(api: Api, vm: str, target: str) -> None:
    task = api.begin("VM.pool_migrate", vm, target, {})
    api.clock.advance(6)
    early = api.task.get_progress(task)
    api.clock.advance(6)

    assert 0 < early < api.task.get_progress(task) < 1
    assert api.VM.get_current_operations(vm) == {task: "pool_migrate"}
    assert api.host.get_current_operations(target) == {task: "vm_migrate"}
    assert "evacuate" not in api.host.get_allowed_operations(target)
    api.finish(task)
    assert api.VM.get_current_operations(vm) == api.host.get_current_operations(target) == {}
    assert "pool_migrate" in api.VM.get_allowed_operations(vm)
    assert "evacuate" in api.host.get_allowed_operations(target)


def test_several_vms_move_at_the_same_time(api: Api, target: str) -> None:
    vms = [api.named("VM", name) for name in ("vm-web-1", "vm-web-2")]
    began = api.clock.now()

    for task in [api.begin("VM.pool_migrate", vm, target, {}) for vm in vms]:
        api.finish(task)

    assert {api.VM.get_resident_on(vm) for vm in vms} == {target}
    assert api.clock.now() - began < 20


def test_a_cancelled_move_leaves_the_vm_where_it_was(api: Api, vm: str, target: str) -> None:
    source, free = api.VM.get_resident_on(vm), api.host.compute_free_memory(target)
    task = api.begin("VM.pool_migrate", vm, target, {})
    api.clock.advance(5)
    assert api.task.get_allowed_operations(task) == ["cancel"]

    api.task.cancel(task)
    api.clock.advance(1)

    assert api.task.get_status(task) == "cancelled"
    assert api.VM.get_resident_on(vm) == source
    assert api.VM.get_power_state(vm) == "Running"
    assert api.VM.get_current_operations(vm) == api.host.get_current_operations(target) == {}
    assert api.host.compute_free_memory(target) == free


def test_a_second_operation_waits_for_the_move(api: Api, vm: str, target: str) -> None:
    move = api.begin("VM.pool_migrate", vm, target, {})
    suspend = api.begin("VM.suspend", vm)
    api.clock.advance(10)
    assert api.VM.get_current_operations(vm) == {move: "pool_migrate"}

    api.finish(move)
    api.finish(suspend)

    assert api.VM.get_power_state(vm) == "Suspended"


def test_a_waiting_operation_can_be_cancelled(api: Api, vm: str, target: str) -> None:
    move = api.begin("VM.pool_migrate", vm, target, {})
    suspend = api.begin("VM.suspend", vm)
    api.clock.advance(1)

    api.task.cancel(suspend)
    api.clock.advance(1)

    assert api.task.get_status(suspend) == "cancelled"
    api.finish(move)
    assert api.VM.get_power_state(vm) == "Running"


def test_a_source_that_stops_ends_the_move_and_the_vm_with_it(api: Api, target: str) -> None:
    source = api.named("host", "xs3")
    guest = api.named("VM", "vm-app-1")
    free = api.host.compute_free_memory(target)
    api.host.disable(source)
    api.do("host.reboot", source)
    task = api.begin("VM.pool_migrate", guest, target, {})

    error = failure(api.finish, task)

    assert error == ["CANNOT_CONTACT_HOST", source]
    assert api.VM.get_power_state(guest) == "Halted"
    assert api.host.compute_free_memory(target) == free


def test_a_target_that_stops_leaves_the_vm_on_its_source(api: Api, vm: str, target: str) -> None:
    source = api.VM.get_resident_on(vm)
    api.begin("host.restart_agent", target)
    task = api.begin("VM.pool_migrate", vm, target, {})

    assert failure(api.finish, task) == ["HOST_OFFLINE", target]
    assert api.VM.get_resident_on(vm) == source
    assert api.VM.get_power_state(vm) == "Running"
    assert api.VM.get_current_operations(vm) == {}


@pytest.mark.parametrize(("state", "call"), [("halted", "hard_shutdown"), ("suspended", "suspend")])
def test_only_running_vms_can_move(api: Api, vm: str, target: str, state: str, call: str) -> None:
    api.do(f"VM.{call}", vm)

    assert failure(api.do, "VM.pool_migrate", vm, target, {}) == ["VM_BAD_POWER_STATE", vm, "running", state]


def test_a_disabled_target_is_refused(api: Api, vm: str, target: str) -> None:
    api.host.disable(target)

    assert failure(api.do, "VM.pool_migrate", vm, target, {}) == ["HOST_DISABLED", target]


def test_a_blocked_operation_tells_the_reason_it_was_blocked_for(api: Api, vm: str, target: str) -> None:
    api.VM.set_blocked_operations(vm, {"pool_migrate": "not now"})

    assert failure(api.do, "VM.pool_migrate", vm, target, {}) == ["OPERATION_BLOCKED", vm, "not now"]


def test_storage_out_of_the_targets_reach_is_refused(api: Api, vm: str, target: str) -> None:
    shared = api.named("SR", "NFS virtual disk storage")
    api.do("VM.hard_shutdown", api.named("VM", "vm-db-1"))
    api.do("VM.hard_shutdown", api.named("VM", "vm-db-2"))
    (link,) = (pbd for pbd in api.SR.get_PBDs(shared) if api.PBD.get_host(pbd) == target)
    api.do("PBD.unplug", link)

    assert failure(api.do, "VM.pool_migrate", vm, target, {}) == ["VM_REQUIRES_SR", vm, shared]


def test_a_different_processor_is_refused_unless_forced(
    pool: SimulatedPool, api: Api, vm: str, target: str
) -> None:
    pool.db.set_in_map("host", target, "cpu_info", "vendor", "AuthenticAMD")

    code, *params = failure(api.do, "VM.pool_migrate", vm, target, {})

    assert [code, *params[:2]] == ["VM_INCOMPATIBLE_WITH_THIS_HOST", vm, target]
    api.do("VM.pool_migrate", vm, target, {"force": "true"})
    assert api.VM.get_resident_on(vm) == target


class TestWithLittleMemory:
    @pytest.fixture
    def model(self) -> Model:
        return Model(hosts=2, vms=2, memory_gib=3)

    def test_two_vms_cannot_have_the_same_memory(self, api: Api, vm: str, target: str) -> None:
        other = api.named("VM", "vm-off-1")
        available = int(api.host.compute_free_memory(target))
        needed = GIB + int(api.VM.get_memory_overhead(vm))
        move = api.begin("VM.pool_migrate", vm, target, {})
        api.clock.advance(1)

        error = failure(api.do, "VM.start_on", other, target, False, False)

        assert needed <= available < 2 * needed
        assert error == ["HOST_NOT_ENOUGH_FREE_MEMORY", str(needed), str(available - needed)]
        api.finish(move)
