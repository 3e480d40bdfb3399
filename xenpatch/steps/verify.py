"""What a patched host must prove before the next one is touched."""

from __future__ import annotations

from dataclasses import dataclass

from xenpatch.errors import VerificationFailed, WaitTimeout
from xenpatch.hotfix.manifest import Manifest
from xenpatch.ssh import Dom0Access
from xenpatch.waiting import NotYet, wait_for
from xenpatch.xapi.inventory import Host, Inventory
from xenpatch.xapi.session import Session
from xenpatch.xapi.survey import read_inventory
from xenpatch.xapi.types import HostUuid, SrUuid

HEALTHY_LIMIT = 300.0


@dataclass(frozen=True)
class Verified:
    """What was proved, and what could not be asked."""

    proved: tuple[str, ...]
    unchecked: tuple[str, ...]


@dataclass(frozen=True)
class Baseline:
    """What a host was like before its reboot: attached SRs, and the boot id where SSH could tell it."""

    storage: frozenset[SrUuid]
    boot_id: str | None = None


def baseline(session: Session, host: HostUuid, ssh: Dom0Access | None) -> Baseline:
    """Look at the host before it goes down."""
    here = read_inventory(session).host(host)
    if ssh is None:
        return Baseline(here.attached_srs)
    with ssh.connect(here.address) as dom0:
        return Baseline(here.attached_srs, dom0.boot_id())


def verify(
    session: Session, host: HostUuid, manifest: Manifest, before: Baseline, ssh: Dom0Access | None
) -> Verified:
    """Look at everything that patching means for a host; raise VerificationFailed with all that is wrong."""
    pool = _healthy(session)
    here = pool.host(host)
    wrong = [*_in_the_pool(pool, here, manifest, before.storage)]
    proved = [
        f"{manifest.name} applied",
        f"booted since ({here.boot_time:.0f})",
        "in service",
        "storage attached",
    ]
    if ssh is None:
        return _result(here, wrong, proved, ["the packages and the boot id (no SSH access was given)"])
    with ssh.connect(here.address) as dom0:
        if before.boot_id is not None:
            wrong += ["its boot id is the one from before"] if dom0.boot_id() == before.boot_id else []
            proved.append("new boot id")
        installed = dom0.packages(sorted({package.name for package in manifest.packages if package.known}))
    unchecked = [
        f"package {package.nvra} (not published whole)" for package in manifest.packages if not package.known
    ]
    for package in manifest.packages:
        if package.known and package.nvra not in installed.get(package.name, ()):
            found = ", ".join(installed.get(package.name, ())) or "none"
            wrong.append(f"package {package.nvra} is not installed (found: {found})")
    proved.append(f"{sum(package.known for package in manifest.packages)} packages installed")
    return _result(here, wrong, proved, unchecked)


def _healthy(session: Session) -> Inventory:
    """The pool, with every host in service: after the master's restart members count as dead for a while."""

    def look() -> Inventory | NotYet:
        pool = read_inventory(session)
        out = [host.name for host in pool.hosts if not (host.live and host.enabled)]
        return NotYet(f"{', '.join(out)} not in service") if out else pool

    try:
        return wait_for("every host of the pool to be in service", look, HEALTHY_LIMIT)
    except WaitTimeout as late:
        raise VerificationFailed(f"{late}. No further host was touched. Cure this and start again.") from None


def _in_the_pool(pool: Inventory, here: Host, manifest: Manifest, storage: frozenset[SrUuid]) -> list[str]:
    missing = ", ".join(
        sorted(repr(pool.srs[sr].name) for sr in storage - here.attached_srs if sr in pool.srs)
    )
    checks = (
        (not here.has(manifest.uuid), f"{manifest.name} is not applied"),
        (here.reboot_pending(manifest.uuid), f"it has not been rebooted since {manifest.name} was applied"),
        (not here.live, "it is not reachable"),
        (not here.enabled, "it is not in service"),
        (bool(missing), f"storage is not attached: {missing}"),
    )
    return [message for failed, message in checks if failed]


def _result(here: Host, wrong: list[str], proved: list[str], unchecked: list[str]) -> Verified:
    if wrong:
        raise VerificationFailed(
            f"{here.name} is not as it should be after its reboot: {'; '.join(wrong)}. "
            "Its VMs run on the other hosts; no further host was touched. Cure this and start again."
        )
    return Verified(tuple(proved), tuple(unchecked))
