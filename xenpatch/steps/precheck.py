"""Looking at a pool before it is touched."""

from __future__ import annotations

from dataclasses import replace

from xenpatch.errors import PrecheckRefused, RunInProgress
from xenpatch.hotfix.intake import Hotfix
from xenpatch.options import PatchOptions
from xenpatch.prechecks import check
from xenpatch.prechecks.finding import Finding, blocking
from xenpatch.prechecks.picture import Picture, hosts_to_do, make_plan, read_obstacles
from xenpatch.record import RunId, obstacle
from xenpatch.ssh import Dom0Access
from xenpatch.updates.mechanism import mechanism_for
from xenpatch.xapi.inventory import Host, Inventory
from xenpatch.xapi.session import Session
from xenpatch.xapi.survey import read_inventory
from xenpatch.xapi.types import HostUuid

_COPIES = 3  # the file, its unpacked payload, and what it installs (xapi 6.5 asks for as much)
_PLUGIN_SINCE = (6, 2)


def look(
    session: Session, run: RunId, hotfix: Hotfix, ssh: Dom0Access | None, options: PatchOptions
) -> Picture:
    """Read all that the prechecks look at, but for the hotfix's own precheck; changes nothing.

    Raises RunInProgress when another run holds the pool.
    """
    pool = read_inventory(session)
    manifest = hotfix.manifest
    if reason := obstacle(pool.other_config, run, manifest.uuid):
        raise RunInProgress(reason)
    mechanism_for(pool)
    todo = hosts_to_do(pool, manifest)
    obstacles = read_obstacles(session, pool, todo)
    return Picture(
        pool=pool,
        manifest=manifest,
        run=run,
        todo=todo,
        plan=make_plan(pool, manifest, obstacles, options.policy(pool.release)),
        needed_space=_COPIES * hotfix.update_size,
        obstacles=obstacles,
        free_space=_free_space(session, pool, todo, ssh),
    )


def ask_hosts(session: Session, hotfix: Hotfix, picture: Picture) -> Picture:
    """The picture with what each host's own precheck says; the hotfix must be on the pool.

    Hosts that have it already, or do not answer, are not asked. A file that was cleaned away is brought anew.
    """
    mechanism = mechanism_for(picture.pool)
    asked = [host for host in picture.hosts_todo if host.live and not host.has(hotfix.manifest.uuid)]
    verdicts = {host.uuid: mechanism.precheck(session, hotfix.manifest, host) for host in asked}
    if any(verdict.code == "CANNOT_FIND_PATCH" for verdict in verdicts.values()):
        mechanism.bring(session, hotfix, anew=True)
        verdicts = {host.uuid: mechanism.precheck(session, hotfix.manifest, host) for host in asked}
    return replace(picture, verdicts=verdicts)


def refuse_if_blocked(picture: Picture) -> tuple[Finding, ...]:
    """All findings; raise PrecheckRefused when one of them blocks."""
    findings = check(picture)
    if blocked := blocking(findings):
        raise PrecheckRefused(
            f"{picture.pool.name} cannot be patched as it is; {len(blocked)} of the findings block the run. "
            "Nothing was changed.",
            findings,
        )
    return findings


def _free_space(
    session: Session, pool: Inventory, todo: tuple[HostUuid, ...], ssh: Dom0Access | None
) -> dict[HostUuid, int]:
    hosts = [host for host in map(pool.host, todo) if host.live]
    return {host.uuid: free for host in hosts if (free := _free_on(session, host, ssh)) is not None}


def _free_on(session: Session, host: Host, ssh: Dom0Access | None) -> int | None:
    """Bytes free in the control domain's root: by the plugin where there is one, else over SSH."""
    if host.release >= _PLUGIN_SINCE:
        return int(session.read("host.call_plugin", host.ref, "disk-space", "get_avail_host_disk_space", {}))
    if ssh is None:
        return None
    with ssh.connect(host.address) as dom0:
        return dom0.free_bytes("/")
