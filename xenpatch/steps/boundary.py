"""Which hosts will be done before the window closes."""

from __future__ import annotations

from datetime import timedelta

from xenpatch import window
from xenpatch.plan.ahead import next_wave
from xenpatch.plan.model import Plan, Turn
from xenpatch.steps.foresight import foresee
from xenpatch.units import span
from xenpatch.waiting import pool_speed
from xenpatch.window import Occurrence


def too_late(ahead: Plan, within: Occurrence) -> str | None:
    """Why they must not be begun now, with the numbers; None where nine of ten runs would be done in time.

    ``ahead`` is what comes next (see `next_wave`): VMs that come home are part of it.
    """
    needed = timedelta(seconds=foresee(ahead).total.p90 / pool_speed())
    done = window.now() + needed
    if done <= within.closes:
        return None
    names = ", ".join(turn.name for turn in ahead.turns)
    said = (
        f"{names} would take until {within.told(done)} (nine of ten runs), the window ends at "
        f"{within.told(within.closes)}"
    )
    if within.length is not None and needed > within.length:
        said += f", and no window of {span(within.length.total_seconds())} is enough: make it longer"
    return said


def foretell(plan: Plan, within: Occurrence) -> str:
    """What a run of the whole plan would get done in the window if it began now, as a sentence."""
    done: tuple[Turn, ...] = ()
    while (ahead := next_wave(plan, [turn.host for turn in done])).turns:
        if (reason := too_late(ahead, within)) is not None:
            return f"{len(done)} of {len(plan.turns)} hosts would be done in the window: {reason}."
        done += ahead.turns
    return f"All {len(done)} hosts would be done in the window, which ends at {within.told(within.closes)}."
