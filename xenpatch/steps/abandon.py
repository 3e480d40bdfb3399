"""Giving up a run: everything that it has changed is put back, but for hotfixes that are applied."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from xenpatch import record
from xenpatch.errors import DrainFailed
from xenpatch.hotfix.bundle import Bundle
from xenpatch.record import DISABLED, RunId, RunRecord
from xenpatch.sleepers import sleepers
from xenpatch.steps import asleep, drain, lifecycle, maintenance, presence
from xenpatch.xapi.inventory import Inventory
from xenpatch.xapi.objects import pool_config
from xenpatch.xapi.rights import OF_GIVING_UP, require
from xenpatch.xapi.session import Session
from xenpatch.xapi.survey import read_inventory


def take_up(session: Session, run: RunId, *, take_over: bool) -> Bundle:
    """Own the record on the pool, whatever it says of its hotfixes; raise Refused, RunInProgress.

    Refused is also who may not do all that giving up can take.
    """
    require(session, OF_GIVING_UP, least="pool-operator")
    held = record.require(pool_config(session), "abandon")
    presence.make_way(session, run, held.hotfix, take_over=take_over)
    record.take(session, run)
    return bundle_of(held)


def bundle_of(held: RunRecord) -> Bundle:
    """What a run is about; nothing where its record does not say it."""
    try:
        return Bundle.parse(held.manifests)
    except ValueError:
        return Bundle(())


def hosts_back(session: Session, run: RunId) -> tuple[str, ...]:
    """Enable each host that the run has disabled, and wake the VMs that it has stopped there; their names."""
    record.assert_ours(session, run)
    back = []
    for host in read_inventory(session).hosts:
        if host.live and not host.enabled and DISABLED in host.other_config:
            maintenance.put_into_service(session, host.uuid)
            back.append(host.name)
        if host.live and any(sleepers(host.other_config)):
            asleep.wake(session, run, host.uuid)
    return tuple(back)


def bring_home(session: Session, run: RunId, bundle: Bundle) -> tuple[str, ...]:
    """Move each VM home that can go, as long as one can, and return their names.

    None goes from a host that is updated to one that is not.
    """
    done: list[str] = []
    while moved := _one_home(session, run, bundle):
        done.append(moved)
    return tuple(done)


def forget(session: Session, run: RunId, bundle: Bundle) -> tuple[str, ...]:
    """Remove every mark and the record; what stays half-done, as sentences."""
    record.assert_ours(session, run)
    pool = read_inventory(session)
    left = tuple(_left(pool, bundle))
    lifecycle.give_back(session, run, pool)
    return ("The run is given up, and its record removed.", *left)


def _one_home(session: Session, run: RunId, bundle: Bundle) -> str | None:
    """The next VM that the pool lets go home; None when it lets none of those that are left."""
    pool = read_inventory(session)
    for move in lifecycle.ways_home(pool):
        home, here = pool.host(move.dst), pool.host(move.src)
        if not home.in_service or (bundle.to_reboot(home) and not bundle.to_reboot(here)):
            continue
        with suppress(DrainFailed):
            drain.move_vm(session, run, move)
            return move.vm_name
    return None


def _left(pool: Inventory, bundle: Bundle) -> Iterator[str]:
    for vm, home in lifecycle.away(pool):
        where = pool.host(vm.resident_on).name if vm.resident_on else "no host"
        yield f"{vm.name} runs on {where} and not at home on {home.name}."
    for host in pool.hosts:
        if not host.in_service:
            yield f"{host.name} is not in service."
        for sleeper in sleepers(host.other_config):
            yield f"{sleeper.name}, which lived on {host.name}, is still stopped."
        if lacking := bundle.lacking(host):
            yield f"{host.name} lacks {', '.join(each.name for each in lacking)}."
        if waiting := bundle.waiting(host):
            yield f"{host.name} waits for a restart, for {', '.join(each.name for each in waiting)}."
