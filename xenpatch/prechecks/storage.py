"""Storage: what running VMs use is attached where they may have to go."""

from collections.abc import Iterator

from xenpatch.prechecks.finding import Finding, Severity
from xenpatch.prechecks.picture import Picture
from xenpatch.prechecks.remedies import storage


def attached(picture: Picture) -> Iterator[Finding]:
    """Each SR that a host is connected to is attached; a detached one that running VMs use blocks."""
    pool = picture.pool
    used = {disk.sr: vm.name for vm in pool.vms if vm.resident_on is not None for disk in vm.disks}
    for host in pool.hosts:
        for pbd in host.pbds:
            if pbd.attached or not host.live:
                continue
            user = used.get(pbd.sr)
            yield Finding(
                Severity.BLOCKS if user and pool.srs[pbd.sr].shared else Severity.WARNS,
                "storage",
                host.name,
                f"SR {pool.srs[pbd.sr].name!r} is not attached"
                + (f", and running VMs use it ({user} for one)" if user else "; no running VM uses it"),
                "repair the SR (xe pbd-plug)",
                storage.remedy(host, pbd, pool.srs[pbd.sr]) if user else None,
            )
