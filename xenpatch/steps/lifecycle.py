"""The beginning and the end of a run on the pool."""

from __future__ import annotations

import getpass
import socket
from collections.abc import Collection, Iterator
from datetime import UTC, datetime

from xenpatch import record
from xenpatch.errors import DrainFailed, Refused, VerificationFailed
from xenpatch.hotfix.bundle import Bundle
from xenpatch.options import How, PatchOptions
from xenpatch.plan.model import Move, NoRoom, Placement, Plan
from xenpatch.plan.problem import must_return
from xenpatch.prechecks import consent
from xenpatch.prechecks.planning import hosts_to_do, is_chosen, make_plan, read_obstacles
from xenpatch.record import BEFORE, DISABLED, RunId, RunRecord
from xenpatch.sleepers import still_asleep
from xenpatch.steps import asleep, maintenance
from xenpatch.steps.reboot import note_boot
from xenpatch.xapi.inventory import Host, Inventory, Vm
from xenpatch.xapi.objects import pool_config
from xenpatch.xapi.session import Session
from xenpatch.xapi.survey import read_inventory
from xenpatch.xapi.types import HostUuid


def claim(session: Session, run: RunId, bundle: Bundle, options: PatchOptions) -> None:
    """Make the pool ours; raise RunInProgress."""
    record.claim(session, _new_record(run, bundle, options))


def recorded(session: Session) -> tuple[Bundle, PatchOptions]:
    """What the run that holds the pool is about, and its options.

    Raises Refused when no run does, or its record was written by something else.
    """
    found = record.require(pool_config(session), "resume")
    try:
        bundle = Bundle.parse(found.manifests)
        options = PatchOptions.model_validate_json(found.options)
    except ValueError:
        bundle, options = Bundle(()), PatchOptions()
    if not bundle.manifests:
        raise Refused(
            f"the record of the run of {found.hotfix_name} does not say how to continue it: start it again "
            "with its hotfix. Nothing was changed."
        )
    return bundle, options


def begin(session: Session, run: RunId, bundle: Bundle, options: PatchOptions) -> None:
    """Make the pool ours, and write down on each host whose home it is, and its boot before the hotfixes.

    A run that continues a stopped one keeps what that one wrote, and puts hosts that it had disabled and that
    need no reboot any more into service again, with the VMs that it had stopped there. Raises RunInProgress.
    """
    claim(session, run, bundle, options)
    pool = read_inventory(session)
    for host in pool.hosts:
        record.write_homes(session, pool, host.uuid)
        note_boot(session, host, bundle)
        ours = DISABLED in host.other_config and not host.enabled
        if ours and not bundle.to_reboot(host):
            maintenance.put_into_service(session, host.uuid)
        if host.live and not bundle.to_reboot(host) and BEFORE not in host.other_config:
            asleep.wake(session, run, host.uuid)


def withdraw(session: Session, run: RunId, bundle: Bundle) -> bool:
    """Take the record away again, if no host was touched since the pool was claimed; say whether it is."""
    record.assert_ours(session, run)
    pool = read_inventory(session)
    touched = any(key in host.other_config for host in pool.hosts for key in (DISABLED, BEFORE))
    if touched or away(pool) or any(len(bundle.lacking(host)) < len(bundle.manifests) for host in pool.hosts):
        return False
    give_back(session, run, pool)
    return True


def give_back(session: Session, run: RunId, pool: Inventory) -> None:
    """Remove every mark of the run, from the hosts first and from the pool last; safe to call again."""
    for host in pool.hosts:
        maintenance.leave(session, host.uuid, for_good=True)
    record.release(session, run)


def plan_rest(
    session: Session, bundle: Bundle, options: PatchOptions, in_hand: Collection[HostUuid] = ()
) -> Plan:
    """Plan what is left, from the pool as it is now; raise DrainFailed when that is impossible.

    Hosts `in_hand`, their turn having begun, come first, whether or not the pool shows it yet. A
    host that was rebooted but not verified yet has a turn without a reboot.
    """
    pool = read_inventory(session)
    obstacles = read_obstacles(session, pool, hosts_to_do(pool, bundle))
    stops = consent.stops(pool, obstacles, options.stop)
    plan = make_plan(pool, bundle, obstacles, options.policy(pool.release), stops, options.hosts, in_hand)
    if isinstance(plan, NoRoom):
        raise DrainFailed(plan.sentence("no further host was touched"))
    return plan


def end(session: Session, run: RunId, bundle: Bundle, options: PatchOptions) -> Inventory:
    """Prove that the hotfix is fully applied and every VM where it should be, then remove every trace.

    Safe to call again. Raises VerificationFailed, with the record kept, when the pool shows otherwise.
    """
    record.assert_ours(session, run)
    pool = read_inventory(session)
    wrong = [
        f"{host.name} lacks {bundle.name}, a reboot or its verification"
        for host in map(pool.host, hosts_to_do(pool, bundle))
        if bundle.lacking(host) or is_chosen(pool, host, options.hosts)
    ]
    wrong += [f"{host.name} is not in service" for host in pool.hosts if not host.in_service]
    wrong += [f"{vm.name} is not at home on {home.name}" for vm, home in away(pool, options.placement)]
    wrong += [f"{sleeper.name} is still stopped" for sleeper, _ in still_asleep(pool)]
    if wrong:
        raise VerificationFailed(
            f"{pool.name} is not as it should be at the end: {'; '.join(wrong)}. Nothing more was "
            "touched, and the run record is kept. Cure this and start again to finish the run."
        )
    give_back(session, run, pool)
    return read_inventory(session)


def to_stop(session: Session, host: HostUuid, options: PatchOptions) -> tuple[tuple[Vm, How], ...]:
    """The VMs on the host that are stopped for its reboot, as the operator allows, and how."""
    pool = read_inventory(session)
    obstacles = read_obstacles(session, pool, (host,))
    stops = consent.stops(pool, obstacles, options.stop)
    return tuple((vm, stops[vm.uuid]) for vm in pool.residents(host) if vm.uuid in stops)


def away(pool: Inventory, placement: Placement = Placement.HOME) -> list[tuple[Vm, Host]]:
    """VMs that run, but not on the host that a run wrote down as their home, each with that host.

    Those that may stay where they are by the placement do not count.
    """
    homes = record.homes(pool)
    return [
        (vm, pool.host(homes[vm.uuid]))
        for vm in pool.vms
        if vm.resident_on is not None
        and homes.get(vm.uuid, vm.resident_on) != vm.resident_on
        and must_return(vm, placement)
    ]


def turn_back(pool: Inventory, host: HostUuid, bundle: Bundle) -> tuple[Move, ...]:
    """The moves that bring VMs back to a host that was not rebooted after all, the largest first.

    Those on hosts that are updated already stay there: no VM goes back to an older level.
    """
    return tuple(
        move for move in ways_home(pool) if move.dst == host and bundle.to_reboot(pool.host(move.src))
    )


def ways_home(pool: Inventory) -> Iterator[Move]:
    """A move for each VM that is away from home, the largest first, each as if it were made alone."""
    for vm, home in sorted(away(pool), key=lambda pair: (-pair[0].memory, pair[0].name)):
        if vm.resident_on is not None:
            src = pool.host(vm.resident_on)
            free = home.memory_capacity - sum(each.memory for each in (vm, *pool.residents(home.uuid)))
            yield Move(vm.uuid, vm.name, src.uuid, src.name, home.uuid, home.name, vm.memory, free)


def _new_record(run: RunId, bundle: Bundle, options: PatchOptions) -> RunRecord:
    return RunRecord(
        run=run,
        hotfix=bundle.key,
        hotfix_name=bundle.name,
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        by=f"{getpass.getuser()}@{socket.gethostname()}",
        manifests=bundle.text(),
        options=options.for_the_record(),
    )
