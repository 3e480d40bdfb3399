"""A simulated pool in a process of its own, so that our own work does not slow down its clock.

`python -m benchmarks.simulated --hosts 4 --speed 40 --journal FILE` serves one until it is told to stop.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from pydantic import SecretStr

from simulator import Model, SimulatedPool, memory
from simulator.serve import serve
from simulator.world import Durations
from xenpatch.demo import served
from xenpatch.plan.model import Move, Step
from xenpatch.units import GIB, MIB
from xenpatch.xapi.session import Endpoint

VMS_PER_HOST: Final = 5
SIZES: Final = (4, 5, 6, 7, 8)
"""Memory of a host's VMs in GiB: as many as a host has VMs."""
HOST_GIB: Final = 48

TRUE: Final = replace(Durations(), down=380.0, toolstack_start=60.0, until_enabled=30.0)
REBOOT: Final = TRUE.shutdown_grace + TRUE.down + TRUE.toolstack_start + TRUE.until_enabled
"""Seconds from host.reboot until the host has enabled itself: 480."""


@dataclass(frozen=True)
class Served:
    """Where a simulated pool is. ``speed`` is how many times faster than the wall's its clock is."""

    endpoint: Endpoint
    hotfix: Path
    manifest: Path
    journal: Path
    speed: float


@contextmanager
def simulated(hosts: int, speed: float, journal: Path, vms: int | None = None) -> Iterator[Served]:
    """A pool in the background until the end of the block."""
    arguments = ["--hosts", str(hosts), "--speed", str(speed), "--journal", str(journal)]
    arguments += [] if vms is None else ["--vms", str(vms)]
    with served(__name__, *arguments) as pool:
        yield Served(
            Endpoint((pool["url"],), pool["user"], SecretStr(pool["password"])),
            Path(pool["hotfix"]),
            Path(pool["manifest"]),
            journal,
            speed,
        )


def true_seconds(step: Step) -> float:
    """How long a step takes in such a pool, if nobody loses any time over it."""
    if isinstance(step, Move):
        return TRUE.migration_base + TRUE.migration_per_gib * (step.memory / GIB)
    return REBOOT


def made(hosts: int, speed: float, journal: Path | None = None, vms: int | None = None) -> SimulatedPool:
    """Hosts of HOST_GIB with a VM of each size on every one, or so many about 1 GiB; durations are TRUE's."""
    model = Model(
        hosts=hosts, vms=VMS_PER_HOST * hosts, memory_gib=HOST_GIB, vm_memory_gib=max(SIZES), seed=hosts
    )
    if vms is not None:
        model = replace(model, vms=vms, vm_memory_gib=1)
    pool = SimulatedPool(model, speed=speed, journal=journal)
    pool.world.durations = TRUE
    _resize(pool, small=vms is not None)
    return pool


def _sizes(guests: int, dice: random.Random, *, small: bool) -> list[int]:
    """Bytes of a host's VMs; small ones differ, as they move, by more than a pause between two looks."""
    if small:
        return [dice.randrange(GIB // 2, GIB * 3 // 2, MIB) for _ in range(guests)]
    return [gib * GIB for gib in dice.sample(SIZES, k=len(SIZES))]


def _resize(pool: SimulatedPool, *, small: bool) -> None:
    """Give the VMs of each host sizes of their own."""
    db, dice = pool.db, random.Random(len(pool.hosts))
    for host, record in db.rows("host").items():
        guests = [vm for vm in record["resident_VMs"] if not db.get("VM", vm)["is_control_domain"]]
        for vm, size in zip(guests, _sizes(len(guests), dice, small=small), strict=True):
            most = dict.fromkeys(("static_max", "dynamic_max", "dynamic_min", "target"), size)
            own = {f"memory__{name}": value for name, value in (most | {"static_min": size // 2}).items()}
            db.update("VM", vm, **own)
            db.update("VM", vm, memory__overhead=memory.overhead(db.get("VM", vm)))
            db.update("VM_metrics", db.get("VM", vm)["metrics"], memory__actual=size)
        db.update("host_metrics", record["metrics"], memory__free=memory.free(db, host))


def main() -> int:
    """Serve a pool until a signal ends it."""
    parser = argparse.ArgumentParser(prog="benchmarks.simulated", description="A pool to measure on.")
    parser.add_argument("--hosts", type=int, required=True)
    parser.add_argument("--speed", type=float, required=True)
    parser.add_argument("--journal", type=Path, required=True)
    parser.add_argument("--vms", type=int)
    options = parser.parse_args()
    serve(made(options.hosts, options.speed, options.journal, options.vms), sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
