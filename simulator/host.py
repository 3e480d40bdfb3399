"""host.*: taking hosts out of service and back.

Source: xapi 6.0.2, message_forwarding and xapi_host.
"""

from collections.abc import Iterator, Mapping

from simulator import boot, host_operations, memory
from simulator.call import Call, Ref, XapiError, message
from simulator.dates import iso8601
from simulator.evacuation import plan_evacuation
from simulator.forwarding import Agent, call_own_api, contact
from simulator.ha import assert_can_lose
from simulator.operations import operation
from simulator.tasks import start


class Pairs(list[tuple[Ref, list[str]]]):
    """A map as xapi up to 7.0 sends it: a key can come twice, and a reader keeps the last value."""

    def items(self) -> Iterator[tuple[Ref, list[str]]]:
        """Return the members in order, as a mapping does."""
        return iter(self)


@message("host.disable")
def disable(call: Call, host: Ref) -> None:
    """Let no further VM come to a host. VMs stay where they are."""
    assert_can_lose(call.db, host)
    agent = contact(call.world, host)
    with call.db.lock:
        if call.db.get("host", host)["enabled"]:
            call.db.update("host", host, enabled=False)
            agent.runtime.disabled_by_user = True
        host_operations.refresh(call.db, host)


@message("host.enable")
def enable(call: Call, host: Ref) -> None:
    """Let VMs come to a host again; HOST_DISABLED_UNTIL_REBOOT [] once it began to go down."""
    agent = contact(call.world, host)
    with call.db.lock:
        if not call.db.get("host", host)["enabled"]:
            if agent.runtime.disabled_until_reboot:
                raise XapiError("HOST_DISABLED_UNTIL_REBOOT")
            agent.runtime.disabled_by_user = False
            call.db.update("host", host, enabled=True)
        host_operations.refresh(call.db, host)


@message("host.evacuate")
def evacuate(call: Call, host: Ref) -> None:
    """Move all VMs away, one after another; if one cannot go, none does. The host stays enabled."""
    assert_can_lose(call.db, host)
    master = Agent.of(call.world, call.host)
    with operation(call, "host", host, "evacuate"):
        plan = plan_evacuation(call.db, host)
        if plan.errors:
            raise next(iter(plan.errors.values()))[-1]
        for number, (vm, target) in enumerate(plan.moves.items()):
            call.task.set_progress(number / len(plan.moves))
            master.assert_running()
            call_own_api(call, "VM.pool_migrate", vm, target, {"live": "true"})
        _assert_empty(call, host)


@message("host.assert_can_evacuate")
def assert_can_evacuate(call: Call, host: Ref) -> None:
    """Raise CANNOT_EVACUATE_HOST [reasons]: joined by |, their parts by commas."""
    reasons = [",".join(error.description) for _, error in _evacuation_errors(call, host)]
    if reasons:
        raise XapiError("CANNOT_EVACUATE_HOST", "|".join(reasons))


@message("host.get_vms_which_prevent_evacuation")
def get_vms_which_prevent_evacuation(call: Call, host: Ref) -> Pairs:
    """Return the VMs that cannot go and why."""
    return Pairs((vm, error.description) for vm, error in _evacuation_errors(call, host))


@message("host.reboot")
def reboot(call: Call, host: Ref) -> None:
    """Reboot a disabled host ten seconds from now, with what runs there."""
    _go_down(call, host, "reboot", "Host is rebooting")


@message("host.shutdown")
def shutdown(call: Call, host: Ref) -> None:
    """Switch a disabled host off ten seconds from now, with what runs there."""
    _go_down(call, host, "shutdown", "Host is shutting down")


@message("host.power_on")
def power_on(call: Call, host: Ref) -> None:
    """Switch a dead host on, if it has a way for that."""
    with operation(call, "host", host, "power_on"):
        if call.db.get("host", host)["power_on_mode"] == "":
            raise XapiError("HOST_POWER_ON_MODE_DISABLED")
        boot.begin_power_on(call.world, host)


@message("host.set_power_on_mode")
def set_power_on_mode(call: Call, host: Ref, power_on_mode: str, power_on_config: Mapping[str, str]) -> None:
    """Say how a host is switched on; an empty mode means that it cannot be."""
    with call.db.lock:
        call.db.update("host", host, power_on_mode=power_on_mode, power_on_config=dict(power_on_config))
        host_operations.refresh(call.db, host)


@message("host.restart_agent")
def restart_agent(call: Call, host: Ref) -> None:
    """Restart a host's xapi ten seconds from now."""
    boot.begin_agent_restart(call.world, contact(call.world, host))


@message("host.get_servertime")
def get_servertime(call: Call, host: Ref) -> str:
    """Return the host's clock, in UTC."""
    contact(call.world, host)
    return iso8601(call.world.now_at(host))


@message("host.get_server_localtime")
def get_server_localtime(call: Call, host: Ref) -> str:
    """Return the host's clock in its time zone, which is UTC."""
    return get_servertime(call, host)


@message("host.compute_free_memory")
def compute_free_memory(call: Call, host: Ref) -> int:
    """Return the bytes that VMs could have if all on the host ballooned down."""
    return memory.free(call.db, host)


@message("host.compute_memory_overhead")
def compute_memory_overhead(call: Call, host: Ref) -> int:
    """Return the bytes that no VM can have."""
    return int(call.db.get("host", host)["memory__overhead"])


@message("host.call_plugin")
def call_plugin(call: Call, host: Ref, plugin: str, _fn: str, _args: Mapping[str, str]) -> str:
    """Refuse: the simulated control domains hold no plugins; 6.0.2 has no disk-space either."""
    contact(call.world, host)
    raise XapiError("XENAPI_MISSING_PLUGIN", plugin)


@message("host.is_in_emergency_mode")
def is_in_emergency_mode(call: Call) -> bool:
    """Tell whether the contacted host has not found its pool."""
    return call.world.hosts[call.host].in_emergency


@message("host.get_uncooperative_resident_VMs")
def get_uncooperative_resident_vms(call: Call, host: Ref) -> list[Ref]:
    """Return the VMs that do not balloon when asked: none."""
    contact(call.world, host)
    return []


def _evacuation_errors(call: Call, host: Ref) -> list[tuple[Ref, XapiError]]:
    plan = plan_evacuation(call.db, host)
    return [(vm, error) for vm, errors in plan.errors.items() for error in errors]


def _assert_empty(call: Call, host: Ref) -> None:
    """An enabled host may have got VMs meanwhile; xapi ends in a failed assertion then."""
    residents = call.db.get("host", host)["resident_VMs"]
    if not all(call.db.get("VM", vm)["is_control_domain"] for vm in residents):
        raise XapiError("INTERNAL_ERROR", 'File "xapi_host.ml", line 443, characters 4-10: Assertion failed')


def _go_down(call: Call, host: Ref, name: str, description: str) -> None:
    with operation(call, "host", host, name):
        contact(call.world, host)
        with call.db.lock:
            if call.db.get("host", host)["enabled"]:
                raise XapiError("HOST_NOT_DISABLED")
            _mark_going_down(call, host, description)
        boot.begin_shutdown(call.world, host, boot_again=name == "reboot")


def _mark_going_down(call: Call, host: Ref, description: str) -> None:
    """Leave a "shutdown" under way, for reboots too, that outlasts the call; its task does not."""
    parent, session = call.task.ref, call.session
    task = start(call.world, description, description=description, session=session, subtask_of=parent)
    call.db.set_in_map("host", host, "current_operations", task.ref, "shutdown")
    task.destroy()
