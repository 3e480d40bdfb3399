"""The last resort: hosts rearranged by chance until one of them can be emptied.

Simulated annealing over real placements: whatever can leave the host leaves it, and the other VMs are moved
about so that free memory gathers in few large pieces. Where it ends is the aim; the moves that lead there are
those of the VMs that have another host then, in an order that has room for each.
"""

from __future__ import annotations

import math
import random
from typing import Final

from xenpatch.plan.layout import Layout, away
from xenpatch.plan.model import Kind

_SEED: Final = 602
_WALKS: Final = 6
_STEPS: Final = 20_000
_HOT: Final = 0.03  # of the square of a host's memory
_COLD: Final = 0.0003


def rearrange(layout: Layout, host: int, wave: int) -> bool:
    """Empty the host, which takes no VMs any more; or change nothing and say False. Deterministic."""
    mark = len(layout.draft)
    for walk in range(_WALKS):
        aim = _wander(layout, host, random.Random(_SEED + walk))
        if aim is not None and _go(layout, host, aim, wave):
            return True
        layout.rewind(mark)
    return False


def _wander(layout: Layout, host: int, dice: random.Random) -> dict[int, int] | None:
    """Where each VM that takes part could be so that none is on the host; None if that was not found."""
    start, size = len(layout.draft), layout.problem.size
    vms = [vm for vm, at in enumerate(layout.at) if at == host or layout.serving[at]]
    targets = [target for target, serves in enumerate(layout.serving) if serves]
    if not targets or not layout.residents[host]:
        return None
    heat = _HOT * max(layout.problem.room) ** 2
    cooling = (_COLD / _HOT) ** (1 / _STEPS)
    for _ in range(_STEPS):
        heat *= cooling
        vm, target = vms[dice.randrange(len(vms))], targets[dice.randrange(len(targets))]
        source = layout.at[vm]
        if source == target or not layout.fits(vm, target):
            continue
        if source != host:
            gain = 2 * size[vm] * (layout.free[source] + size[vm] - layout.free[target])
            if gain < 0 and dice.random() >= math.exp(gain / heat):
                continue
        layout.hop(vm, target, Kind.MAKE_ROOM, 0, host)
        if not layout.residents[host]:
            break
    found = None if layout.residents[host] else {vm: layout.at[vm] for vm in vms}
    layout.rewind(start)
    return found


def _go(layout: Layout, host: int, aim: dict[int, int], wave: int) -> bool:
    """Move every VM to its aim, each when there is room for it; a circle is broken by a step aside."""
    while astray := [vm for vm, target in aim.items() if layout.at[vm] != target]:
        ready = [vm for vm in astray if layout.fits(vm, aim[vm])]
        if ready:
            for vm in ready:
                if layout.fits(vm, aim[vm]):
                    leaves = layout.at[vm] == host
                    kind = away(layout, vm, aim[vm]) if leaves else Kind.MAKE_ROOM
                    layout.hop(vm, aim[vm], kind, wave, host)
        elif not _step_aside(layout, host, astray, wave):
            return False
        if len(layout.draft) > len(aim) * 4 * (wave + 1) + len(layout.problem.vms) * 8:
            return False
    return True


def _step_aside(layout: Layout, host: int, astray: list[int], wave: int) -> bool:
    """Move the smallest VM of a circle to a host where it has not been aimed at."""
    for vm in reversed(astray):
        for target, serves in enumerate(layout.serving):
            if serves and target != layout.at[vm] and layout.fits(vm, target):
                layout.hop(vm, target, Kind.MAKE_ROOM, wave, host)
                return True
    return False
