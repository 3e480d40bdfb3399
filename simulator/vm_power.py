"""VM.start, VM.suspend, VM.clean_shutdown and their kin.

Guests do as they are told: a clean shutdown always succeeds. Source: xapi 6.0.2, xapi_vm.
"""

from collections.abc import Callable

from simulator import guest, memory
from simulator.allowed_operations import refresh_vm
from simulator.call import NULL, Call, Ref, XapiError, message
from simulator.database import Database, Row
from simulator.dates import iso8601
from simulator.device_operations import assert_attachable
from simulator.forwarding import Agent, contact
from simulator.host_choice import choose_host
from simulator.host_versions import assert_newest
from simulator.operations import operation
from simulator.placement import assert_can_boot_here, is_live
from simulator.processors import assert_compatible
from simulator.reservation import reserved
from simulator.vm_record import boot_record

_Choice = Callable[[Row], Ref]
"""Chooses a host for a VM that will boot as this record says, or raises why there is none."""


@message("VM.start")
def start(call: Call, vm: Ref, start_paused: bool, _force: bool) -> None:
    """Start a halted VM on a host of xapi's choice; NO_HOSTS_AVAILABLE [] if there is none."""
    _start(call, vm, "start", _any_host(call, vm), paused=start_paused)


@message("VM.start_on")
def start_on(call: Call, vm: Ref, host: Ref, start_paused: bool, _force: bool) -> None:
    """Start a halted VM on a given host."""
    assert_newest(call.db, host)
    _start(call, vm, "start_on", _this_host(call.db, vm, host), paused=start_paused)


@message("VM.resume")
def resume(call: Call, vm: Ref, start_paused: bool, force: bool) -> None:
    """Resume a suspended VM on a host of xapi's choice; unless forced, only on processors like its own."""
    _resume(call, vm, "resume", _any_host(call, vm), paused=start_paused, force=force)


@message("VM.resume_on")
def resume_on(call: Call, vm: Ref, host: Ref, start_paused: bool, force: bool) -> None:
    """Resume a suspended VM on a given host; unless forced, only on processors like its own."""
    assert_newest(call.db, host)
    _resume(call, vm, "resume_on", _this_host(call.db, vm, host), paused=start_paused, force=force)


@message("VM.suspend")
def suspend(call: Call, vm: Ref) -> None:
    """Save a running VM's memory on its suspend SR."""
    with operation(call, "VM", vm, "suspend"):
        agent = _contact_home(call, vm)
        sr = _suspend_sr(call.db, vm)
        call.db.update("VM", vm, ha_always_run=False)
        _work(call, agent, call.world.durations.vm_suspend)
        with call.db.lock:
            agent.assert_running()
            guest.suspend(call.db, vm, _create_image(call.db, vm, sr))


@message("VM.clean_shutdown")
def clean_shutdown(call: Call, vm: Ref) -> None:
    """Ask the guest to shut down, and wait until it has."""
    with operation(call, "VM", vm, "clean_shutdown"):
        agent = _contact_home(call, vm)
        call.db.update("VM", vm, ha_always_run=False)
        _note_shutdown(call, vm, "halted", "Destroy")
        _work(call, agent, call.world.durations.vm_shutdown)
        with call.db.lock:
            agent.assert_running()
            guest.halt(call.db, vm)


@message("VM.hard_shutdown")
def hard_shutdown(call: Call, vm: Ref) -> None:
    """Switch a VM off; of a suspended one, throw the image away."""
    with operation(call, "VM", vm, "hard_shutdown"):
        if call.db.get("VM", vm)["power_state"] != "Suspended":
            _contact_home(call, vm)
        call.db.update("VM", vm, ha_always_run=False)
        _note_shutdown(call, vm, "halted", "Destroy")
        with call.db.lock:
            guest.halt(call.db, vm)
            _destroy_image(call.db, vm)


@message("VM.clean_reboot")
def clean_reboot(call: Call, vm: Ref) -> None:
    """Ask the guest to restart. The VM is Running, where it is, throughout."""
    with operation(call, "VM", vm, "clean_reboot"):
        agent = _contact_home(call, vm)
        _note_shutdown(call, vm, "rebooted", "Restart")
        _work(call, agent, call.world.durations.vm_shutdown)
        _boot_again(call, vm, agent)


@message("VM.hard_reboot")
def hard_reboot(call: Call, vm: Ref) -> None:
    """Restart a VM without asking the guest."""
    with operation(call, "VM", vm, "hard_reboot"):
        agent = _contact_home(call, vm)
        _note_shutdown(call, vm, "rebooted", "Restart")
        _boot_again(call, vm, agent)


@message("VM.pause")
def pause(call: Call, vm: Ref) -> None:
    """Stop a running VM's processors."""
    _set_paused(call, vm, "pause", "Paused")


@message("VM.unpause")
def unpause(call: Call, vm: Ref) -> None:
    """Let a paused VM's processors go on."""
    _set_paused(call, vm, "unpause", "Running")


@message("VM.power_state_reset")
def power_state_reset(call: Call, vm: Ref) -> None:
    """Declare a VM halted whose host is dead; raise HOST_IS_LIVE [host] if it is not."""
    with call.db.lock:
        row = call.db.get("VM", vm)
        if row["is_control_domain"]:
            raise XapiError("CANNOT_RESET_CONTROL_DOMAIN", vm)
        home = row["resident_on"]
        if guest.is_running(row) and call.db.exists("host", home):
            if home == call.host:
                raise XapiError("DOMAIN_EXISTS", vm, str(row["domid"]))
            if is_live(call.db, home):
                raise XapiError("HOST_IS_LIVE", home)
        guest.halt(call.db, vm)


def _start(call: Call, vm: Ref, name: str, choose: _Choice, *, paused: bool) -> None:
    with operation(call, "VM", vm, name):
        assert_attachable(call.db, vm)
        call.db.update("VM", vm, memory__overhead=memory.overhead(call.db.get("VM", vm)))
        record = call.db.get("VM", vm)
        with reserved(call, vm, "vm_start", lambda: choose(record)) as host:
            agent = contact(call.world, host)
            _work(call, agent, call.world.durations.vm_start)
            with call.db.lock:
                agent.assert_running()
                _protect(call.db, vm)
                guest.boot(call.db, vm, host, call.world.now_at(host), paused=paused)


def _resume(call: Call, vm: Ref, name: str, choose: _Choice, *, paused: bool, force: bool) -> None:
    with operation(call, "VM", vm, name):
        record = boot_record(call.db.get("VM", vm))
        with reserved(call, vm, "vm_resume", lambda: choose(record)) as host:
            agent = contact(call.world, host)
            if not force:
                assert_compatible(call.db, vm, host)
            _work(call, agent, call.world.durations.vm_suspend)
            with call.db.lock:
                agent.assert_running()
                _protect(call.db, vm)
                _destroy_image(call.db, vm)
                guest.appear(call.db, vm, host, power_state="Paused" if paused else "Running")


def _any_host(call: Call, vm: Ref) -> _Choice:
    return lambda record: choose_host(call.db, vm, call.world.master, record)


def _this_host(db: Database, vm: Ref, host: Ref) -> _Choice:
    def choose(record: Row) -> Ref:
        assert_can_boot_here(db, vm, host, record)
        return host

    return choose


def _set_paused(call: Call, vm: Ref, name: str, power_state: str) -> None:
    with operation(call, "VM", vm, name):
        _contact_home(call, vm)
        call.db.update("VM", vm, power_state=power_state)
    refresh_vm(call.db, vm)


def _boot_again(call: Call, vm: Ref, agent: Agent) -> None:
    _work(call, agent, call.world.durations.vm_start)
    with call.db.lock:
        agent.assert_running()
        guest.boot(call.db, vm, agent.runtime.ref, call.world.now_at(agent.runtime.ref), paused=False)


def _contact_home(call: Call, vm: Ref) -> Agent:
    return contact(call.world, call.db.get("VM", vm)["resident_on"])


def _work(call: Call, agent: Agent, seconds: float) -> None:
    """Take time on a host; a task can be cancelled meanwhile."""
    call.sleep(seconds)
    agent.assert_running()


def _protect(db: Database, vm: Ref) -> None:
    """A VM that HA is to restart is to run from now on."""
    if db.get("VM", vm)["ha_restart_priority"] == "restart":
        db.update("VM", vm, ha_always_run=True)


def _note_shutdown(call: Call, vm: Ref, reason: str, action: str) -> None:
    details = {"reason": reason, "initiator": "external", "action": action, "time": iso8601(call.clock.now())}
    for key, value in details.items():
        call.db.set_in_map("VM", vm, "other_config", f"last_shutdown_{key}", value)


def _suspend_sr(db: Database, vm: Ref) -> Ref:
    """The VM's own SR for its image, else the pool's, else the host's."""
    row = db.get("VM", vm)
    host = db.get("host", row["resident_on"])
    pool = next(iter(db.rows("pool").values()))
    for sr in (row["suspend_SR"], pool["suspend_image_SR"], host["suspend_image_sr"]):
        if db.exists("SR", sr):
            return Ref(sr)
    raise XapiError("VM_NO_SUSPEND_SR", vm)


def _create_image(db: Database, vm: Ref, sr: Ref) -> Ref:
    size = db.get("VM", vm)["memory__static_max"]
    return db.create(
        "VDI",
        name__label="Suspend image",
        name__description="Suspend image",
        SR=sr,
        type="suspend",
        virtual_size=size,
        physical_utilisation=size,
        managed=True,
    )


def _destroy_image(db: Database, vm: Ref) -> None:
    db.destroy("VDI", db.get("VM", vm)["suspend_VDI"])
    db.update("VM", vm, suspend_VDI=NULL)
