"""How a generation of XenServer takes updates, and which mechanism a pool's generation has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from xenpatch.errors import Refused
from xenpatch.hotfix.intake import Hotfix
from xenpatch.hotfix.manifest import Manifest
from xenpatch.prechecks.picture import Verdict
from xenpatch.updates.pool_patch import PoolPatch
from xenpatch.xapi.files import Sent
from xenpatch.xapi.inventory import Host, Inventory
from xenpatch.xapi.session import Session


class Mechanism(Protocol):
    """Every verb is "make it so": safe to call again, it looks before it acts and looks again after."""

    def bring(
        self, session: Session, hotfix: Hotfix, on_sent: Sent | None = None, *, anew: bool = False
    ) -> bool:
        """Have the hotfix on the pool; return whether this call uploaded it.

        ``anew`` sends the file though the pool has a record of it.
        """
        ...

    def remove(self, session: Session, manifest: Manifest) -> None:
        """Take a hotfix that no host has off the pool again."""
        ...

    def clean(self, session: Session, manifest: Manifest) -> None:
        """Remove the hotfix's files from the pool, but not the record that it is applied."""
        ...

    def precheck(self, session: Session, manifest: Manifest, host: Host) -> Verdict:
        """Let the host run the hotfix's own precheck."""
        ...

    def apply(self, session: Session, manifest: Manifest, on_progress: Callable[[float], None]) -> None:
        """Have the hotfix applied to every host; raise ApplyFailed with the hosts that lack it."""
        ...


def mechanism_for(pool: Inventory) -> Mechanism:
    """The mechanism of the pool's generation; raise Refused for one that xenpatch does not know yet."""
    for host in pool.hosts:
        if host.release >= (7, 1):
            raise Refused(
                f"{host.name} runs XenServer {host.product_version}, which takes updates by pool_update; "
                "xenpatch knows pool_patch, up to 7.0. Nothing was changed."
            )
    return PoolPatch()
