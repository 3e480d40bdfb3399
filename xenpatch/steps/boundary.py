"""Whether the hosts that come next will be done before the window closes."""

from __future__ import annotations

from datetime import timedelta

from xenpatch import window
from xenpatch.plan.model import Plan
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
