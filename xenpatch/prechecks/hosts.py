"""Hosts: the right version, there, and in service."""

from collections.abc import Iterator

from xenpatch.prechecks.finding import Finding, Severity
from xenpatch.prechecks.picture import Picture
from xenpatch.record import DISABLED


def right_version(picture: Picture) -> Iterator[Finding]:
    """The hotfix is for the version that each host runs."""
    wanted = picture.manifest.product_versions
    for host in picture.hosts_todo:
        if host.product_version not in wanted:
            yield Finding(
                Severity.BLOCKS,
                "version",
                host.name,
                f"runs XenServer {host.product_version or 'of an unknown version'}; "
                f"{picture.manifest.name} is for {' or '.join(wanted)}",
                "choose the hotfix of that version",
            )


def live(picture: Picture) -> Iterator[Finding]:
    """Every host of the pool answers, also those that need nothing: VMs must have somewhere to go."""
    for host in picture.pool.hosts:
        if not host.live:
            yield Finding(
                Severity.BLOCKS,
                "liveness",
                host.name,
                "is not reachable (host_metrics.live is false); it was not checked any further",
                "bring it back, or remove it from the pool",
            )


def enabled(picture: Picture) -> Iterator[Finding]:
    """No host is out of service, unless it was a run that took it out."""
    for host in picture.pool.hosts:
        if host.live and not host.enabled and DISABLED not in host.other_config:
            yield Finding(
                Severity.BLOCKS,
                "enabled",
                host.name,
                "is disabled or in maintenance mode; a reboot would put it into service again",
                "put it into service first (xe host-enable), or take it out of the pool",
            )


def somewhere_to_go(picture: Picture) -> Iterator[Finding]:
    """A pool of one host has nowhere to move a running VM."""
    if len(picture.pool.hosts) > 1:
        return
    for vm in picture.pool.residents(picture.pool.master):
        yield Finding(
            Severity.BLOCKS,
            "hosts",
            vm.name,
            f"runs on {picture.pool.hosts[0].name}, the only host of the pool, which has to reboot",
            "shut it down or suspend it first",
        )
