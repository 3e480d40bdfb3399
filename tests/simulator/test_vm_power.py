"""Starting, stopping, suspending and pausing VMs."""

import pytest

from simulator import SimulatedPool
from tests.simulator.api import Api, failure


@pytest.fixture
def vm(api: Api) -> str:
    return api.named("VM", "vm-web-1")


@pytest.fixture
def off(api: Api) -> str:
    return api.named("VM", "vm-off-1")


def states(pool: SimulatedPool, api: Api, vm: str) -> list[object]:
    uuid = api.VM.get_uuid(vm)
    return [line["value"] for line in pool.journal.events("power_state") if line["uuid"] == uuid]


def test_a_vm_started_on_a_host_runs_there(api: Api, off: str) -> None:
    host = api.named("host", "xs3")
    free = int(api.host.compute_free_memory(host))

    api.do("VM.start_on", off, host, False, False)

    record = api.VM.get_record(off)
    assert record["power_state"] == "Running"
    assert record["resident_on"] == host
    assert int(record["domid"]) > 0
    assert all(api.VBD.get_currently_attached(vbd) != api.VBD.get_empty(vbd) for vbd in record["VBDs"])
    assert all(api.VIF.get_currently_attached(vif) for vif in record["VIFs"])
    assert free - int(api.host.compute_free_memory(host)) == int(record["memory_dynamic_min"]) + int(
        record["memory_overhead"]
    )


def test_the_start_time_is_that_of_the_start(api: Api, off: str) -> None:
    api.do("VM.start", off, False, False)

    started = api.VM_metrics.get_start_time(api.VM.get_metrics(off))
    assert started == api.host.get_servertime(api.named("host", "xs1"))


def test_a_vm_can_be_started_paused_and_then_let_go(api: Api, off: str) -> None:
    api.do("VM.start", off, True, False)
    assert api.VM.get_power_state(off) == "Paused"
    assert "unpause" in api.VM.get_allowed_operations(off)

    api.do("VM.unpause", off)

    assert api.VM.get_power_state(off) == "Running"
    api.do("VM.pause", off)
    assert api.VM.get_power_state(off) == "Paused"


@pytest.mark.parametrize("call", ["VM.clean_shutdown", "VM.hard_shutdown"])
def test_a_vm_that_is_shut_down_frees_its_memory_and_devices(api: Api, vm: str, call: str) -> None:
    host = api.VM.get_resident_on(vm)
    free = int(api.host.compute_free_memory(host))

    api.do(call, vm)

    record = api.VM.get_record(vm)
    assert record["power_state"] == "Halted"
    assert record["resident_on"] == "OpaqueRef:NULL"
    assert record["domid"] == "-1"
    assert record["other_config"]["last_shutdown_reason"] == "halted"
    assert not any(api.VBD.get_currently_attached(vbd) for vbd in record["VBDs"])
    assert int(api.host.compute_free_memory(host)) > free


@pytest.mark.parametrize("call", ["VM.clean_reboot", "VM.hard_reboot"])
def test_a_reboot_never_shows_another_state_than_running(
    pool: SimulatedPool, api: Api, vm: str, call: str
) -> None:
    metrics, host = api.VM.get_metrics(vm), api.VM.get_resident_on(vm)
    before = api.VM_metrics.get_start_time(metrics)

    api.do(call, vm)

    assert states(pool, api, vm) == []
    assert api.VM.get_resident_on(vm) == host
    assert api.VM_metrics.get_start_time(metrics).value > before.value


def test_a_suspended_vm_is_on_disk_and_on_no_host(pool: SimulatedPool, api: Api, vm: str) -> None:
    host = api.VM.get_resident_on(vm)

    api.do("VM.suspend", vm)

    image = api.VM.get_suspend_VDI(vm)
    assert api.VDI.get_type(image) == "suspend"
    assert api.VDI.get_SR(image) == api.VM.get_suspend_SR(vm)
    assert api.VM.get_resident_on(vm) == "OpaqueRef:NULL"
    api.do("VM.resume_on", vm, host, False, False)
    assert states(pool, api, vm) == ["Suspended", "Running"]
    assert api.VM.get_resident_on(vm) == host
    assert image not in api.VDI.get_all()


def test_a_suspended_vm_can_be_resumed_anywhere(api: Api, vm: str) -> None:
    api.do("VM.suspend", vm)
    api.host.disable(api.named("host", "xs1"))

    api.do("VM.resume", vm, False, False)

    assert api.VM.get_power_state(vm) == "Running"
    assert api.VM.get_resident_on(vm) != api.named("host", "xs1")


def test_a_vm_is_not_resumed_on_other_processors_unless_forced(
    pool: SimulatedPool, api: Api, vm: str
) -> None:
    host = api.named("host", "xs2")
    api.do("VM.suspend", vm)
    pool.db.set_in_map("host", host, "cpu_info", "features", "00000001-00000000-00000000-00000000")

    code, *params = failure(api.do, "VM.resume_on", vm, host, False, False)

    assert [code, *params[:2]] == ["VM_INCOMPATIBLE_WITH_THIS_HOST", vm, host]
    assert api.VM.get_power_state(vm) == "Suspended"
    api.do("VM.resume_on", vm, host, False, True)
    assert api.VM.get_power_state(vm) == "Running"


def test_shutting_a_suspended_vm_down_throws_its_image_away(api: Api, vm: str) -> None:
    api.do("VM.suspend", vm)
    image = api.VM.get_suspend_VDI(vm)

    api.do("VM.hard_shutdown", vm)

    assert api.VM.get_power_state(vm) == "Halted"
    assert image not in api.VDI.get_all()


def test_a_suspend_image_needs_an_sr(pool: SimulatedPool, api: Api, vm: str) -> None:
    pool.db.update("VM", vm, suspend_SR="OpaqueRef:NULL")
    pool.db.update("pool", pool.world.pool, suspend_image_SR="OpaqueRef:NULL")
    pool.db.update("host", api.VM.get_resident_on(vm), suspend_image_sr="OpaqueRef:NULL")

    assert failure(api.do, "VM.suspend", vm) == ["VM_NO_SUSPEND_SR", vm]
    assert api.VM.get_power_state(vm) == "Running"


@pytest.mark.parametrize(
    ("call", "args", "state", "expected"),
    [
        ("VM.start", (False, False), "Running", "halted"),
        ("VM.resume", (False, False), "Running", "suspended"),
        ("VM.unpause", (), "Running", "paused"),
        ("VM.clean_shutdown", (), "Halted", "running"),
        ("VM.hard_shutdown", (), "Halted", "paused, suspended, running"),
        ("VM.hard_reboot", (), "Halted", "paused, running"),
        ("VM.suspend", (), "Halted", "running"),
    ],
)
def test_a_wrong_power_state_is_told_with_the_right_ones(
    api: Api, vm: str, off: str, call: str, args: tuple[bool, ...], state: str, expected: str
) -> None:
    wrong = vm if state == "Running" else off

    assert failure(api.do, call, wrong, *args) == ["VM_BAD_POWER_STATE", wrong, expected, state.lower()]


def test_templates_snapshots_and_control_domains_are_left_alone(api: Api) -> None:
    template = api.named("VM", "Template 1")
    snapshot = api.named("VM", "vm-web-1 before the upgrade")
    domain0 = api.named("VM", "Control domain on host: xs1")

    assert failure(api.do, "VM.start", template, False, False) == ["VM_IS_TEMPLATE", template, "start"]
    assert failure(api.do, "VM.start", snapshot, False, False) == ["VM_IS_SNAPSHOT", snapshot, "start"]
    assert failure(api.do, "VM.clean_shutdown", domain0) == [
        "OPERATION_NOT_ALLOWED",
        "Operations on domain 0 are not allowed",
    ]


def test_windows_without_drivers_cannot_be_suspended_but_be_shut_down(
    pool: SimulatedPool, api: Api, vm: str
) -> None:
    pool.db.update("VM", vm, HVM__boot_policy="BIOS order", guest_metrics="OpaqueRef:NULL")

    assert failure(api.do, "VM.suspend", vm) == ["VM_MISSING_PV_DRIVERS", vm]
    api.do("VM.clean_shutdown", vm)
    assert api.VM.get_power_state(vm) == "Halted"


def test_a_cancelled_shutdown_leaves_the_vm_running(api: Api, vm: str) -> None:
    task = api.begin("VM.clean_shutdown", vm)
    api.clock.advance(3)

    api.task.cancel(task)
    api.clock.advance(1)

    assert api.task.get_status(task) == "cancelled"
    assert api.VM.get_power_state(vm) == "Running"
    assert api.VM.get_current_operations(vm) == {}


def test_memory_is_taken_as_soon_as_a_start_begins(api: Api, off: str) -> None:
    host = api.named("host", "xs2")
    free = int(api.host.compute_free_memory(host))

    task = api.begin("VM.start_on", off, host, False, False)
    api.clock.advance(1)

    assert api.VM.get_power_state(off) == "Halted"
    assert int(api.host.compute_free_memory(host)) < free
    api.finish(task)


def test_a_vm_remembers_how_it_booted(pool: SimulatedPool, api: Api, off: str) -> None:
    api.do("VM.start", off, False, False)
    pool.db.update("VM", off, VCPUs__max=4, HVM__boot_policy="BIOS order", memory__dynamic_min=1 << 20)

    booted = api.VM.get_boot_record(off)

    assert booted["VCPUs_max"] == "1"
    assert booted["HVM_boot_policy"] == ""
    assert booted["memory_dynamic_min"] == str(1 << 20)


def test_a_vm_of_a_dead_host_can_be_declared_halted(pool: SimulatedPool, api: Api) -> None:
    vm = api.named("VM", "vm-db-1")
    host = api.VM.get_resident_on(vm)
    assert failure(api.VM.power_state_reset, vm) == ["HOST_IS_LIVE", host]
    pool.db.update("host_metrics", api.host.get_metrics(host), live=False)

    api.VM.power_state_reset(vm)

    assert api.VM.get_power_state(vm) == "Halted"
    assert api.VM.get_resident_on(vm) == "OpaqueRef:NULL"


def test_calls_for_a_vm_on_a_dead_host_fail_at_once(pool: SimulatedPool, api: Api) -> None:
    vm = api.named("VM", "vm-db-1")
    host = api.VM.get_resident_on(vm)
    pool.db.update("host_metrics", api.host.get_metrics(host), live=False)

    assert failure(api.do, "VM.clean_shutdown", vm) == ["HOST_OFFLINE", host]
    assert api.VM.get_current_operations(vm) == {}


def test_a_running_vm_has_a_console_on_its_host(api: Api, off: str) -> None:
    host = api.named("host", "xs3")
    api.do("VM.start_on", off, host, False, False)
    (console,) = api.VM.get_consoles(off)
    assert api.console.get_location(console) == f"https://127.0.0.3/console?ref={console}"

    api.do("VM.hard_shutdown", off)

    assert api.VM.get_consoles(off) == []
    assert console not in api.console.get_all()


def test_ha_protects_what_users_start_and_not_what_they_stop(pool: SimulatedPool, api: Api, off: str) -> None:
    pool.db.update("VM", off, ha_restart_priority="restart")

    api.do("VM.start", off, False, False)
    assert api.VM.get_ha_always_run(off)
    api.do("VM.clean_shutdown", off)
    assert not api.VM.get_ha_always_run(off)
