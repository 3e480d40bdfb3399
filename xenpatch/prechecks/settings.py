"""Pool settings that would work against the run."""

from collections.abc import Iterator

from xenpatch.prechecks.finding import Finding, Severity
from xenpatch.prechecks.picture import Picture
from xenpatch.prechecks.remedies import auto_poweron, ha, wlb


def high_availability(picture: Picture) -> Iterator[Finding]:
    """With HA on, xapi refuses to take hosts out of service, and may restart VMs elsewhere."""
    if picture.pool.ha_enabled:
        yield Finding(
            Severity.BLOCKS,
            "HA",
            picture.pool.name,
            "has high availability enabled",
            "disable it for the time of the run (xe pool-ha-disable)",
            ha.remedy(picture.pool),
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
            wlb.remedy(picture.pool),
        )


def automatic_start(picture: Picture) -> Iterator[Finding]:
    """A VM that starts with its host would start there while the run has it stopped."""
    for vm in picture.pool.vms:
        if vm.auto_poweron and vm.resident_on in picture.todo:
            yield Finding(
                Severity.BLOCKS if vm.uuid in picture.stops else Severity.WARNS,
                "automatic start",
                vm.name,
                "is started whenever a host boots (other_config:auto_poweron)",
                "switch that off for the time of the run",
                auto_poweron.remedy(vm),
            )


def migration_network(picture: Picture) -> Iterator[Finding]:
    """VMs cannot be told which network to move over.

    VM.pool_migrate connects to ``host.address``, the management interface, and knows no option for another
    network before XenServer 8 (xapi 6.0.2 and later, xapi_vm_migrate.ml; xen-api issue 4337).
    """
    if (wanted := picture.migration_network) is not None:
        pool = picture.pool
        yield Finding(
            Severity.BLOCKS,
            "migration network",
            pool.name,
            f"cannot move VMs over the network {wanted}: in XenServer "
            f"{pool.host(pool.master).product_version} they move over the management network, whatever is "
            "asked for",
            "leave the pool block's migration network empty, or make that network the hosts' management "
            "network (xe host-management-reconfigure)",
        )
