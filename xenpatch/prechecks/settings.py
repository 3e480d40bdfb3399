"""Pool settings that would work against the run."""

from collections.abc import Iterator

from xenpatch.prechecks.finding import Finding, Severity
from xenpatch.prechecks.picture import Picture


def high_availability(picture: Picture) -> Iterator[Finding]:
    """With HA on, xapi refuses to take hosts out of service, and may restart VMs elsewhere."""
    if picture.pool.ha_enabled:
        yield Finding(
            Severity.BLOCKS,
            "HA",
            picture.pool.name,
            "has high availability enabled",
            "disable it for the time of the run (xe pool-ha-disable)",
        )


def workload_balancing(picture: Picture) -> Iterator[Finding]:
    """With WLB on, VMs are moved by somebody else too."""
    if picture.pool.wlb_enabled:
        yield Finding(
            Severity.BLOCKS,
            "WLB",
            picture.pool.name,
            "has workload balancing enabled, which moves VMs on its own",
            "disable it for the time of the run (xe pool-param-set wlb-enabled=false)",
        )
