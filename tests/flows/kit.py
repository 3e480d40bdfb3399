"""A simulated pool, the blocks for it, and what its journal says of a run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path

import pytest
from pydantic import SecretStr

from blocks import Dom0SSH, XenServerPool
from flows.patch_pool import patch_pool
from simulator import Fault, FaultRule, SimulatedPool, boot
from simulator.call import Ref
from simulator.faults import Faults
from xenpatch.errors import LockLost
from xenpatch.options import PatchOptions
from xenpatch.plan import history
from xenpatch.plan.history import RebootRecord
from xenpatch.progress import Event, MoveStarted, Started, Step, subscribe
from xenpatch.record import STOPPED, owner
from xenpatch.report import RunReport
from xenpatch.xapi.session import Session, open_session
from xenpatch.xapi.types import HostUuid, PoolUuid

READS = ("get_", "assert_", "compute_", "is_")
GONE = "(gone)"
NO_CHANGE = frozenset({"GET /pool/xmldbdump", "system.listMethods"})


Act = Callable[[Session, dict[str, str], dict[str, str]], None]


def pronounce_dead(sim: SimulatedPool) -> None:
    """Say on the pool that its run acts no more, as a person may: it ends there and cleans nothing up."""
    ((pool, row),) = sim.db.rows("pool").items()
    sim.db.set_in_map("pool", pool, "other_config", f"{STOPPED}{owner(row['other_config'])}", "dead")


def dies_at_the_reboot_of(
    sim: SimulatedPool, folder: Path, host: str, options: PatchOptions | None = None
) -> None:
    """A run that ends when the host is to reboot, with everything as it is then."""
    killer = Somebody(sim, host, lambda *_: pronounce_dead(sim), Step.REBOOT)
    with subscribe(killer), pytest.raises(LockLost):
        patch(sim, folder, options=options)


class Somebody:
    """Acts once, with references of VMs and hosts by name, when that step of the named host begins.

    With `in_the_middle` instead when the first VM begins to leave that host.
    """

    def __init__(
        self,
        sim: SimulatedPool,
        host: str,
        act: Act,
        step: Step = Step.MIGRATE,
        *,
        in_the_middle: bool = False,
    ) -> None:
        self.sim, self.host, self.act, self.step = sim, host, act, step
        self.in_the_middle = in_the_middle
        self.acted = False

    def __call__(self, event: Event) -> None:
        if self.acted or not self._is_now(event):
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

    def _is_now(self, event: Event) -> bool:
        if self.in_the_middle:
            return isinstance(event, MoveStarted) and event.move.src_name == self.host
        if not (isinstance(event, Started) and event.step is self.step):
            return False
        return next((host.name for host in self.sim.hosts if host.uuid == event.host), "") == self.host


def at_each_call(sim: SimulatedPool, act: Callable[[str], None]) -> None:
    """Have something done at each call that reaches the pool from now on, before it is carried out."""
    sim.faults = sim.world.faults = _EachCall(act)


class _EachCall(Faults):
    def __init__(self, act: Callable[[str], None]) -> None:
        super().__init__()
        self.act = act

    def match(self, call: str, names: Collection[str] = (), texts: Collection[str] = ()) -> Fault | None:
        """Do it, then look for a rule."""
        self.act(call)
        return super().match(call, names, texts)


def fault(sim: SimulatedPool, call: str, do: Mapping[str, object], **more: object) -> None:
    """Have such a call meet a fault from now on; see `simulator.faults`."""
    sim.faults.add(FaultRule.from_dict({"call": call, "do": do, **more}))


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
    return patch_pool(block(sim), (sim.hotfix,), (sim.manifest,), shell(sim) if ssh else None, chosen)


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


def host_ref(sim: SimulatedPool, name: str) -> Ref:
    """The reference of the host of that name."""
    (ref,) = sim.db.find("host", name__label=name)
    return ref


def power_on(sim: SimulatedPool, name: str) -> None:
    """Switch a host on that is down, and wait until it is in service."""
    host = host_ref(sim, name)
    boot.begin_power_on(sim.world, host)
    sim.db.wait_until(lambda: bool(sim.db.get("host", host)["enabled"]), 3600)


def remember_reboots(sim: SimulatedPool, seconds: Mapping[str, float]) -> None:
    """Have the history of this pool say that reboots of the hosts, by name, take so long."""
    (pool,) = sim.db.rows("pool").values()
    for host in sim.hosts:
        for _ in range(5):
            history.append(PoolUuid(pool["uuid"]), RebootRecord(HostUuid(host.uuid), seconds[host.name]))


def drop_sessions(sim: SimulatedPool) -> None:
    """Drop the logins that slaves held back until a master was there: nobody waits for them any more.

    xapi drops them after a day.
    """
    sim.clock.sleep(60)
    for session in sim.db.rows("session"):
        sim.db.destroy("session", session)


def assert_safe(
    sim: SimulatedPool,
    running: Collection[str],
    *,
    stopped: Collection[str] = (),
    rebooted_twice: Collection[str] = (),
) -> None:
    """Whatever happened: these VMs run, none went down, no host is too full, or booted twice.

    ``stopped`` are VMs that somebody stopped, ``rebooted_twice`` hosts that had to boot once more.
    """
    assert set(running) <= places(sim).keys(), "a VM does not run"
    down = {line["uuid"] for line in sim.journal.events("power_state") if line["value"] != "Running"}
    assert {_name_of_vm(sim, uuid) for uuid in down} <= {*stopped, GONE}, "a VM went down"
    assert list(_crowded(sim)) == []
    assert {name for name, times in Counter(boots(sim)).items() if times > 1} == set(rebooted_twice)


def assert_done(
    sim: SimulatedPool,
    home: Mapping[str, str],
    *,
    stopped: Collection[str] = (),
    rebooted_twice: Collection[str] = (),
) -> None:
    """The run is over: VMs are where they should be, every host is patched and in service, no key is left."""
    assert_safe(sim, home.keys(), stopped=stopped, rebooted_twice=rebooted_twice)
    assert places(sim) == dict(home)
    assert set(boots(sim)) == {host.name for host in sim.hosts}
    assert {row["host"] for row in sim.db.rows("host_patch").values()} == sim.db.rows("host").keys()
    assert all(row["enabled"] for row in sim.db.rows("host").values())
    assert list(traces(sim)) == []


def _name_of_vm(sim: SimulatedPool, uuid: str) -> str:
    """GONE for one that was removed, which only somebody else does."""
    found = sim.db.find("VM", uuid=uuid)
    return str(sim.db.get("VM", found[0])["name__label"]) if found else GONE


def _crowded(sim: SimulatedPool) -> Iterator[str]:
    """The hosts whose VMs, not ballooned down, need more memory than there is."""
    for host in sim.db.rows("host").values():
        metrics = sim.db.get("host_metrics", host["metrics"])
        vms = [sim.db.get("VM", vm) for vm in host["resident_VMs"]]
        needed = sum(int(vm["memory__dynamic_max"]) + int(vm["memory__overhead"]) for vm in vms)
        if needed > int(metrics["memory__total"]) - int(host["memory__overhead"]):
            yield str(host["name__label"])


def _is_read(call: str) -> bool:
    if call in NO_CHANGE or call.startswith("session."):
        return True
    message = call.rpartition(".")[2]
    return message.startswith(READS)
