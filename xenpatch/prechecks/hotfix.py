"""The hotfix itself: what the hosts say of it, what they have already, and room for the file."""

from collections.abc import Iterator

from xenpatch.prechecks.finding import Finding, Severity
from xenpatch.prechecks.picture import Picture


def accepted(picture: Picture) -> Iterator[Finding]:
    """Each host that lacks the hotfix has run its own precheck and agrees (``pool_patch.precheck``)."""
    if picture.verdicts is None and picture.todo:
        yield Finding(
            Severity.INFORMS,
            "hotfix",
            picture.pool.name,
            f"{picture.manifest.name}'s own precheck has not been run on the hosts: it needs the upload, and "
            "nothing was uploaded",
        )
    for uuid, verdict in (picture.verdicts or {}).items():
        if verdict.code is not None:
            yield Finding(
                Severity.BLOCKS, "hotfix", picture.pool.host(uuid).name, verdict.message, "see the article"
            )


def already_there(picture: Picture) -> Iterator[Finding]:
    """Hosts that have the hotfix: left alone, or only rebooted."""
    hotfix = picture.manifest
    for host in picture.pool.hosts:
        if not host.has(hotfix.uuid):
            continue
        message = f"has {hotfix.name} and has been rebooted since; it is left alone"
        if host.reboot_pending(hotfix.uuid):
            message = f"has {hotfix.name} but has not been rebooted since; the run reboots it"
        yield Finding(Severity.INFORMS, "hotfix", host.name, message)


def half_patched(picture: Picture) -> Iterator[Finding]:
    """A pool with hosts of both levels is not supported for general operation (the hotfix article)."""
    have = [host.name for host in picture.pool.hosts if host.has(picture.manifest.uuid)]
    lack = [host.name for host in picture.pool.hosts if not host.has(picture.manifest.uuid)]
    if have and lack:
        yield Finding(
            Severity.WARNS,
            "hotfix",
            picture.pool.name,
            f"{', '.join(have)} has {picture.manifest.name}, {', '.join(lack)} lacks it: such a "
            "mixture is not supported for general operation; this run finishes it",
        )


def reboot_pending(picture: Picture) -> Iterator[Finding]:
    """Other hotfixes that wait for a reboot take effect in this run too."""
    for host in picture.hosts_todo:
        waiting = sorted(
            patch.name
            for uuid, patch in host.patches.items()
            if uuid != picture.manifest.uuid and host.reboot_pending(uuid)
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
        if host.has(picture.manifest.uuid) or not host.live:
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
                f"has {free / 2**20:.0f} MiB free in its control domain; {picture.manifest.name} needs "
                f"{picture.needed_space / 2**20:.0f} MiB",
                "remove old update files or logs there",
            )
