"""What a patched host must prove before the next one is touched."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass

from xenpatch.errors import VerificationFailed
from xenpatch.hotfix.bundle import Bundle
from xenpatch.record import BEFORE, add_once
from xenpatch.ssh import Dom0Access
from xenpatch.steps.health import await_healthy
from xenpatch.xapi.inventory import Host
from xenpatch.xapi.objects import host_ref
from xenpatch.xapi.one_host import read_host
from xenpatch.xapi.session import Session
from xenpatch.xapi.types import HostUuid, SrUuid


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

    @classmethod
    def noted(cls, host: Host) -> Baseline | None:
        """What is noted on the host since before its reboot; None once it was verified."""
        text = host.other_config.get(BEFORE)
        if text is None:
            return None
        fields = json.loads(text)
        return cls(frozenset(SrUuid(sr) for sr in fields["storage"]), fields["boot_id"])

    def text(self) -> str:
        """As it is noted on the host."""
        return json.dumps({"storage": sorted(self.storage), "boot_id": self.boot_id})


def note_before(session: Session, host: HostUuid, ssh: Dom0Access | None) -> Baseline:
    """Note on the host what it is like, unless that was done before a reboot that is still to be verified."""
    here = read_host(session, host)
    if (noted := Baseline.noted(here)) is not None:
        return noted
    boot_id = None
    if ssh is not None:
        with ssh.connect(here.address) as dom0:
            boot_id = dom0.boot_id()
    before = Baseline(here.attached_srs, boot_id)
    add_once(session, "host", here.ref, BEFORE, before.text())
    return before


def verify(
    session: Session,
    host: HostUuid,
    bundle: Bundle,
    before: Baseline,
    ssh: Dom0Access | None,
    beside: Collection[HostUuid] = (),
) -> Verified:
    """Look at everything that patching means for a host; raise VerificationFailed with all that is wrong.

    Every other host of the pool must be in service, too, but for those that are out of it `beside` this one.

    What was noted before the reboot is removed when all is well: until then the host counts as not done.
    """
    await_healthy(session, but=set(beside) - {host})
    here = read_host(session, host)
    wrong = [*_in_the_pool(session, here, bundle, before.storage)]
    proved = [
        f"{bundle.name} applied",
        f"booted since ({here.boot_time:.0f})",
        "in service",
        "storage attached",
    ]
    if ssh is None:
        return _result(
            session, here, wrong, proved, ["the packages and the boot id (no SSH access was given)"]
        )
    with ssh.connect(here.address) as dom0:
        if before.boot_id is not None:
            wrong += ["its boot id is the one from before"] if dom0.boot_id() == before.boot_id else []
            proved.append("new boot id")
        installed = dom0.packages(sorted({package.name for package in bundle.packages if package.known}))
    unchecked = [
        f"package {package.nvra} (not published whole)" for package in bundle.packages if not package.known
    ]
    for package in bundle.packages:
        if package.known and package.nvra not in installed.get(package.name, ()):
            found = ", ".join(installed.get(package.name, ())) or "none"
            wrong.append(f"package {package.nvra} is not installed (found: {found})")
    proved.append(f"{sum(package.known for package in bundle.packages)} packages installed")
    return _result(session, here, wrong, proved, unchecked)


def _in_the_pool(session: Session, here: Host, bundle: Bundle, storage: frozenset[SrUuid]) -> list[str]:
    lost = storage - here.attached_srs
    missing = ", ".join(sorted(repr(name) for name in _sr_names(session, lost))) if lost else ""
    checks = (
        *((True, f"{lacking.name} is not applied") for lacking in bundle.lacking(here)),
        *(
            (True, f"it has not been rebooted since {waiting.name} was applied")
            for waiting in bundle.waiting(here)
        ),
        (not here.live, "it is not reachable"),
        (not here.enabled, "it is not in service"),
        (bool(missing), f"storage is not attached: {missing}"),
    )
    return [message for failed, message in checks if failed]


def _sr_names(session: Session, srs: Collection[SrUuid]) -> list[str]:
    """The names of those that are still known."""
    records = session.read("SR.get_all_records").values()
    return [record["name_label"] for record in records if record["uuid"] in srs]


def _result(
    session: Session, here: Host, wrong: list[str], proved: list[str], unchecked: list[str]
) -> Verified:
    if wrong:
        raise VerificationFailed(
            f"{here.name} is not as it should be after its reboot: {'; '.join(wrong)}. "
            "Its VMs run on the other hosts; no further host was touched. Cure this and start again."
        )
    session.call("host.remove_from_other_config", host_ref(session, here.uuid), BEFORE)
    return Verified(tuple(proved), tuple(unchecked))
