"""Pools for properties: any number of odd things, few of each."""

from __future__ import annotations

import random
from dataclasses import dataclass

from hypothesis import strategies as st

from tests.plan.pools import (
    hosts_of,
    pool,
    with_affinity,
    with_apart,
    with_ballooning,
    with_cpus,
    with_host,
)
from xenpatch.plan.model import Placement, Policy
from xenpatch.xapi.inventory import Inventory
from xenpatch.xapi.types import HostUuid, VmUuid


@dataclass(frozen=True)
class Case:
    """What `plan_run` is asked."""

    picture: Inventory
    hosts: list[HostUuid]
    policy: Policy
    ignore: tuple[VmUuid, ...] = ()


def case(dice: random.Random) -> Case:
    """2 to 8 hosts, some of which are to reboot, full to any degree, with VMs that may not go anywhere."""
    sizes = {f"xs{n}": dice.randint(8, 48) for n in range(1, dice.randint(2, 8) + 1)}
    vms = filled(dice, sizes, dice.uniform(0.1, 0.9))
    picture = pool(sizes, vms, local=_some(dice, vms, 0.01, 0.3), paused=_some(dice, vms, 0.05, 0.3))
    picture = with_affinity(picture, *_some(dice, vms, 0.3))
    for group in ("one", "two"):
        picture = with_apart(picture, group, *_some(dice, vms, 0.15, 0.4))
    if dice.random() < 0.2:
        offered = {name: dice.choice([1, 3, 3, 3]) for name in sizes}
        picture = with_cpus(picture, offered, {name: dice.choice([1, 1, 1, 2]) for name in vms})
    picture = with_ballooning(picture, {name: vms[name][1] / 2 for name in _some(dice, vms, 0.5, 0.3)})
    if dice.random() < 0.1:
        picture = with_host(picture, dice.choice(list(sizes)), enabled=False)
    hosts = hosts_of(picture)
    return Case(
        picture,
        hosts if dice.random() < 0.7 else dice.sample(hosts, dice.randint(0, len(hosts))),
        Policy(dice.choice(list(Placement)), dice.choice([1, 1, 2, 3, 4]), squeeze=dice.random() < 0.3),
        tuple(VmUuid(name) for name in _some(dice, vms, 0.05, 0.3)),
    )


def filled(dice: random.Random, sizes: dict[str, int], share: float) -> dict[str, tuple[str, int]]:
    """VMs of 1 to 16 GiB that fill each host to that share at most."""
    vms: dict[str, tuple[str, int]] = {}
    for name, size in sizes.items():
        left = int(size * share)
        while left > 0 and dice.random() < 0.9:
            memory = dice.randint(1, min(left, 16))
            left -= memory
            vms[f"vm-{len(vms)}"] = (name, memory)
    return vms


def _some(
    dice: random.Random, vms: dict[str, tuple[str, int]], share: float, often: float = 1.0
) -> list[str]:
    wanted = dice.random() < often
    return [name for name in vms if wanted and dice.random() < share]


def cases() -> st.SearchStrategy[Case]:
    return st.integers(0, 2**32).map(lambda seed: case(random.Random(seed)))
