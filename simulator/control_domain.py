"""The control domain of a simulated host, as ssh shows it."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from simulator.world import HostRuntime

if TYPE_CHECKING:
    from simulator.database import Database

_NAMESPACE: Final = uuid.UUID("0f4e7f5e-34f5-44c8-9d3b-0c0a0d6a7c11")
_FREE_KIB: Final = 1_818_736
"""What a fresh XenServer 6.0.2 leaves free on its root file system."""

SHIPPED: Final = (
    "openssl-0.9.8e-12.el5.i386",
    "vncterm-6.0.2-245.i686",
    "xen-device-model-6.0.2-31.7486.i686",
    "xen-hypervisor-4.1.2-3.i686",
)
"""Packages that hotfixes renew, as a host has them before any; the releases are made up, and older."""


@dataclass(frozen=True)
class ControlDomain:
    """Reads a host's state anew each time; what `simulator.dom0` answers from."""

    db: "Database"
    host: HostRuntime

    @property
    def packages(self) -> list[str]:
        """Installed rpm packages, name-version-release.arch."""
        return list(self.host.packages)

    @property
    def boot_id(self) -> str:
        """A uuid that changes at every boot, and is the same each time the same pool is simulated."""
        return str(uuid.uuid5(_NAMESPACE, f"{self._row['uuid']}/{self.host.boot_id}"))

    @property
    def free_kib(self) -> int:
        """Free space, less what the uploaded patches take of it."""
        taken = sum(path.stat().st_size for path in self.host.files.values() if path.is_file())
        return max(0, _FREE_KIB - taken // 1024)

    @property
    def hostname(self) -> str:
        """The host's name for itself."""
        return str(self._row["hostname"])

    @property
    def _row(self) -> Mapping[str, Any]:
        return self.db.get("host", self.host.ref)
