"""Hosts going down and coming up: what clients see of a reboot, a shutdown and a restart of xapi.

In order: a grace of ten seconds; nothing listens; the machine boots; a slave's xapi listens but fails every
call until the master knows it again, a master's serves at once; storage is plugged; the host enables itself.
Source: xapi 6.0.2, xapi (server_init), dbsync_slave, xapi_pool (hello), create_storage, xapi_host_helpers.
"""

import contextlib
import sys
from dataclasses import dataclass
from typing import Self

from simulator import guest, host_operations, operations
from simulator.allowed_operations import refresh_all
from simulator.call import Ref, XapiError
from simulator.database import Database
from simulator.datatypes import ocaml_float
from simulator.dates import iso8601
from simulator.forwarding import Agent
from simulator.patch_records import synchronise
from simulator.pbd import attach
from simulator.world import HostRuntime, Phase, World


def begin_shutdown(world: World, host: Ref, *, boot_again: bool) -> None:
    """Take a host down after a grace that lets the reply to the call out."""
    runtime = world.hosts[host]
    runtime.disabled_until_reboot = True
    runtime.phase = Phase.GOING_DOWN
    world.spawn(_power_cycle, world, runtime, boot_again)


def begin_agent_restart(world: World, agent: Agent) -> None:
    """Restart a host's xapi after the same grace. The machine and its VMs run on."""
    world.spawn(_restart_agent, world, agent)


def begin_new_master(world: World, master: Ref) -> None:
    """Restart the xapi of every host after the same grace; `master` leads then, the others follow it."""
    world.spawn(_change_master, world, master)


def begin_power_on(world: World, host: Ref) -> None:
    """Boot a host that is off."""
    world.spawn(_Start.next_of(world, world.hosts[host]).boot)


def _power_cycle(world: World, host: HostRuntime, boot_again: bool) -> None:
    world.clock.sleep(world.durations.shutdown_grace)
    start = _stop(world, host, machine=True)
    if boot_again:
        start.boot()


def _restart_agent(world: World, agent: Agent) -> None:
    world.clock.sleep(world.durations.shutdown_grace)
    if agent.running:
        _stop(world, agent.runtime, machine=False).restart()


def _change_master(world: World, master: Ref) -> None:
    world.clock.sleep(world.durations.shutdown_grace)
    running = [host for host in world.hosts.values() if host.serves]
    starts = [_stop(world, host, machine=False) for host in running]
    with world.db.lock:
        world.db.update("pool", world.pool, master=master)
        world.forget_volatile()
    for start in starts:
        world.spawn(start.restart)


def _stop(world: World, host: HostRuntime, *, machine: bool) -> "_Start":
    """End a host's xapi and, with its machine, the VMs that still run there; return the start to follow.

    Going down in order the host tells the master, which believes it dead at once.
    """
    with world.db.lock:
        host.phase = Phase.DOWN
        host.agent_starts += 1
        host.disabled_by_user = False
        if machine:
            _kill_guests(world.db, host.ref)
            world.db.update("host", host.ref, enabled=False)
            _set_live(world.db, host.ref, live=False)
        if host.ref == world.master:
            world.forget_volatile()
        start = _Start.next_of(world, host)
    host.close_listeners(agent_only=not machine)
    return start


def _kill_guests(db: Database, host: Ref) -> None:
    for vm in db.get("host", host)["resident_VMs"]:
        if not db.get("VM", vm)["is_control_domain"]:
            guest.halt(db, vm)


@dataclass(frozen=True)
class _Start:
    """One start of a host's xapi. Where it pauses, it ends its thread if the host was stopped meanwhile."""

    world: World
    host: HostRuntime
    number: int

    @classmethod
    def next_of(cls, world: World, host: HostRuntime) -> Self:
        """Return the start that follows the last stop."""
        return cls(world, host, host.agent_starts)

    def boot(self) -> None:
        """Boot the machine: half of its time is the firmware's, the rest until xapi starts the kernel's."""
        fault = self.world.fault_for("boot", [self.host.ref])
        if fault is not None and fault.never:
            return
        delay = fault.delay if fault is not None else 0.0
        self.pause(delay + self.world.durations.down / 2)
        booted_at = self.world.now_at(self.host.ref)
        self.pause(self.world.durations.down / 2)
        self.host.boot_id += 1
        self.host.disabled_until_reboot = False
        self.carry_out(booted_at=booted_at)

    def restart(self) -> None:
        """Start xapi alone, on a machine that ran on."""
        self.pause(self.world.durations.emergency)
        self.carry_out(booted_at=None)

    def carry_out(self, *, booted_at: float | None) -> None:
        """Go through xapi's phases, from the first listener to the host enabled.

        `booted_at`, by the host's clock, is None if the machine ran on.
        """
        leads = self.host.ref == self.world.master
        self.host.phase = Phase.STARTING if leads else Phase.BOOTING_EMERGENCY
        self.host.open_listeners(agent_only=booted_at is None)
        if leads:
            _take_the_lead(self.world, self.host)
        self.pause(self.world.durations.toolstack_start)
        while not leads and not _say_hello(self.world, self.host):
            self.pause(self.world.durations.emergency)
        _refresh_records(self.world, self.host, booted_at)
        self.pause(self.world.durations.until_enabled / 2)
        _plug_storage(self.world, self.host.ref)
        self.pause(self.world.durations.until_enabled / 2)
        self.host.phase = Phase.UP
        _consider_enabling(self.world, self.host)

    def pause(self, seconds: float) -> None:
        """Let simulated seconds pass."""
        self.world.clock.sleep(seconds)
        if self.host.agent_starts != self.number:
            sys.exit()


def _take_the_lead(world: World, master: HostRuntime) -> None:
    """Serve the pool: nothing is under way, and no slave is believed alive before it is heard of."""
    with world.db.lock:
        for host in world.db.rows("host"):
            _set_live(world.db, host, live=host == master.ref)
        refresh_all(world.db)
    world.spawn(_hear_of_slaves, world)


def _hear_of_slaves(world: World) -> None:
    """Slaves connect again: they are alive, and those that no user disabled enable themselves."""
    world.clock.sleep(world.durations.emergency)
    if not world.hosts[world.master].serves:
        return
    for vm in world.db.rows("VM"):
        guest.measure(world.db, vm)
    for slave in (host for host in world.hosts.values() if host.ref != world.master):
        if slave.phase in (Phase.UP, Phase.STARTING):
            _set_live(world.db, slave.ref, live=True)
        if slave.phase is Phase.UP:
            _consider_enabling(world, slave)


def _say_hello(world: World, slave: HostRuntime) -> bool:
    """Join the pool, disabled for now, with nothing under way; return whether the master was there."""
    if not world.hosts[world.master].serves:
        return False
    with world.db.lock:
        world.db.update("host", slave.ref, enabled=False)
        operations.forget_operations(world.db, "host", slave.ref)
        _set_live(world.db, slave.ref, live=True)
        slave.phase = Phase.STARTING
    return True


def _refresh_records(world: World, host: HostRuntime, booted_at: float | None) -> None:
    """Write into the database what the host finds out about itself."""
    now = world.now_at(host.ref)
    with world.db.lock:
        if booted_at is not None:
            for pbd in world.db.get("host", host.ref)["PBDs"]:
                world.db.update("PBD", pbd, currently_attached=False)
            _set_time(world.db, host.ref, "boot_time", booted_at)
        _set_time(world.db, host.ref, "agent_start_time", now)
        world.db.update("host", host.ref, address=host.address)
        world.db.update("host_metrics", _metrics(world.db, host.ref), last_updated=iso8601(now))
        synchronise(world.db, host)


def _set_time(db: Database, host: Ref, key: str, seconds: float) -> None:
    db.set_in_map("host", host, "other_config", key, ocaml_float(int(seconds)))


def _plug_storage(world: World, host: Ref) -> None:
    """Plug each PBD as PBD.plug does, faults included; one that fails stays unplugged, and is no error."""
    for pbd in world.db.get("host", host)["PBDs"]:
        failure = world.fault_for("PBD.plug", [pbd])
        if failure is None or not failure.error:
            with contextlib.suppress(XapiError):
                attach(world.db, pbd)


def _consider_enabling(world: World, host: HostRuntime) -> None:
    """Enable the host, unless a user or an unfinished shutdown forbids it, or with HA a PBD is unplugged."""
    if host.disabled_by_user or host.disabled_until_reboot:
        return
    with world.db.lock:
        pbds = [world.db.get("PBD", pbd) for pbd in world.db.get("host", host.ref)["PBDs"]]
        storage_plugged = all(pbd["currently_attached"] for pbd in pbds)
        if world.db.get("pool", world.pool)["ha_enabled"] and not storage_plugged:
            return
        world.db.update("host", host.ref, enabled=True)
        host_operations.refresh(world.db, host.ref)


def _set_live(db: Database, host: Ref, *, live: bool) -> None:
    with db.lock:
        db.update("host_metrics", _metrics(db, host), live=live)
        host_operations.refresh(db, host)


def _metrics(db: Database, host: Ref) -> Ref:
    return Ref(db.get("host", host)["metrics"])
