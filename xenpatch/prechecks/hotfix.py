"""The hotfix itself: what the hosts say of it, what they have already, and room for the file."""

from collections.abc import Iterator

from xenpatch.hotfix.choice import required
from xenpatch.prechecks.finding import Finding, Severity
from xenpatch.prechecks.picture import Picture


def accepted(picture: Picture) -> Iterator[Finding]:
    """Each host that lacks the hotfix has run its own precheck and agrees (``pool_patch.precheck``)."""
    if picture.verdicts is None and picture.todo:
        yield Finding(
            Severity.INFORMS,
            "hotfix",
            picture.pool.name,
            f"{picture.bundle.name}: its own precheck has not been run on the hosts; it needs the upload, "
            "and nothing was uploaded",
        )
    for uuid, verdict in (picture.verdicts or {}).items():
        if verdict.code is not None:
            yield Finding(
                Severity.BLOCKS, "hotfix", picture.pool.host(uuid).name, verdict.message, "see the article"
            )


def left_out(picture: Picture) -> Iterator[Finding]:
    """What was given and is not installed."""
    for why in picture.left_out:
        yield Finding(Severity.INFORMS, "hotfix", picture.pool.name, why)


def prerequisites(picture: Picture) -> Iterator[Finding]:
    """What a hotfix requires is applied to every host, or is installed by this run."""
    for manifest in picture.bundle.manifests:
        for uuid, name in required(manifest).items():
            lacking = [host.name for host in picture.hosts_todo if not host.has(uuid)]
            if lacking and uuid not in picture.bundle.uuids:
                yield Finding(
                    Severity.BLOCKS,
                    "hotfix",
                    manifest.name,
                    f"requires {name}, which {', '.join(lacking)} lacks",
                    f"give {name} as well: both are installed with one reboot",
                )


def already_there(picture: Picture) -> Iterator[Finding]:
    """Hosts that have all hotfixes: left alone, or only rebooted."""
    bundle = picture.bundle
    for host in picture.pool.hosts:
        if bundle.lacking(host):
            continue
        message = f"has {bundle.name} and has been rebooted since; it is left alone"
        if waiting := bundle.waiting(host):
            names = ", ".join(each.name for each in waiting)
            message = f"has {names} but has not been rebooted since; the run reboots it"
        yield Finding(Severity.INFORMS, "hotfix", host.name, message)


def half_patched(picture: Picture) -> Iterator[Finding]:
    """A pool with hosts of both levels is not supported for general operation (the hotfix article)."""
    for manifest in picture.bundle.manifests:
        have = [host for host in picture.pool.hosts if host.has(manifest.uuid)]
        lack = [host.name for host in picture.pool.hosts if not host.has(manifest.uuid)]
        if have and lack:
            since = min(host.patches[manifest.uuid].applied_at for host in have)
            yield Finding(
                Severity.WARNS,
                "hotfix",
                picture.pool.name,
                f"{', '.join(host.name for host in have)} has {manifest.name}, {', '.join(lack)} lacks it, "
                f"since {since:%Y-%m-%d %H:%M} UTC: such a mixture is not supported for general operation; "
                "this run finishes it",
            )


def reboot_pending(picture: Picture) -> Iterator[Finding]:
    """Other hotfixes that wait for a reboot take effect in this run too."""
    for host in picture.hosts_todo:
        waiting = sorted(
            patch.name
            for uuid, patch in host.patches.items()
            if uuid not in picture.bundle.uuids and host.reboot_pending(uuid)
        )
        if waiting:
            yield Finding(
                Severity.WARNS,
                "reboot",
                host.name,
                f"has not been rebooted since {', '.join(waiting)} was applied; this run reboots it",
            )


def disk_space(picture: Picture) -> Iterator[Finding]:
    """The control domain has room for the file and for the copy that is unpacked to run it."""
    for host in picture.hosts_todo:
        free = picture.free_space.get(host.uuid)
        if not picture.bundle.lacking(host) or not host.live:
            continue
        if free is None:
            yield Finding(
                Severity.INFORMS,
                "disk space",
                host.name,
                "free space in the control domain could not be checked: this release has no plugin for it, "
                "and no SSH access was given",
            )
        elif free < picture.needed_space:
            yield Finding(
                Severity.BLOCKS,
                "disk space",
                host.name,
                f"has {free / 2**20:.0f} MiB free in its control domain; {picture.bundle.name} needs "
                f"{picture.needed_space / 2**20:.0f} MiB",
                "remove old update files or logs there",
            )
