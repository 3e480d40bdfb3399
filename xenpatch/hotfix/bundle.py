"""The hotfixes of one run: in which order they are applied, and what they ask of a host together."""

from __future__ import annotations

import json
from dataclasses import dataclass

from xenpatch.hotfix.manifest import Guidance, HotfixUuid, Manifest, Package
from xenpatch.xapi.inventory import Host


@dataclass(frozen=True)
class Bundle:
    """One hotfix or several, each after those that it requires; a host reboots once for all of them."""

    manifests: tuple[Manifest, ...]

    @property
    def name(self) -> str:
        """All names, for a person."""
        return ", ".join(manifest.name for manifest in self.manifests)

    @property
    def uuids(self) -> tuple[HotfixUuid, ...]:
        """The uuids, in the order of the hotfixes."""
        return tuple(manifest.uuid for manifest in self.manifests)

    @property
    def key(self) -> str:
        """What tells this bundle from another, whatever the order."""
        return ",".join(sorted(self.uuids))

    @property
    def packages(self) -> tuple[Package, ...]:
        """What is installed in the end: of a package that several bring, the last one's."""
        last = {package.name: package for manifest in self.manifests for package in manifest.packages}
        return tuple(last.values())

    def text(self) -> str:
        """As the run record keeps it, for whoever continues the run without the files."""
        return json.dumps([each.model_dump(mode="json", exclude_defaults=True) for each in self.manifests])

    @classmethod
    def parse(cls, text: str) -> Bundle:
        """Read it back; raises ValueError for what is none."""
        return cls(tuple(Manifest.model_validate(each) for each in json.loads(text)))

    def lacking(self, host: Host) -> tuple[Manifest, ...]:
        """Those that are not applied to the host."""
        return tuple(manifest for manifest in self.manifests if not host.has(manifest.uuid))

    def waiting(self, host: Host) -> tuple[Manifest, ...]:
        """Those that are applied to the host, but not in effect before it is restarted as they ask."""
        return tuple(manifest for manifest in self.manifests if _waits(manifest, host))

    def to_do(self, host: Host) -> bool:
        """Whether the host lacks one of them, or a restart since."""
        return bool(self.lacking(host) or self.waiting(host))

    def to_reboot(self, host: Host) -> bool:
        """Whether the host has to boot for one of them, once all are applied."""
        asking = (each for each in self.manifests if Guidance.RESTART_HOST in each.guidance)
        return any(host.needs_reboot(each.uuid) for each in asking)


def _waits(manifest: Manifest, host: Host) -> bool:
    """A reboot restarts the toolstack, too, so that who waits for one waits for it alone."""
    if Guidance.RESTART_HOST in manifest.guidance:
        return host.reboot_pending(manifest.uuid)
    return Guidance.RESTART_XAPI in manifest.guidance and host.toolstack_pending(manifest.uuid)
