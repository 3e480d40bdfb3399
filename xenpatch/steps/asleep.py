"""Stopping the VMs that cannot leave their host, and having them there again as they were."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Final

from xenpatch.errors import (
    DrainFailed,
    PoolError,
    ReplyLost,
    ReturnFailed,
    TaskLost,
    WaitTimeout,
    XapiFailure,
)
from xenpatch.options import How
from xenpatch.record import RunId, add_once, assert_ours
from xenpatch.sleepers import Sleeper, sleepers, still_asleep
from xenpatch.steps.passing import is_passing, refused_as
from xenpatch.waiting import NotYet, wait_for
from xenpatch.xapi import tasks
from xenpatch.xapi.inventory import PowerState, Vm
from xenpatch.xapi.objects import find, host_ref
from xenpatch.xapi.session import Session
from xenpatch.xapi.survey import read_places
from xenpatch.xapi.types import HostRef, HostUuid

LIMIT = 1800.0
"""Seconds that a VM may take to be suspended, shut down, resumed or started."""

_STOPS: Final = {How.SUSPEND: "VM.suspend", How.SHUTDOWN: "VM.clean_shutdown", How.HARD: "VM.hard_shutdown"}
_LISTS: Final = {
    PowerState.SUSPENDED: "MAINTENANCE_MODE_EVACUATED_VMS_SUSPENDED",
    PowerState.HALTED: "MAINTENANCE_MODE_EVACUATED_VMS_HALTED",
}
"""Where XenCenter looks for the VMs that it offers to start when a host leaves maintenance mode."""


def put_to_sleep(session: Session, run: RunId, host: HostUuid, vm: Vm, how: How) -> str:
    """Stop a VM of the host, having written down there how it was; return what proves it.

    A paused VM goes on for the moment that its suspension needs. Safe to call again. Raises DrainFailed when
    the VM cannot be stopped so.
    """
    assert_ours(session, run)
    ref, record = _look(session, vm.uuid)
    here = host_ref(session, host)
    if ref is None or record["power_state"] not in (PowerState.RUNNING, PowerState.PAUSED):
        return f"{vm.name} is not running"
    if record["resident_on"] != here:
        return f"{vm.name} is on another host"
    sleeper = Sleeper(vm.uuid, vm.name, how, PowerState(record["power_state"]))
    add_once(session, "host", here, sleeper.key, sleeper.text())
    with refused_as(lambda refused: DrainFailed(f"{vm.name} could not be stopped ({how}): {refused}")):
        if record["power_state"] == PowerState.PAUSED:
            session.call("VM.unpause", ref)
        _run(session, _STOPS[how], ref, what=f"{vm.name} to be stopped ({how})")
    _, record = _look(session, vm.uuid)
    if record and record["power_state"] in (PowerState.RUNNING, PowerState.PAUSED):
        raise DrainFailed(f"{vm.name} still runs after {_STOPS[how]}")
    _show(session, here)
    return f"{vm.name} is stopped ({how})"


def wake(session: Session, run: RunId, host: HostUuid) -> tuple[str, ...]:
    """Have all VMs that were stopped on the host there again as they were, and return their names.

    Safe to call again. Raises ReturnFailed with all that could not; the others are back.
    """
    assert_ours(session, run)
    waiting = tuple(sleepers(session.read("host.get_other_config", host_ref(session, host))))
    failed = []
    for sleeper in waiting:
        try:
            _wake_one(session, host_ref(session, host), sleeper)
        except PoolError as reason:
            if is_passing(reason):
                raise
            failed.append(f"{sleeper.name} ({reason})")
    if failed:
        name = session.read("host.get_name_label", host_ref(session, host))
        raise ReturnFailed(
            f"VMs that were stopped for the reboot of {name} could not be brought back there: "
            f"{', '.join(failed)}. No further host was touched. Start them, or cure this and start again."
        )
    return tuple(sleeper.name for sleeper in waiting)


def wake_at_last(session: Session, run: RunId) -> tuple[str, ...]:
    """For a run that ends early: wake the VMs whose host is in service; a sentence for each that is left."""
    for host in read_places(session).hosts:
        if host.in_service and any(sleepers(host.other_config)):
            with suppress(ReturnFailed, XapiFailure, WaitTimeout):
                wake(session, run, host.uuid)
    return tuple(
        f"{sleeper.name} was stopped ({sleeper.how}) for the reboot of {host.name} and does not run yet: the "
        "next run wakes it, or `xenpatch abandon`."
        for sleeper, host in still_asleep(read_places(session))
    )


def _wake_one(session: Session, here: HostRef, sleeper: Sleeper) -> None:
    what = f"whatever stops {sleeper.name} to be over"
    tasks.await_others(session, _STOPS[sleeper.how], what=what, limit=LIMIT)
    ref, record = _look(session, sleeper.vm)
    paused = sleeper.was is PowerState.PAUSED
    match record.get("power_state"):
        case PowerState.SUSPENDED:
            _run(session, "VM.resume_on", ref, here, paused, False, what=f"{sleeper.name} to be resumed")
        case PowerState.HALTED:
            _run(session, "VM.start_on", ref, here, paused, False, what=f"{sleeper.name} to be started")
        case PowerState.RUNNING if paused:
            session.call("VM.pause", ref)
    session.call("host.remove_from_other_config", here, sleeper.key)
    _show(session, here)


def _run(session: Session, method: str, *args: Any, what: str) -> None:
    """After a lost answer the VM itself is asked, once nothing goes on with it any more."""

    def look() -> str | NotYet:
        record = session.read("VM.get_record", args[0])
        return NotYet("still under way") if record["current_operations"] else str(record["power_state"])

    try:
        tasks.run(session, method, *args, what=what, limit=LIMIT)
    except (ReplyLost, TaskLost):
        alive = wait_for(what, look, LIMIT) in (PowerState.RUNNING, PowerState.PAUSED)
        if alive is (method in _STOPS.values()):
            raise


def _look(session: Session, vm: str) -> tuple[str | None, dict[str, Any]]:
    ref = find(session, "VM", vm)
    return ref, {} if ref is None else session.read("VM.get_record", ref)


def _show(session: Session, here: HostRef) -> None:
    """Keep XenCenter's lists in step with what is stopped now."""
    waiting = tuple(sleepers(session.read("host.get_other_config", here)))
    states = {sleeper.vm: _look(session, sleeper.vm)[1].get("power_state") for sleeper in waiting}
    for state, key in _LISTS.items():
        session.call("host.remove_from_other_config", here, key)
        if vms := ",".join(vm for vm, found in states.items() if found == state):
            add_once(session, "host", here, key, vms)
