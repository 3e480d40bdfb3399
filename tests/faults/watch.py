"""Watches every change of a pool's database for what must never be, whatever a run meets."""

from __future__ import annotations

from typing import Any, Final

from simulator import SimulatedPool
from simulator.call import NULL, Ref
from simulator.database import Change, Database, Row
from simulator.world import Phase

ALIVE: Final = ("Running", "Paused")


class Watch:
    """Collects what went wrong, as sentences.

    ``width`` hosts may be out of service at once. What somebody else does to a VM is announced with `excuse`.
    """

    def __init__(self, sim: SimulatedPool, width: int) -> None:
        self.broken: list[str] = []
        self._sim, self._width = sim, width
        self._excused: set[str] = set()
        sim.db.watch(self._note)

    def excuse(self, *vms: str) -> None:
        """Let these VMs (references) stop and start from now on."""
        self._excused |= set(vms)

    def _note(self, change: Change) -> None:
        match change.table:
            case "VM" if not _is_guest(change.old or change.new):
                return
            case "VM" if change.operation == "del":
                self.broken.append(f"{change.old['name__label']} is lost")
            case "VM" if change.operation == "mod":
                self._note_vm(change)
            case "host" | "host_metrics" if change.operation == "mod":
                self._note_hosts()

    def _note_vm(self, change: Change) -> None:
        name, was, now = change.new["name__label"], change.old["power_state"], change.new["power_state"]
        if was in ALIVE and now not in ALIVE and change.ref not in self._excused:
            self.broken.append(f"{name} became {now}")
        if (now in ALIVE) != (change.new["resident_on"] != NULL):
            self.broken.append(f"{name} is {now} on {_name(self._sim.db, change.new['resident_on'])}")
        for host in {change.new["resident_on"], change.new["scheduled_to_be_resident_on"]} - {NULL}:
            if (free := memory_left(self._sim.db, host)) < 0:
                self.broken.append(f"{-free} bytes too many on {_name(self._sim.db, host)} with {name}")

    def _note_hosts(self) -> None:
        away = out_of_service(self._sim)
        if len(away) > self._width:
            self.broken.append(f"out of service at once: {', '.join(sorted(away))}")
        master = _name(self._sim.db, self._sim.world.master)
        if len(away) > 1 and master in away:
            self.broken.append(f"out of service beside the master: {', '.join(sorted(away - {master}))}")


def out_of_service(sim: SimulatedPool) -> set[str]:
    """The names of hosts that take no VMs or are down, whatever a master that just booted believes."""
    return {
        row["name__label"]
        for ref, row in sim.db.rows("host").items()
        if not row["enabled"] or sim.world.hosts[ref].phase is not Phase.UP
    }


def memory_left(db: Database, host: str) -> int:
    """Bytes of a host that no VM has: one that comes to it counts, as one that has not left it yet."""
    row = db.get("host", host)
    total: int = db.get("host_metrics", row["metrics"])["memory__total"]
    there = [
        vm
        for vm in db.rows("VM").values()
        if host in (vm["resident_on"], vm["scheduled_to_be_resident_on"]) and not vm["is_a_snapshot"]
    ]
    return total - int(row["memory__overhead"]) - sum(_taken(vm) for vm in there)


def _taken(vm: Row) -> int:
    return int(vm["memory__dynamic_min"]) + int(vm["memory__overhead"])


def _is_guest(vm: Row) -> bool:
    kinds: list[Any] = [vm["is_control_domain"], vm["is_a_template"], vm["is_a_snapshot"]]
    return not any(kinds)


def _name(db: Database, host: str) -> str:
    return str(db.get("host", Ref(host))["name__label"]) if db.exists("host", Ref(host)) else "no host"
