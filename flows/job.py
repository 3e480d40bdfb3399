"""What a run is about, for its parts to share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from blocks import Dom0SSH, XenServerPool
from xenpatch.hotfix.bundle import Bundle
from xenpatch.hotfix.choice import Wanted
from xenpatch.hotfix.intake import Hotfix
from xenpatch.options import PatchOptions
from xenpatch.prechecks.picture import Picture
from xenpatch.record import RunId
from xenpatch.report import RunReport


def run_id(flow_run: object, run_count: int) -> RunId:
    """What a run is called on the pool; each retry in Prefect is a run of its own there."""
    return RunId(f"{flow_run}.{run_count}")


@dataclass(frozen=True)
class Job:
    """A pool, what it is to have, and how to go about it; ``picture`` is the first look."""

    pool: XenServerPool
    run: RunId
    wanted: Wanted
    picture: Picture
    ssh: Dom0SSH | None
    options: PatchOptions

    @property
    def bundle(self) -> Bundle:
        """What the pool is to have."""
        return self.picture.bundle

    @property
    def hotfixes(self) -> tuple[Hotfix, ...]:
        """The files of the bundle, in its order."""
        return self.wanted.of(self.bundle)

    def report(self, **what: Any) -> RunReport:
        """A report on it; `what` are further fields of a RunReport."""
        seen = self.picture.pool.hosts
        return RunReport(
            pool=self.picture.pool.name,
            hotfix=self.bundle.name or ", ".join(hotfix.manifest.name for hotfix in self.wanted.hotfixes),
            all_hosts=tuple(host.name for host in seen),
            earlier_boots=tuple(host.boot_time for host in seen if host.uuid not in self.picture.todo),
            placement=self.options.placement,
            **what,
        )
