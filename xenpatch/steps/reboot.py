"""Rebooting a host, and waiting until it is really back."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from xenpatch.errors import PoolError, RebootFailed, RebootRefused, ReplyLost, WaitTimeout
from xenpatch.hotfix.bundle import Bundle
from xenpatch.plan import history
from xenpatch.plan.history import RebootRecord
from xenpatch.record import RunId, add_once, assert_ours
from xenpatch.steps.glimpse import glimpse
from xenpatch.steps.maintenance import prove_empty, put_into_service
from xenpatch.steps.passing import refused_as
from xenpatch.waiting import NotYet, grace, wait_for
from xenpatch.xapi.inventory import Host, same_boot
from xenpatch.xapi.moments import moment
from xenpatch.xapi.objects import host_ref, pool_record
from xenpatch.xapi.one_host import attached_srs, read_host
from xenpatch.xapi.session import Session
from xenpatch.xapi.survey import BOOT
from xenpatch.xapi.types import HostUuid, PoolUuid, SessionRef, SrUuid

TOLD = "xenpatch-reboot"
"""Key in a host's other_config: the boot time (epoch seconds) in which it was told to reboot."""

BOOT_LIMIT = 1800.0
STORAGE_LIMIT = 300.0
ENABLED_LIMIT = 180.0


@dataclass(frozen=True)
class Rebooted:
    """What proves a reboot: boot times (epoch seconds by the host's clock) before and after.

    By the master's clock: ``down_at`` is when it was told to go down, None when it had been rebooted before;
    ``up_at`` is when it booted.
    """

    before: float
    after: float
    down_at: float | None = None
    up_at: float | None = None


def reboot(
    session: Session, run: RunId, host: HostUuid, bundle: Bundle, limit: float = BOOT_LIMIT
) -> Rebooted:
    """Have the host rebooted since the hotfixes were applied to it, and wait until it is back in service.

    Safe to call again: a host whose boot is newer than the hotfixes is not rebooted once more, one that was
    told to reboot before is waited for. Raises DrainFailed when it is not empty, RebootRefused when it cannot
    be told, RebootFailed when it does not come back within `limit` seconds.
    """
    here, is_master = read_host(session, host), _is_master(session, host)
    if not bundle.to_reboot(here):
        _await_service(session, here, here.attached_srs)
        return Rebooted(here.boot_time, here.boot_time)
    down_at = None
    if here.live and not _was_told(session, here, is_master=is_master):
        assert_ours(session, run)
        prove_empty(session, host)
        down_at = _server_time(session)
        _tell(session, here, is_master=is_master)
    after = _await_boot(session, here, limit)
    _await_service(session, here, here.attached_srs)
    return Rebooted(here.boot_time, after, down_at, after - _ahead(session, here))


def remember(session: Session, host: HostUuid, booted: Rebooted) -> None:
    """Keep how long the host was away until it was verified, for the estimates of later runs."""
    if booted.down_at is None:
        return
    uuid = PoolUuid(pool_record(session)["uuid"])
    history.append(uuid, RebootRecord(host, _server_time(session) - booted.down_at))


def note_boot(session: Session, here: Host, bundle: Bundle) -> None:
    """Note in which boot the host is to get the hotfixes that it lacks: any other one is a reboot since.

    Safe to call again; kept until the end of the run, since the host's clock may be set at any time.
    """
    for manifest in bundle.lacking(here):
        if here.boots_before.get(manifest.uuid) != here.boot_time:
            session.call("host.remove_from_other_config", here.ref, BOOT + manifest.uuid)
            add_once(session, "host", here.ref, BOOT + manifest.uuid, f"{here.boot_time:.0f}")


def _tell(session: Session, here: Host, *, is_master: bool) -> None:
    """Write down that the host is told to reboot now, and tell it; only a host that shows no sign twice."""
    before = session.ref
    try:
        with refused_as(lambda refused: RebootRefused(f"{here.name} could not be told to reboot: {refused}")):
            session.call("host.remove_from_other_config", here.ref, TOLD)
            add_once(session, "host", here.ref, TOLD, f"{here.boot_time:.0f}")
            session.call("host.reboot", here.ref)
    except ReplyLost:
        if not _shows_sign(session, here, before, is_master=is_master):
            session.call("host.reboot", host_ref(session, here.uuid))


def _was_told(session: Session, here: Host, *, is_master: bool) -> bool:
    """Whether a reboot was begun in this boot of the host already, by this run or the one before."""
    return here.other_config.get(TOLD) == f"{here.boot_time:.0f}" and _shows_sign(
        session, here, session.ref, is_master=is_master
    )


def _shows_sign(session: Session, here: Host, before: SessionRef, *, is_master: bool) -> bool:
    """Whether the host is going down, is down, or has been; ``before`` is the session from before that.

    The master's silence is a sign, and so is a new session there. After its boot the master answers before
    it has written its new boot time, so a missing sign must be missing for a while.
    """

    def look() -> bool | NotYet:
        now = glimpse(session, here.uuid)
        if isinstance(now, NotYet):
            return is_master or now
        restarted = is_master and session.ref != before
        gone = not same_boot(now.boot_time, here.boot_time) or not now.live or now.going_down or restarted
        return True if gone else NotYet(f"{here.name} is still up")

    try:
        return wait_for(f"{here.name} to go down", look, (9 if is_master else 1) * grace())
    except WaitTimeout:
        return False


def _await_boot(session: Session, here: Host, limit: float) -> float:
    def look() -> float | NotYet:
        now = glimpse(session, here.uuid)
        if isinstance(now, NotYet):
            return now
        if same_boot(now.boot_time, here.boot_time):
            return NotYet("it still runs since its last boot" if now.live else "it is down")
        return now.boot_time if now.live else NotYet("it has booted and joins the pool")

    try:
        return wait_for(f"{here.name} to come back from its reboot", look, limit)
    except WaitTimeout as late:
        raise RebootFailed(
            f"{here.name} has not come back: {late}. Its VMs run on the other hosts; no further host was "
            "touched. Look at its console; once it is up, start again: the run continues there."
        ) from None


def _await_service(session: Session, here: Host, storage: frozenset[SrUuid]) -> None:
    """Wait until the storage is attached and the host enabled; help along what does not come by itself."""
    try:
        wait_for(
            f"{here.name} to attach its storage", lambda: _storage(session, here, storage), STORAGE_LIMIT
        )
    except WaitTimeout:
        _plug(session, here, storage)
    try:
        wait_for(f"{here.name} to be in service", lambda: _enabled(session, here), ENABLED_LIMIT)
    except WaitTimeout:
        put_into_service(session, here.uuid)


def _storage(session: Session, here: Host, storage: frozenset[SrUuid]) -> bool | NotYet:
    missing = storage - attached_srs(session, host_ref(session, here.uuid))
    return NotYet(f"{len(missing)} of {len(storage)} SRs not attached") if missing else True


def _enabled(session: Session, here: Host) -> bool | NotYet:
    return (
        True if session.read("host.get_enabled", host_ref(session, here.uuid)) else NotYet("still disabled")
    )


def _plug(session: Session, here: Host, storage: frozenset[SrUuid]) -> None:
    """Plug what did not attach by itself; `verify` has the last word on it."""
    wanted = {session.read("SR.get_by_uuid", sr) for sr in storage}
    for ref, pbd in session.read("PBD.get_all_records").items():
        if (
            pbd["host"] == host_ref(session, here.uuid)
            and pbd["SR"] in wanted
            and not pbd["currently_attached"]
        ):
            with suppress(PoolError):
                session.call("PBD.plug", ref)


def _server_time(session: Session, host: str | None = None) -> float:
    """The clock of a host, or of the master, as epoch seconds."""
    return moment(session.read("host.get_servertime", host or pool_record(session)["master"])).timestamp()


def _ahead(session: Session, here: Host) -> float:
    """Seconds by which the host's clock is ahead of the master's."""
    return _server_time(session, host_ref(session, here.uuid)) - _server_time(session)


def _is_master(session: Session, host: HostUuid) -> bool:
    return bool(pool_record(session)["master"] == host_ref(session, host))
