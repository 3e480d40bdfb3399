"""Looking at a pool before it is touched."""

from __future__ import annotations

from dataclasses import replace

from xenpatch.errors import PrecheckRefused, RunInProgress
from xenpatch.hotfix.bundle import Bundle
from xenpatch.hotfix.catalogue import listed
from xenpatch.hotfix.choice import Wanted, required
from xenpatch.hotfix.intake import Hotfix
from xenpatch.options import PatchOptions, Remedies
from xenpatch.prechecks import check, consent
from xenpatch.prechecks.finding import Finding, blocking, remedies
from xenpatch.prechecks.picture import Picture, Verdict
from xenpatch.prechecks.planning import as_cured, hosts_to_do, make_plan, read_obstacles
from xenpatch.record import RunId, obstacle
from xenpatch.ssh import Dom0Access
from xenpatch.steps import presence
from xenpatch.updates.mechanism import mechanism_for
from xenpatch.xapi.fields import NUMBER
from xenpatch.xapi.inventory import Host, Inventory
from xenpatch.xapi.rights import OF_A_RUN, read_rights
from xenpatch.xapi.session import Session
from xenpatch.xapi.survey import read_inventory
from xenpatch.xapi.types import HostUuid

_COPIES = 3  # the file, its unpacked payload, and what it installs (xapi 6.5 asks for as much)
_PLUGIN_SINCE = (6, 2)


def look(
    session: Session,
    run: RunId,
    wanted: Wanted,
    ssh: Dom0Access | None,
    options: PatchOptions,
    *,
    make_way: bool = False,
) -> Picture:
    """Read all that the prechecks look at, but for the hotfix's own precheck; changes nothing.

    The plan is that of the pool with its remedies made. Raises RunInProgress when another run holds the pool;
    with `make_way` not before that one was listened for, or told to stop, if the user may run anything.
    """
    rights = read_rights(session)
    make_way = make_way and rights.lacks(OF_A_RUN) is None
    pool = read_inventory(session)
    bundle, left_out = (wanted.recorded, ()) if wanted.recorded else _of_files(pool, wanted)
    if make_way and (said := presence.make_way(session, run, bundle.key, take_over=options.take_over)):
        left_out = (*left_out, said)
        pool = read_inventory(session)
    if reason := obstacle(pool.other_config, run, bundle.key):
        raise RunInProgress(reason)
    mechanism_for(pool)
    todo = hosts_to_do(pool, bundle)
    obstacles = read_obstacles(session, pool, todo)
    cures = options.remedy is Remedies.ALL
    left = as_cured(pool, obstacles, ())[1] if cures else obstacles
    stops = consent.stops(pool, left, options.stop)
    cured = as_cured(pool, obstacles, stops) if cures else (pool, obstacles)
    return Picture(
        pool=pool,
        rights=rights,
        bundle=bundle,
        todo=todo,
        plan=make_plan(cured[0], bundle, cured[1], options.policy(pool.release), stops, options.hosts),
        needed_space=_COPIES * sum(each.update_size for each in wanted.of(bundle)),
        obstacles=obstacles,
        options=options,
        stops=stops,
        left_out=left_out,
        free_space=_free_space(session, pool, todo, ssh),
        migration_network=session.endpoint.migration_network,
    )


def _of_files(pool: Inventory, wanted: Wanted) -> tuple[Bundle, tuple[str, ...]]:
    """The hotfixes that the pool is to have, and why others are not: what all hosts have contains them."""
    known = [found for uuid in pool.host(pool.master).patches if (found := listed(uuid)) is not None]
    everywhere = [found for found in known if all(host.has(found.uuid) for host in pool.hosts)]
    within = {name: found.name for found in everywhere for name in found.rolls_up}
    manifests = [hotfix.manifest for hotfix in wanted.hotfixes]
    notes = [
        f"{manifest.name} is left out: {over}, which every host has, contains it"
        for manifest in manifests
        if (over := within.get(manifest.name)) is not None
    ]
    kept = tuple(manifest for manifest in manifests if manifest.name not in within)
    return Bundle(kept), (*wanted.notes, *notes)


def ask_hosts(session: Session, wanted: Wanted, picture: Picture) -> Picture:
    """The picture with what each host's own precheck says; its hotfixes must be on the pool.

    Hosts that have one already, or do not answer, are not asked about it; nor is any about a hotfix that has
    to wait for another of the run: its turn comes when that one is applied. A file that was cleaned away is
    brought anew.
    """
    verdicts = {host.uuid: Verdict() for host in picture.hosts_todo if host.live}
    for hotfix in wanted.of(picture.bundle):
        if not _waits(hotfix, picture):
            verdicts |= _ask(session, hotfix, picture)
    return replace(picture, verdicts=verdicts)


def _waits(hotfix: Hotfix, picture: Picture) -> bool:
    return not required(hotfix.manifest).keys().isdisjoint(picture.bundle.uuids)


def _ask(session: Session, hotfix: Hotfix, picture: Picture) -> dict[HostUuid, Verdict]:
    """The hosts that refuse the hotfix, with their verdicts."""
    mechanism = mechanism_for(picture.pool)
    asked = [host for host in picture.hosts_todo if host.live and not host.has(hotfix.manifest.uuid)]
    verdicts = {host.uuid: mechanism.precheck(session, hotfix.manifest, host) for host in asked}
    if any(verdict.code == "CANNOT_FIND_PATCH" for verdict in verdicts.values()):
        mechanism.bring(session, hotfix, anew=True)
        verdicts = {host.uuid: mechanism.precheck(session, hotfix.manifest, host) for host in asked}
    return {host: verdict for host, verdict in verdicts.items() if verdict.code is not None}


def refuse_if_blocked(picture: Picture, *, cured: bool = False) -> tuple[Finding, ...]:
    """All findings; raise PrecheckRefused when one of them blocks; with `cured`, one without a remedy."""
    findings = check(picture)
    if blocked := blocking(findings, cured=cured):
        curable = len(remedies(blocked))
        advice = f" {curable} of them the run can put aside itself: --remedy all." if curable else ""
        raise PrecheckRefused(
            f"{picture.pool.name} cannot be patched as it is; {len(blocked)} of the findings block the run."
            f"{advice} Nothing was changed.",
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
        free = session.read("host.call_plugin", host.ref, "disk-space", "get_avail_host_disk_space", {})
        return int(free) if NUMBER.fits(free.strip()) else None
    if ssh is None:
        return None
    with ssh.connect(host.address) as dom0:
        return dom0.free_bytes("/")
