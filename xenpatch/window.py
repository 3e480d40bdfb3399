"""Maintenance windows: when a run may work, by our clock.

A schedule says when a run begins, a window until when it may go on. It is a property of one start, and in no
run record. Where clocks are changed, a local time that a day has twice is the first of them; one that a day
lacks is read by the time that follows, an hour earlier, as Prefect's schedules do.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Final
from zoneinfo import ZoneInfo

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, field_validator, model_validator

from xenpatch.errors import InputError, Refused

LocalTime = Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]
"""HH:MM. A string, because YAML reads 22:00 without quotes as the number 1320."""

_CLOCKS_DIFFER: Final = timedelta(minutes=1)  # Prefect's server starts a scheduled run by its own clock


def now() -> datetime:
    """What our clock says, in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Occurrence:
    """A window as it comes once, in the zone in which it is told.

    ``opens`` is None where only its end is known.
    """

    opens: datetime | None
    closes: datetime

    @property
    def length(self) -> timedelta | None:
        """How long it is, if that is known; not by the clocks of its zone, which may be changed in it."""
        return self.closes.astimezone(UTC) - self.opens.astimezone(UTC) if self.opens else None

    def holds(self, moment: datetime) -> bool:
        """Whether it is open then."""
        instant = moment.astimezone(UTC)
        return (self.opens is None or self.opens <= instant) and instant < self.closes

    def told(self, moment: datetime) -> str:
        """A moment as people there read it: "04:12 EET", with the date where it is not the window's end's."""
        there = moment.astimezone(self.closes.tzinfo)
        form = "%H:%M %Z" if there.date() == self.closes.date() else "%Y-%m-%d %H:%M %Z"
        return there.strftime(form)


class Window(BaseModel):
    """When a run may work: opens, closes and zone together, for schedules; or until, for one run."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    opens: LocalTime | None = Field(
        default=None,
        description="Time of day, HH:MM, from which on a run may work. Which day is told by when the run was "
        "scheduled, so that a run whose day has passed starts nothing.",
    )
    closes: LocalTime | None = Field(
        default=None,
        description="Time of day, HH:MM, by which everything is done, VMs home included; if it is before "
        "the time at which the window opens, that of the day after.",
    )
    zone: str | None = Field(
        default=None, description="The zone of these times by its IANA name, such as Europe/Helsinki."
    )
    until: AwareDatetime | None = Field(
        default=None,
        description="Instead of these three: the moment, with its offset from UTC, by which all is done.",
    )

    @field_validator("zone")
    @classmethod
    def _known(cls, zone: str | None) -> str | None:
        try:
            return zone and ZoneInfo(zone).key
        except (KeyError, ValueError, OSError):
            raise ValueError(f"{zone!r} is not the IANA name of a time zone") from None

    @model_validator(mode="after")
    def _one_way(self) -> Window:
        local = (self.opens, self.closes, self.zone)
        if all(local) == (self.until is not None) or (any(local) and not all(local)):
            raise ValueError("a window is told by opens, closes and zone, or by until alone")
        if self.opens is not None and self.opens == self.closes:
            raise ValueError("a window that closes when it opens is none")
        return self

    def occurrence(self, scheduled: datetime) -> Occurrence | None:
        """The one for a run that was scheduled for that moment; None if it was scheduled outside of all."""
        if self.opens and self.closes and self.zone:
            near = _near(scheduled, self.opens, self.closes, ZoneInfo(self.zone))
            return next((each for each in near if each.holds(scheduled)), None)
        return Occurrence(None, self.until) if self.until else None

    def __str__(self) -> str:
        """As a sentence goes on after "the window is"."""
        if self.until is not None:
            return f"open until {self.until:%Y-%m-%d %H:%M %Z}"
        return f"open from {self.opens} to {self.closes} ({self.zone})"


def enter(window: Window, scheduled: datetime) -> Occurrence:
    """The occurrence for a run that was scheduled for that moment; raise Refused outside of it."""
    found = window.occurrence(scheduled)
    if found is None:
        there = scheduled.astimezone(ZoneInfo(window.zone or "UTC"))
        raise Refused(
            f"the window is {window}, and this run was scheduled for {there:%Y-%m-%d %H:%M %Z}. Nothing "
            "was changed. Start it in the window, or give it another one."
        )
    if now() >= found.closes:
        raise Refused(
            f"the window of this run closed at {found.closes:%Y-%m-%d %H:%M %Z}, and it is "
            f"{found.told(now())} now. Nothing was changed. The next run that starts in a window does the "
            "work; if this one was scheduled, see why it came late: its worker may have been down."
        )
    if found.opens is not None and now() < found.opens - _CLOCKS_DIFFER:
        raise Refused(
            f"the window of this run opens at {found.opens:%Y-%m-%d %H:%M %Z}, and it is {found.told(now())} "
            "now. Nothing was changed. Start it then."
        )
    return found


def ending(text: str) -> Window:
    """The window whose end a person at a terminal gives, in this machine's zone unless it says another.

    HH:MM is the next time that the clock here shows it; otherwise ISO 8601. Raises InputError.
    """
    here = now().astimezone()
    try:
        if len(text) == len("HH:MM"):
            days = (here.date(), here.date() + timedelta(days=1))
            ends = (datetime.combine(day, time.fromisoformat(text)).astimezone() for day in days)
            end = next(each for each in ends if each > here)
        else:
            end = datetime.fromisoformat(text).astimezone()
    except (ValueError, OverflowError):
        raise InputError(
            f"--window-end {text!r} is neither HH:MM nor a date and time such as 2026-12-13T04:00+02:00. "
            "Nothing was contacted."
        ) from None
    if end <= here:
        raise InputError(f"--window-end {text} has passed. Nothing was contacted.")
    return Window(until=end)


def _near(moment: datetime, opens: str, closes: str, zone: ZoneInfo) -> Iterator[Occurrence]:
    """The occurrences that open on the day of that moment, and on the day before."""
    today = moment.astimezone(zone).date()
    for day in (today, today - timedelta(days=1)):
        last = day if opens < closes else day + timedelta(days=1)
        yield Occurrence(_moment(day, opens, zone), _moment(last, closes, zone))


def _moment(day: date, clock: str, zone: ZoneInfo) -> datetime:
    """When the zone's clocks show that time on that day; the earlier where it can be read in two ways."""
    wall = datetime.combine(day, time.fromisoformat(clock))
    return min(wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1)).astimezone(zone)
