"""What a run is about, for its parts to share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from prefect.client.schemas.objects import FlowRun
from prefect.context import FlowRunContext

from blocks import Dom0SSH, XenServerPool
from flows.gate import Gate
from xenpatch.hotfix.bundle import Bundle
from xenpatch.hotfix.choice import Wanted
from xenpatch.hotfix.intake import Hotfix
from xenpatch.options import PatchOptions
from xenpatch.prechecks.picture import Picture
from xenpatch.record import RunId
from xenpatch.report import RunReport
from xenpatch.window import Occurrence


def this_run() -> FlowRun:
    """The flow run that this code is called in."""
    context = FlowRunContext.get()
    if context is None or context.flow_run is None:
        raise RuntimeError("this is no flow run")
    return context.flow_run


def answered(run: FlowRun) -> frozenset[str]:
    """The keys of the questions that it has asked a person; it goes on, so that each has its answer."""
    return frozenset(run.empirical_policy.pause_keys or ())


def run_id(run: FlowRun) -> RunId:
    """What a run is called on the pool; each retry, and each answer, makes it a run of its own there."""
    answers = len(answered(run))
    return RunId(f"{run.id}.{run.run_count}" + (f".{answers}" if answers else ""))


def name_of(pool: XenServerPool) -> str:
    """What people know the pool by before it was asked: the name of its block, else the first address."""
    saved: str | None = pool._block_document_name  # noqa: SLF001 - Prefect has no other name for it
    return saved or str(pool.addresses[0])


@dataclass(frozen=True)
class Job:
    """A pool, what it is to have, how to go about it, and when; ``picture`` is the first look."""

    pool: XenServerPool
    run: RunId
    wanted: Wanted
    picture: Picture
    ssh: Dom0SSH | None
    options: PatchOptions
    gate: Gate
    within: Occurrence | None = None

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
            hotfix=self.wanted.name(self.bundle),
            all_hosts=tuple(host.name for host in seen),
            earlier_boots=tuple(host.boot_time for host in seen if host.uuid not in self.picture.todo),
            placement=self.options.placement,
            **what,
        )
