"""The beginning and the end of a run on the pool."""

from __future__ import annotations

import getpass
import socket
from datetime import UTC, datetime

from xenpatch import record
from xenpatch.errors import DrainFailed, VerificationFailed
from xenpatch.hotfix.manifest import Manifest
from xenpatch.plan.model import Move, NoRoom, Plan
from xenpatch.prechecks.picture import Picture, hosts_to_do, make_plan, read_obstacles
from xenpatch.record import RunId, RunRecord
from xenpatch.steps import maintenance
from xenpatch.xapi.inventory import Host, Inventory, Vm
from xenpatch.xapi.session import Session
from xenpatch.xapi.survey import read_inventory
from xenpatch.xapi.types import HostUuid


def begin(session: Session, run: RunId, picture: Picture) -> Plan:
    """Make the pool ours, write down on each host whose home it is, and plan from what is then.

    A run that continues a stopped one keeps what that one wrote, and puts hosts that it had disabled and that
    need no reboot any more into service again. Raises RunInProgress, and DrainFailed when there is no plan.
    """
    record.claim(session, _new_record(run, picture.manifest))
    pool = read_inventory(session)
    for host in pool.hosts:
        record.write_homes(session, pool, host.uuid)
        ours = record.DISABLED in host.other_config and not host.enabled
        if ours and not host.needs_reboot(picture.manifest.uuid):
            maintenance.put_into_service(session, host.uuid)
    return plan_rest(session, picture.manifest)


def plan_rest(session: Session, manifest: Manifest) -> Plan:
    """Plan what is left, from the pool as it is now; raise DrainFailed when that is impossible.

    A host that was rebooted but not verified yet has a turn without a reboot.
    """
    pool = read_inventory(session)
    plan = make_plan(pool, manifest, read_obstacles(session, pool, hosts_to_do(pool, manifest)))
    if isinstance(plan, NoRoom):
        raise DrainFailed(plan.sentence("no further host was touched"))
    return plan


def departure(session: Session, manifest: Manifest, host: HostUuid) -> tuple[Plan, tuple[Move, ...]]:
    """The plan from now, and in it the moves that empty the host.

    Raises DrainFailed when a VM there cannot move: it was paused, say, or got a disk of its host's own.
    """
    plan = plan_rest(session, manifest)
    pool = read_inventory(session)
    turn = plan.host(host)
    moves = turn.out if turn else ()
    stuck = [vm.name for vm in pool.residents(host) if vm.uuid not in {move.vm for move in moves}]
    if stuck:
        raise DrainFailed(f"{', '.join(stuck)} cannot leave {pool.host(host).name} any more")
    return plan, moves


def end(session: Session, run: RunId, manifest: Manifest) -> Inventory:
    """Prove that the hotfix is fully applied and every VM at home, then remove every trace of the run.

    Safe to call again. Raises VerificationFailed, with the record kept, when the pool shows otherwise.
    """
    record.assert_ours(session, run)
    pool = read_inventory(session)
    wrong = [
        f"{host.name} lacks {manifest.name}, a reboot or its verification"
        for host in map(pool.host, hosts_to_do(pool, manifest))
    ]
    wrong += [f"{host.name} is not in service" for host in pool.hosts if not (host.enabled and host.live)]
    wrong += [f"{vm.name} is not at home on {home.name}" for vm, home in away(pool)]
    if wrong:
        raise VerificationFailed(f"{pool.name} is not as it should be at the end: {'; '.join(wrong)}")
    for host in pool.hosts:
        maintenance.leave(session, host.uuid)
    record.release(session, run)
    return read_inventory(session)


def away(pool: Inventory) -> list[tuple[Vm, Host]]:
    """VMs that run, but not on the host that a run wrote down as their home, each with that host."""
    homes = record.homes(pool)
    return [
        (vm, pool.host(homes[vm.uuid]))
        for vm in pool.vms
        if vm.resident_on is not None and homes.get(vm.uuid, vm.resident_on) != vm.resident_on
    ]


def homecoming(pool: Inventory, host: HostUuid) -> tuple[Move, ...]:
    """The moves that bring the VMs home that belong on the host, the largest first."""
    free = pool.host(host).memory_capacity - sum(vm.memory for vm in pool.residents(host))
    moves = []
    for vm, home in sorted(away(pool), key=lambda pair: (-pair[0].memory, pair[0].name)):
        if home.uuid == host and vm.resident_on is not None:
            free -= vm.memory
            src = pool.host(vm.resident_on)
            moves.append(Move(vm.uuid, vm.name, src.uuid, src.name, host, home.name, vm.memory, free))
    return tuple(moves)


def _new_record(run: RunId, manifest: Manifest) -> RunRecord:
    return RunRecord(
        run=run,
        hotfix=manifest.uuid,
        hotfix_name=manifest.name,
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        by=f"{getpass.getuser()}@{socket.gethostname()}",
    )
