"""A pool with things in a run's way, runs on it as processes of their own, and how it should end."""

from __future__ import annotations

import multiprocessing
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Final

from prefect.settings import PREFECT_API_URL

from simulator import Model, SimulatedPool
from simulator.faults import Faults
from tests import prefect_server
from tests.crash import client
from tests.flows import awkward
from tests.flows.kit import boots, places, traces
from xenpatch.options import How, PatchOptions, Remedies

LIMIT: Final = 240.0
"""Seconds that a run may take, on a machine that does much else."""

IN_THE_WAY: Final = PatchOptions(remedy=Remedies.ALL, stop={"storage": How.SUSPEND})
"""What a run is told of a pool that was prepared."""

_FORKS: Final = multiprocessing.get_context("forkserver")
"""Each run is a copy of a process that has everything imported."""


@dataclass
class Case:
    """A pool with an awkward VM, a CD, HA and WLB in the way, and what it is like before."""

    sim: SimulatedPool
    folder: Path
    before: dict[str, str] = field(default_factory=dict)

    def prepare(self) -> None:
        """Put things in the way."""
        awkward.insert_local_cd(self.sim, "vm-db-1")
        awkward.give_local_disk(self.sim, "vm-app-1")
        (pool,) = self.sim.db.rows("pool")
        self.sim.db.update("pool", pool, wlb_enabled=True, wlb_url="wlb.example.com:8012")
        with awkward.client(self.sim) as api:
            awkward.enable_ha(api, awkward.vm(self.sim, "vm-web-1"))
        self.before = places(self.sim)

    def bring_to_the_end(
        self, home: str, more: dict[str, str], options: PatchOptions = IN_THE_WAY
    ) -> BaseProcess:
        """A run, new or continued."""
        sim = self.sim
        files = (sim.hotfix, sim.manifest)
        return self._start(client.bring_to_the_end, home, more, sim.url, sim.password, files, options)

    def command(self, home: str, more: dict[str, str], *arguments: object) -> BaseProcess:
        """A command of the command line for this pool."""
        given = [str(each) for each in (*arguments, "--pool", self.sim.url)]
        return self._start(client.command, home, more | {"XENPATCH_PASSWORD": self.sim.password}, given)

    def _start(self, target: Callable[..., None], home: str, more: dict[str, str], *args: Any) -> BaseProcess:
        folder = self.folder / home
        folder.mkdir()
        process = _FORKS.Process(target=target, args=(folder, more, *args))
        process.start()
        return process

    def said(self, home: str) -> str:
        """What the run of that home has written."""
        return (self.folder / home / "said").read_text().strip()

    def last_said(self, home: str) -> str:
        """Its last line."""
        return self.said(home).rpartition("\n")[2]

    def wrong(self) -> Iterator[str]:
        """All in which the pool is not as it would be had nothing happened."""
        sim = self.sim
        if places(sim) != self.before:
            yield f"VMs are elsewhere: {sorted(places(sim).items() ^ self.before.items())}"
        if sorted(boots(sim)) != ["xs1", "xs2", "xs3"]:
            yield f"booted: {', '.join(boots(sim))}"
        if len(sim.db.rows("host_patch")) != 3:
            yield f"{len(sim.db.rows('host_patch'))} of 3 hosts have the hotfix"
        if len(sim.db.rows("pool_patch")) != 1:
            yield "the hotfix is there more than once"
        if left := sorted(traces(sim)):
            yield f"left behind: {', '.join(left)}"
        (pool,) = sim.db.rows("pool").values()
        if not (pool["ha_enabled"] and pool["wlb_enabled"]):
            yield "HA or WLB is off"
        if sim.db.get("VBD", awkward.drive(sim, "vm-db-1"))["empty"]:
            yield "the CD is out of its drive"
        if disabled := [row["name__label"] for row in sim.db.rows("host").values() if not row["enabled"]]:
            yield f"disabled: {', '.join(disabled)}"


def prepare() -> None:
    """Have runs begin with everything imported, and with this process's environment and these settings."""
    os.environ |= settings()
    _FORKS.set_forkserver_preload(["tests.crash.client", "prefect.testing.utilities"])


def settings() -> dict[str, str]:
    """What Prefect, and tasks when they are imported, read from the environment."""
    return {
        "PREFECT_API_URL": str(PREFECT_API_URL.value()),
        "PREFECT_LOGGING_LEVEL": "CRITICAL",
        "PREFECT_LOGGING_TO_API_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "XENPATCH_POLL_SECONDS": "0.05",
        "XENPATCH_GRACE_SECONDS": "0.3",
        "XENPATCH_RETRY_SECONDS": "0",
        "XENPATCH_LAST_WORD_SECONDS": "3",
    }


@contextmanager
def serving() -> Iterator[None]:
    """Prefect's server, and processes that are ready to run."""
    with prefect_server.serving():
        prepare()
        yield


@contextmanager
def pool_of(faults: Faults, model: Model) -> Iterator[Case]:
    """A pool whose calls meet these faults, with nothing in the way."""
    with (
        tempfile.TemporaryDirectory(prefix="xenpatch-crash-") as folder,
        SimulatedPool(model, speed=600) as sim,
    ):
        sim.faults = sim.world.faults = faults
        yield Case(sim, Path(folder))


@contextmanager
def case(faults: Faults) -> Iterator[Case]:
    """A pool of three hosts; its calls meet faults once things are in the way."""
    with pool_of(Faults(), Model(hosts=3, vms=6)) as made:
        made.prepare()
        made.sim.faults = made.sim.world.faults = faults
        yield made
