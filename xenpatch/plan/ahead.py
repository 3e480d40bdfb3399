"""The part of a plan that comes next."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from xenpatch.plan.model import Move, Plan
from xenpatch.xapi.types import HostUuid


def next_wave(plan: Plan, begun: Collection[HostUuid] = (), over: Collection[int] = ()) -> Plan:
    """The hosts that are taken next, with all that has to be done until they and those before are through.

    ``begun`` are the hosts that have been taken, ``over`` the numbers of the steps that are done with. There
    is no turn in it when every host has been taken.
    """
    waiting = [turn for turn in plan.turns if turn.host not in begun]
    turns = tuple(turn for turn in waiting if turn.wave == waiting[0].wave)
    hosts = {*begun, *(turn.host for turn in turns)}
    steps = tuple(
        step
        for step in plan.steps
        if step.no not in over and (step.turn if isinstance(step, Move) else step.host) in hosts
    )
    return replace(plan, turns=turns, steps=steps)
