"""A simulated pool, the blocks for it, and what its journal says of a run."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from pydantic import SecretStr

from blocks import Dom0SSH, XenServerPool
from flows.patch_pool import patch_pool
from simulator import SimulatedPool
from xenpatch.options import PatchOptions
from xenpatch.progress import Event, Started, Step
from xenpatch.report import RunReport
from xenpatch.xapi.session import Session, open_session

READS = ("get_", "assert_", "compute_", "is_")
NO_CHANGE = frozenset({"GET /pool/xmldbdump", "system.listMethods"})


Act = Callable[[Session, dict[str, str], dict[str, str]], None]


class Somebody:
    """Acts once, with references of VMs and hosts by name, when that step of the named host begins."""

    def __init__(self, sim: SimulatedPool, host: str, act: Act, step: Step = Step.MIGRATE) -> None:
        self.sim, self.host, self.act, self.step = sim, host, act, step
        self.acted = False

    def __call__(self, event: Event) -> None:
        if self.acted or not (isinstance(event, Started) and event.step is self.step):
            return
        if next((host.name for host in self.sim.hosts if host.uuid == event.host), "") != self.host:
            return
        self.acted = True
        with open_session(block(self.sim).endpoint()) as session:
            vms = session.read("VM.get_all_records").items()
            hosts = session.read("host.get_all_records").items()
            self.act(
                session,
                {vm["name_label"]: ref for ref, vm in vms if not vm["is_a_template"]},
                {host["name_label"]: ref for ref, host in hosts},
            )


def block(sim: SimulatedPool) -> XenServerPool:
    """The block of a simulated pool."""
    return XenServerPool(addresses=[sim.url], user=sim.user, password=SecretStr(sim.password))


def shell(sim: SimulatedPool) -> Dom0SSH:
    """The block for SSH to its hosts."""
    secret = SecretStr(sim.password)
    return Dom0SSH(known_hosts=sim.known_hosts.read_text(), password=secret, port=sim.hosts[0].ssh_port)


def patch(
    sim: SimulatedPool, folder: Path, *, ssh: bool = False, options: PatchOptions | None = None
) -> RunReport:
    """Run the flow on it with its own sample hotfix."""
    chosen = (options or PatchOptions()).model_copy(update={"backup_folder": folder / "backups"})
    return patch_pool(block(sim), sim.hotfix, sim.manifest, shell(sim) if ssh else None, chosen)


def changes(sim: SimulatedPool, since: int = 0) -> list[str]:
    """The calls that change something, in their order; sessions do not count."""
    return [
        line["call"] for line in sim.journal.lines[since:] if line.get("call") and not _is_read(line["call"])
    ]


def boots(sim: SimulatedPool) -> list[str]:
    """The names of the hosts in the order in which they booted."""
    names = {host.uuid: host.name for host in sim.hosts}
    return [names[line["uuid"]] for line in sim.journal.events("boot")]


def power_changes(sim: SimulatedPool) -> list[str]:
    """Every power state that a VM came to during the run."""
    return [line["value"] for line in sim.journal.events("power_state")]


def places(sim: SimulatedPool) -> dict[str, str]:
    """Where each running VM lives: names of VM and host."""
    names = {ref: row["name__label"] for ref, row in sim.db.rows("host").items()}
    return {
        str(row["name__label"]): str(names[row["resident_on"]])
        for row in sim.db.rows("VM").values()
        if row["power_state"] == "Running" and not row["is_control_domain"]
    }


def traces(sim: SimulatedPool) -> Iterable[str]:
    """Keys of ours, or of maintenance mode, that are still on the pool or its hosts."""
    for table in ("pool", "host"):
        for row in sim.db.rows(table).values():
            yield from (key for key in row["other_config"] if key.startswith(("xenpatch", "MAINTENANCE")))


def _is_read(call: str) -> bool:
    if call in NO_CHANGE or call.startswith("session."):
        return True
    message = call.rpartition(".")[2]
    return message.startswith(READS)
