"""One run on a simulated pool, ours or in the style of XenCenter, and what is to be told of it."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from benchmarks import journal, xencenter
from benchmarks.journal import Figures
from benchmarks.ours import POLICIES
from benchmarks.results import XENCENTER
from benchmarks.simulated import Served, simulated, true_seconds
from xenpatch.hotfix.intake import verify
from xenpatch.hotfix.manifest import load_manifest
from xenpatch.options import PatchOptions
from xenpatch.plan import history
from xenpatch.plan.history import MoveRecord, Record
from xenpatch.plan.model import AUTO_WIDTH
from xenpatch.plan.outlook import Outlook, look_ahead
from xenpatch.plan.schedule import timetable
from xenpatch.steps.foresight import learnt
from xenpatch.waiting import Pace
from xenpatch.xapi.inventory import Inventory
from xenpatch.xapi.session import open_session
from xenpatch.xapi.survey import read_inventory
from xenpatch.xapi.types import HostUuid, PoolUuid, VmUuid

if TYPE_CHECKING:
    from blocks import XenServerPool

SPEED: Final = 20.0
"""How many times faster than the wall's the pools' clock is: each second of ours costs so many of theirs."""
THEIR_SPEED: Final = 40.0
"""The same for XenCenter style, which does little itself: on four hosts it took 55 min at 30 and at 40."""

_POLL: Final = Pace().longest
_GRACE: Final = 20.0
_PATIENCE: Final = 60.0


@dataclass(frozen=True)
class Job:
    """A run to make: on how many hosts, by whom, and what is known of such pools.

    ``vms`` of about 1 GiB, instead of some of several sizes on each host. ``bare`` is without Prefect; a
    process that has made such a run can make no other.
    """

    hosts: int
    name: str
    folder: Path
    known: tuple[Record, ...] = ()
    vms: int | None = None
    speed: float = SPEED
    bare: bool = False


@dataclass(frozen=True)
class Run:
    """A run that was made.

    ``forecast`` is what was expected before it, ``ideal`` the timetable of its plan with the pool's true
    durations, ``processor`` what our process spent on it: all in seconds, and None for XenCenter style.
    """

    hosts: int
    name: str
    figures: Figures
    forecast: float | None = None
    ideal: float | None = None
    processor: float | None = None
    learnt: tuple[Record, ...] = ()


def made(job: Job) -> Run:
    """Make one run on a pool of its own."""
    folder = job.folder / f"{job.hosts} {job.name} {job.speed:g}{' bare' if job.bare else ''}"
    folder.mkdir(parents=True)
    theirs = job.name == XENCENTER
    speed = THEIR_SPEED if theirs else job.speed
    with (
        simulated(job.hosts, speed, folder / "journal", job.vms) as pool,
        _environment(folder, pool.speed, xencenter.POLL if theirs else _POLL),
    ):
        return _theirs(job, pool) if theirs else _ours(job, pool, folder)


def _theirs(job: Job, pool: Served) -> Run:
    with open_session(pool.endpoint, patience=_PATIENCE) as session:
        before = read_inventory(session)
        mark = len(journal.lines(pool.journal))
        xencenter.XenCenter(session, pool.speed).patch(verify(pool.hotfix, load_manifest(pool.manifest)))
    return Run(job.hosts, job.name, _figures(pool, mark, before))


def _ours(job: Job, pool: Served, folder: Path) -> Run:
    with open_session(pool.endpoint, patience=_PATIENCE) as session:
        before = read_inventory(session)
    _teach(before.uuid, job.known)
    options = _options(job.name, folder)
    expected = _expected(before, options)
    assert expected.forecast is not None
    mark = len(journal.lines(pool.journal))
    processor = _patched(pool, options, bare=job.bare)
    return Run(
        job.hosts,
        job.name,
        _figures(pool, mark, before),
        forecast=expected.forecast.total.p50,
        ideal=_ideal(expected),
        processor=processor,
        learnt=history.read(before.uuid)[len(job.known) :],
    )


def _patched(pool: Served, options: PatchOptions, *, bare: bool) -> float:
    """Run the flow; return the processor seconds of this process."""
    if bare:
        from benchmarks.bare import install  # noqa: PLC0415 - nothing of it for any other run

        install()
    from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings  # noqa: PLC0415

    from flows.patch_pool import patch_pool  # noqa: PLC0415 - takes a second, and reads the environment

    # Without a heartbeat: each flow's end would wait up to a second for it, which no real pool would notice.
    with temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):
        begun = time.process_time()
        patch_pool(_block(pool), (pool.hotfix,), (pool.manifest,), options=options)
        return time.process_time() - begun


def _block(pool: Served) -> XenServerPool:
    from blocks import XenServerPool  # noqa: PLC0415 - imports Prefect

    where = pool.endpoint
    return XenServerPool(addresses=list(where.urls), user=where.user, password=where.password)


def _options(name: str, folder: Path) -> PatchOptions:
    policy = POLICIES[name]
    return PatchOptions(
        placement=policy.placement,
        width="auto" if policy.width == AUTO_WIDTH else policy.width,
        backup_folder=folder / "backups",
    )


def _expected(pool: Inventory, options: PatchOptions) -> Outlook:
    """What `xenpatch plan` says of it."""
    hosts = [host.uuid for host in pool.hosts]
    return look_ahead(pool, hosts, options.policy(pool.release), durations=learnt(pool.uuid))


def _ideal(expected: Outlook) -> float:
    plan = expected.found
    return timetable(plan, true_seconds, plan.policy.moves_per_host).total  # type: ignore[union-attr,arg-type]


def _teach(pool: PoolUuid, known: tuple[Record, ...]) -> None:
    """Let the pool have the history of another one: of its own VMs and hosts nothing is known."""
    for record in known:
        history.append(pool, _elsewhere(record))


def _elsewhere(record: Record) -> Record:
    if isinstance(record, MoveRecord):
        return replace(record, vm=VmUuid(f"twin-{record.vm}"))
    return replace(record, host=HostUuid(f"twin-{record.host}"))


def _figures(pool: Served, mark: int, before: Inventory) -> Figures:
    memory = {vm.uuid: vm.memory for vm in before.vms}
    return journal.figures(journal.lines(pool.journal)[mark:], memory)


@contextmanager
def _environment(folder: Path, speed: float, poll: float) -> Iterator[None]:
    """Waits as on a real pool, seen by the pool's clock, and a history of the run's own."""
    kept = dict(os.environ)
    os.environ |= {
        "XENPATCH_POLL_SECONDS": str(poll / speed),
        "XENPATCH_GRACE_SECONDS": str(_GRACE / speed),
        "XDG_STATE_HOME": str(folder / "state"),
    }
    try:
        yield
    finally:
        os.environ.clear()
        os.environ |= kept
