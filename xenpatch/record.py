"""The run record: what a run wrote on the pool before it acted, and the lock that it is.

| key in other_config          | on   | holds                                                        |
|------------------------------|------|--------------------------------------------------------------|
| xenpatch                     | pool | the record, JSON; never rewritten, so the first add wins      |
| xenpatch-alive-<run>         | pool | when that run was last heard of, by the master's clock        |
| xenpatch-stopped-<run>       | pool | why that run ended before its end; it will act no more        |
| xenpatch-taken-<run>         | pool | the run that took over from it; the first add wins again      |
| xenpatch-remedy-...          | pool | what was put aside for the run, with its undo                 |
| xenpatch-home-...            | host | uuids of the VMs whose home it is, comma-separated            |
| xenpatch-asleep-...          | host | a VM that was stopped for its reboot, and how it was          |
| xenpatch-disabled            | host | that a run disabled it                                        |
| xenpatch-before              | host | what it was like before; removed when it is verified          |
| xenpatch-reboot              | host | the boot time in which it was told to reboot                  |
| xenpatch-boot-<hotfix>       | host | the boot time in which it was without that hotfix             |

`pool.add_to_other_config` fails with MAP_DUPLICATE_KEY when the key exists (XenAPI), from whatever
machine it comes: two runs on one pool are impossible.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import NewType

from xenpatch.errors import (
    LockLost,
    RecordGone,
    Refused,
    ReplyLost,
    RunInProgress,
    XapiFailure,
    during,
)
from xenpatch.hotfix.manifest import HotfixUuid
from xenpatch.xapi.inventory import Inventory
from xenpatch.xapi.objects import host_ref, pool_config, pool_ref
from xenpatch.xapi.session import Session
from xenpatch.xapi.types import HostUuid, VmUuid

RunId = NewType("RunId", str)

KEY = "xenpatch"
STOPPED = "xenpatch-stopped-"
TAKEN = "xenpatch-taken-"
ALIVE = "xenpatch-alive-"
HOME = "xenpatch-home"
DISABLED = "xenpatch-disabled"
BEFORE = "xenpatch-before"
OURS = "xenpatch"
"""Every key of ours begins so."""


@dataclass(frozen=True)
class RunRecord:
    """What a run says of itself. ``started`` is ISO 8601 in UTC, ``by`` is user@machine.

    ``hotfix`` are the uuids of its hotfixes, with commas between them. ``manifests`` and ``options`` are
    JSON: all that another machine needs to continue it.
    """

    run: RunId
    hotfix: str
    hotfix_name: str
    started: str
    by: str
    manifests: str = "[]"
    options: str = "{}"

    @property
    def hotfixes(self) -> list[HotfixUuid]:
        """The uuids one by one."""
        return [HotfixUuid(uuid) for uuid in self.hotfix.split(",")]

    @classmethod
    def parse(cls, text: str) -> RunRecord:
        """Read a record back; one that cannot be read still locks the pool."""
        try:
            fields = {"manifests": "[]", "options": "{}"} | json.loads(text)
            return cls(**{name: str(fields[name]) for name in cls.__dataclass_fields__})  # type: ignore[arg-type]
        except (ValueError, KeyError, TypeError):
            return cls(RunId("unknown"), "unknown", "an unknown hotfix", "an unknown time", "somebody")


def held_by(other_config: Mapping[str, str]) -> RunRecord | None:
    """The record on the pool, if a run holds it."""
    text = other_config.get(KEY)
    return RunRecord.parse(text) if text is not None else None


def require(other_config: Mapping[str, str], verb: str) -> RunRecord:
    """The record on the pool, for what a person wants to do with that run; raise Refused without one."""
    found = held_by(other_config)
    if found is None:
        raise Refused(f"no run holds this pool: there is nothing to {verb}. Nothing was changed.")
    return found


def owner(other_config: Mapping[str, str]) -> RunId | None:
    """The run that may act now: the record's own, or the last that took over."""
    record = held_by(other_config)
    return _chain(other_config, record.run)[-1] if record is not None else None


def _chain(other_config: Mapping[str, str], run: RunId) -> list[RunId]:
    """The run and those that took over from it, one after another; a circle ends where it began."""
    chain = [run]
    while (heir := other_config.get(TAKEN + chain[-1])) is not None and heir not in chain:
        chain.append(RunId(heir))
    return chain


def stop_reason(other_config: Mapping[str, str]) -> str | None:
    """Why the run that holds the record has stopped for good, or None while it may still act."""
    run = owner(other_config)
    return other_config.get(STOPPED + run) if run is not None else None


def last_heard(other_config: Mapping[str, str], run: RunId) -> str:
    """When the run last said that it lives, by the master's clock; "" where it never did."""
    return other_config.get(ALIVE + run, "")


def obstacle(other_config: Mapping[str, str], run: RunId, hotfix: str) -> str | None:
    """Why `run` may not begin or continue here, as a sentence; None when nothing is in its way."""
    record, holder = held_by(other_config), owner(other_config)
    if record is None or (holder == run and stop_reason(other_config) is None):
        return None
    who = f"run {holder} of {record.hotfix_name}, started {record.started} by {record.by}"
    if stop_reason(other_config) is None:
        heard = last_heard(other_config, holder) if holder is not None else ""
        return (
            f"this pool is being patched already: {who}, last heard of at {heard or 'its start'}. This run "
            "changed nothing. A run that has fallen silent is taken over by the next one; --take-over has it "
            f"stop. Or say on the pool that it is dead: {declare_dead(holder)}"
        )
    if record.hotfix != hotfix:
        return f"an unfinished run waits to be continued first: {who}. This run changed nothing."
    return None


def declare_dead(run: RunId | None) -> str:
    """The command by which a person says on the pool that a run acts no more."""
    return f"xe pool-param-set uuid=$(xe pool-list --minimal) other-config:{STOPPED}{run}=dead"


def claim(session: Session, record: RunRecord) -> RunId | None:
    """Make the pool ours, and return the stopped run that this one continues, or None.

    Safe to call again: a record of our own is found and kept. Raises RunInProgress; ReplyLost when it is
    not known whether the record will be written.
    """
    lost: ReplyLost | None = None
    try:
        add_once(session, "pool", pool_ref(session), KEY, json.dumps(asdict(record)))
    except ReplyLost as unknown:  # the look tells whether it was written
        lost = unknown
    found = pool_config(session)
    before = owner(found)
    if before == record.run and stop_reason(found) is None:
        beat(session, record.run)
        return None
    if before is None:
        raise lost or RunInProgress("the run record was removed again by somebody. No host was touched.")
    if reason := obstacle(found, record.run, record.hotfix):
        raise RunInProgress(reason)
    take(session, record.run)
    return before


def take(session: Session, run: RunId) -> None:
    """Own the pool after the run that has stopped there; raise LockLost when another one was faster."""
    before = owner(pool_config(session))
    if before is not None and before != run:
        beat(session, run)
        add_once(session, "pool", pool_ref(session), TAKEN + before, run)
    assert_ours(session, run)


def beat(session: Session, run: RunId) -> None:
    """Say that the run lives. Another one that watches the pool sees the value change."""
    master = session.read("pool.get_master", pool_ref(session))
    now = str(session.read("host.get_servertime", master))
    session.call("pool.remove_from_other_config", pool_ref(session), ALIVE + run)
    add_once(session, "pool", pool_ref(session), ALIVE + run, now)


def assert_ours(session: Session, run: RunId) -> None:
    """Read the lock again before a destructive step; raise LockLost when it is not this run's any more.

    RecordGone when it is nobody's.

    Nor may a run act that was declared dead.
    """
    found = pool_config(session)
    holder = owner(found)
    if holder is None:
        raise RecordGone(
            "the run record is gone from the pool: somebody has removed it, or put the pool's database back "
            f"to an older state. This run ({run}) stops here and touches nothing more. `xenpatch status` "
            "shows which hosts are out of service. Start again to go on from what the pool is now; VMs that "
            "are away come home only if the pool still knows their homes."
        )
    if holder != run:
        raise LockLost(
            f"the pool's run record belongs to {holder} now, not to this run ({run}); "
            "this run stops here and touches nothing more"
        )
    if (reason := stop_reason(found)) is not None:
        raise LockLost(
            f"this run ({run}) was declared stopped on the pool ({reason}); it stops here and touches "
            "nothing more"
        )


def mark_stopped(session: Session, run: RunId, reason: str) -> None:
    """Say on the pool that this run will act no more, so that another may continue it."""
    if owner(pool_config(session)) == run:
        declare_stopped(session, run, reason)


def fall_silent(session: Session, run: RunId) -> None:
    """Take away what says that the run lives; safe to call again."""
    _remove(session, ALIVE + run)


def declare_stopped(session: Session, run: RunId, reason: str) -> None:
    """Say on the pool that another run acts no more, since it is silent or must give way; it heeds that."""
    add_once(session, "pool", pool_ref(session), STOPPED + run, reason)


def release(session: Session, run: RunId) -> None:
    """Remove every trace of the run from the pool, the lock first; safe to call again."""
    found = pool_config(session)
    if owner(found) not in (run, None):
        return
    if KEY in found:
        _remove(session, KEY)
    sweep(session, found)
    fall_silent(session, run)


def sweep(session: Session, found: Mapping[str, str]) -> None:
    """Remove what was beside a record that is gone; ``found`` is what was seen when it was."""
    for key in (key for key in found if key.startswith((STOPPED, TAKEN, ALIVE))):
        _remove(session, key)


def _remove(session: Session, key: str) -> None:
    """Remove a key of the pool; after a lost answer the pool says whether it is gone.

    Who tried again without looking would find a pool that is nobody's, and take it for somebody's doing.
    """
    try:
        session.call("pool.remove_from_other_config", pool_ref(session), key)
    except ReplyLost:
        if key in pool_config(session):
            raise


def homes(pool: Inventory) -> dict[VmUuid, HostUuid]:
    """Where each VM belongs: as a run has written it down, otherwise where it lives now."""
    present = {vm.uuid: vm.resident_on for vm in pool.vms}
    known = {uuid: host for uuid, host in present.items() if host is not None}
    return known | {uuid: host for uuid, host in _written_homes(pool).items() if uuid in present}


def _written_homes(pool: Inventory) -> dict[VmUuid, HostUuid]:
    return {
        VmUuid(vm): host.uuid
        for host in pool.hosts
        for key, vms in host.other_config.items()
        if key.startswith(HOME)
        for vm in vms.split(",")
        if vm
    }


def write_homes(session: Session, pool: Inventory, host: HostUuid) -> None:
    """Write down on the host the VMs that live there and that no host has as its own yet.

    What is written stays: a VM that is away when a dead run is continued keeps its home.
    """
    written = _written_homes(pool)
    new = sorted(vm.uuid for vm in pool.residents(host) if vm.uuid not in written)
    if new:
        with during(f"write down whose home {pool.host(host).name} is"):
            add_once(session, "host", host_ref(session, host), f"{HOME}-{new[0]}", ",".join(new))


def add_once(session: Session, kind: str, ref: str, key: str, value: str) -> None:
    """Add a key to an object's other_config; one that is there already stays as it is."""
    try:
        session.call(f"{kind}.add_to_other_config", ref, key, value)
    except XapiFailure as refused:
        if refused.code != "MAP_DUPLICATE_KEY":
            raise
