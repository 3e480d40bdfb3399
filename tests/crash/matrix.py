"""The crash matrix: a run is killed at a point and continued by another one, as if nothing had happened.

A point is a changing call that the run sends: it is killed (kill -9) before the call has any effect, or when
it has had its effect and the answer is lost. The one that continues has an empty home folder.

    python -m tests.crash.matrix [--every N] [--jobs N]
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import tempfile
import threading
import time
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Final, Literal

from prefect.settings import PREFECT_API_URL
from prefect.testing.utilities import prefect_test_harness

from simulator import Fault, Model, SimulatedPool
from simulator.faults import Faults
from tests.crash import client
from tests.flows import awkward
from tests.flows.kit import READS, boots, places, traces

Phase = Literal["before", "after"]
LIMIT: Final = 240.0
"""Seconds that a run may take, on a machine that does much else."""

_NOT_SENT: Final = frozenset({"boot", "patch", "pool_patch.apply"})
"""What meets faults and is no call of a client's: the pool does it by itself."""
_FORKS: Final = multiprocessing.get_context("forkserver")
"""Each run is a copy of a process that has everything imported."""

_SERVICES: Final = ("SCHEDULER", "TRIGGERS", "EVENT_PERSISTER", "TASK_RUN_RECORDER", "LATE_RUNS", "FOREMAN")
"""Of Prefect's server; runs that are to be killed need none of them, and they take a third of the time."""

_FIRST: Final = {"XENPATCH_HEARTBEAT_SECONDS": "30"}
_SECOND: Final = {"XENPATCH_HEARTBEAT_SECONDS": "0.5"}


class Points(Faults):
    """Counts the changing calls that a client sends, and kills it at one of them."""

    def __init__(self, number: int = 0, phase: Phase = "before") -> None:
        super().__init__()
        self.number, self.phase = number, phase
        self.process: BaseProcess | None = None
        self.sent: list[str] = []
        self._counting = threading.Lock()

    def match(self, call: str, names: Collection[str] = ()) -> Fault | None:
        """As a fault: the connection is cut, since nobody is there any more."""
        if _is_read(call) or call in _NOT_SENT:
            return super().match(call, names)
        with self._counting:
            self.sent.append(call)
            here = len(self.sent) == self.number
        if not here or self.process is None:
            return super().match(call, names)
        self.process.kill()
        wait([self.process.sentinel])
        return Fault(drop=self.phase)


@dataclass(frozen=True)
class Outcome:
    """What became of a run that was killed at a point: ``wrong`` is empty where all is well."""

    number: int
    phase: Phase
    call: str
    wrong: tuple[str, ...]
    seconds: float


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

    def start(self, home: str, more: dict[str, str]) -> BaseProcess:
        """A run in a process of its own, with its own empty home."""
        folder = self.folder / home
        folder.mkdir()
        files = (self.sim.hotfix, self.sim.manifest)
        process = _FORKS.Process(
            target=client.main, args=(self.sim.url, self.sim.password, files, folder, more)
        )
        process.start()
        return process

    def said(self, home: str) -> str:
        """The last line that the run of that home has written."""
        return (self.folder / home / "said").read_text().strip().rpartition("\n")[2]

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
    _FORKS.set_forkserver_preload(["tests.crash.client"])


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
    }


@contextmanager
def case(points: Points) -> Iterator[Case]:
    """A pool that counts, or kills at, a point."""
    with (
        tempfile.TemporaryDirectory(prefix="xenpatch-crash-") as folder,
        SimulatedPool(Model(hosts=3, vms=6), speed=600) as sim,
    ):
        made = Case(sim, Path(folder))
        made.prepare()
        sim.faults = sim.world.faults = points
        yield made


def all_points() -> list[str]:
    """The changing calls of a run that nobody kills, in their order."""
    points = Points()
    with case(points) as made:
        process = made.start("only", _FIRST)
        process.join(LIMIT)
        if process.exitcode or (wrong := list(made.wrong())):
            raise RuntimeError(
                f"an undisturbed run failed: {made.said('only') if process.exitcode else wrong}"
            )
    return points.sent


def killed_at(number: int, phase: Phase) -> Outcome:
    """Kill a run at that point, let another one continue, and look at the pool."""
    began = time.monotonic()
    points = Points(number, phase)
    with case(points) as made:
        points.process = first = made.start("first", _FIRST)
        first.join(LIMIT)
        wrong = [] if first.exitcode else ["it was not killed: the run has fewer points"]
        call = points.sent[number - 1] if len(points.sent) >= number else "?"
        points.process = None
        second = made.start("second", _SECOND)
        second.join(LIMIT)
        if second.exitcode is None:
            second.kill()
            wrong.append(f"the second run did not end in {LIMIT:.0f} s")
        elif second.exitcode:
            wrong.append(f"the second run failed: {made.said('second')}")
        wrong += made.wrong()
    return Outcome(number, phase, call, tuple(wrong), time.monotonic() - began)


def run(points: Sequence[tuple[int, Phase]], jobs: int) -> Iterator[Outcome]:
    """All of them, several at once; each as soon as it is over."""
    with ThreadPoolExecutor(jobs) as pool:
        yield from pool.map(lambda point: killed_at(*point), points)


def _is_read(call: str) -> bool:
    message = call.rpartition(".")[2]
    return call.startswith(("session.", "task.", "GET ", "system.")) or message.startswith(READS)


def main() -> int:
    """Print a line for each point, and how many are as they should be."""
    parser = argparse.ArgumentParser(description="Kill runs at every changing call, and continue them.")
    parser.add_argument("--every", type=int, default=1, help="only every Nth point")
    parser.add_argument("--jobs", type=int, default=4, help="how many at once")
    given = parser.parse_args()
    os.environ |= {f"PREFECT_SERVER_SERVICES_{name}_ENABLED": "false" for name in _SERVICES}
    with prefect_test_harness(server_startup_timeout=60):
        prepare()
        calls = all_points()
        phases: tuple[Phase, ...] = ("before", "after")
        points = [(number, phase) for number in range(1, len(calls) + 1) for phase in phases][:: given.every]
        bad = 0
        for outcome in run(points, given.jobs):
            bad += bool(outcome.wrong)
            verdict = "; ".join(outcome.wrong) or "as if nothing had happened"
            told = (
                f"{outcome.number:3} {outcome.phase:6} {outcome.call:32} {outcome.seconds:4.0f} s  {verdict}"
            )
            print(told, flush=True)  # noqa: T201 - a command
    print(f"{len(points) - bad} of {len(points)} points as if nothing had happened")  # noqa: T201 - a command
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
