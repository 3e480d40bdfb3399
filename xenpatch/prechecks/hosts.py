"""Hosts: the right version, there, and in service."""

from collections.abc import Iterator

from xenpatch.prechecks.finding import Finding, Severity
from xenpatch.prechecks.picture import Picture
from xenpatch.prechecks.planning import is_chosen
from xenpatch.record import DISABLED


def right_version(picture: Picture) -> Iterator[Finding]:
    """Each hotfix is for the version that each host runs."""
    for host in picture.hosts_todo:
        for manifest in picture.bundle.manifests:
            if host.product_version not in manifest.product_versions:
                yield Finding(
                    Severity.BLOCKS,
                    "version",
                    host.name,
                    f"runs XenServer {host.product_version or 'of an unknown version'}; "
                    f"{manifest.name} is for {' or '.join(manifest.product_versions)}",
                    "choose the hotfix of that version",
                )


def chosen(picture: Picture) -> Iterator[Finding]:
    """The hosts that are to reboot are of this pool; the others stay as they are, and are told."""
    only = picture.options.hosts
    names = {name for host in picture.pool.hosts for name in (host.name, host.uuid)}
    for name in sorted(set(only) - names):
        yield Finding(
            Severity.BLOCKS, "hosts", name, "is no host of this pool", f"name {' or '.join(_names(picture))}"
        )
    left = [host.name for host in picture.hosts_todo if not is_chosen(picture.pool, host, only)]
    if left:
        yield Finding(
            Severity.WARNS,
            "hosts",
            ", ".join(left),
            f"will have {picture.bundle.name} applied but not in effect: not among the hosts to reboot now",
            "run again without --hosts to finish the pool",
        )


def _names(picture: Picture) -> list[str]:
    return [host.name for host in picture.pool.hosts]


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
        if vm.uuid in picture.stops:
            continue
        yield Finding(
            Severity.BLOCKS,
            "hosts",
            vm.name,
            f"runs on {picture.pool.hosts[0].name}, the only host of the pool, which has to reboot",
            "shut it down or suspend it first",
        )
