"""Windows told by local times or by their end: when a run is in one, also where clocks are changed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError

from xenpatch import window
from xenpatch.errors import InputError, Refused
from xenpatch.window import Occurrence, Window, ending, enter

NIGHT = Window(opens="02:00", closes="06:00", zone="Europe/Helsinki")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def it_is(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Set our clock."""
    monkeypatch.setattr(window, "now", lambda: at(text))


def hours(found: Occurrence | None) -> tuple[str, str]:
    """Its beginning and end as a wall clock shows them there."""
    assert found is not None
    assert found.opens is not None
    return found.opens.isoformat(timespec="minutes"), found.closes.isoformat(timespec="minutes")


def test_the_day_of_a_window_is_that_for_which_the_run_was_scheduled() -> None:
    assert hours(NIGHT.occurrence(at("2026-12-13T02:00+02:00"))) == (
        "2026-12-13T02:00+02:00", "2026-12-13T06:00+02:00",
    )  # fmt: skip


def test_a_window_may_go_over_midnight() -> None:
    late = Window(opens="22:00", closes="04:00", zone="Europe/Helsinki")

    for scheduled in ("2026-12-12T22:00+02:00", "2026-12-13T03:59+02:00"):
        assert hours(late.occurrence(at(scheduled))) == ("2026-12-12T22:00+02:00", "2026-12-13T04:00+02:00")
    assert late.occurrence(at("2026-12-13T04:00+02:00")) is None


@pytest.mark.parametrize(
    ("zone", "opens", "closes", "scheduled", "begins", "ends", "length"),
    [
        # Helsinki has no 03:00 to 04:00 on 28 March 2027, and 03:00 to 04:00 twice on 31 October 2027.
        ("Europe/Helsinki", "02:00", "06:00", "2027-03-28T02:00+02:00", "02:00+02:00", "06:00+03:00", 3),
        ("Europe/Helsinki", "03:30", "06:00", "2027-03-28T02:30+02:00", "02:30+02:00", "06:00+03:00", 2.5),
        ("Europe/Helsinki", "01:00", "03:30", "2027-03-28T01:00+02:00", "01:00+02:00", "02:30+02:00", 1.5),
        ("Europe/Helsinki", "02:00", "06:00", "2027-10-31T02:00+03:00", "02:00+03:00", "06:00+02:00", 5),
        ("Europe/Helsinki", "02:00", "03:30", "2027-10-31T02:00+03:00", "02:00+03:00", "03:30+03:00", 1.5),
        ("Europe/Helsinki", "03:30", "06:00", "2027-10-31T03:30+02:00", "03:30+03:00", "06:00+02:00", 3.5),
        # New York has no 02:00 to 03:00 on 14 March 2027, and 01:00 to 02:00 twice on 7 November 2027.
        ("America/New_York", "02:30", "05:00", "2027-03-14T01:30-05:00", "01:30-05:00", "05:00-04:00", 2.5),
        ("America/New_York", "00:30", "05:00", "2027-11-07T00:30-04:00", "00:30-04:00", "05:00-05:00", 5.5),
        ("America/New_York", "01:30", "05:00", "2027-11-07T01:30-05:00", "01:30-04:00", "05:00-05:00", 4.5),
    ],
)
def test_local_times_go_through_the_days_on_which_clocks_are_changed(
    zone: str, opens: str, closes: str, scheduled: str, begins: str, ends: str, length: float
) -> None:
    found = Window(opens=opens, closes=closes, zone=zone).occurrence(at(scheduled))

    day = scheduled.partition("T")[0]
    assert hours(found) == (f"{day}T{begins}", f"{day}T{ends}")
    assert found is not None
    assert found.length == timedelta(hours=length)


def test_a_second_03_30_is_after_a_window_that_closed_at_the_first() -> None:
    early = Window(opens="02:00", closes="03:30", zone="Europe/Helsinki")

    assert early.occurrence(at("2027-10-31T03:29+03:00")) is not None
    assert early.occurrence(at("2027-10-31T03:29+02:00")) is None


def test_a_run_that_starts_in_its_window_is_let_in(monkeypatch: pytest.MonkeyPatch) -> None:
    it_is("2026-12-13T05:59+02:00", monkeypatch)
    assert hours(enter(NIGHT, at("2026-12-13T02:00+02:00")))[1] == "2026-12-13T06:00+02:00"

    clocks_differ_by_a_little = "2026-12-13T01:59:30+02:00"
    it_is(clocks_differ_by_a_little, monkeypatch)
    enter(NIGHT, at("2026-12-13T02:00+02:00"))


def test_a_run_that_comes_too_late_is_refused_also_in_the_window_of_another_day(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    it_is("2026-12-14T03:00+02:00", monkeypatch)

    with pytest.raises(Refused, match="closed at 2026-12-13 06:00 EET, and it is 2026-12-14 03:00 EET now"):
        enter(NIGHT, at("2026-12-13T02:00+02:00"))


def test_a_run_that_was_scheduled_outside_of_the_window_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    it_is("2026-12-13T14:00+02:00", monkeypatch)

    with pytest.raises(Refused, match=r"02:00 to 06:00 .Europe/Helsinki., .* for 2026-12-13 14:00 EET"):
        enter(NIGHT, at("2026-12-13T14:00+02:00"))


def test_a_run_that_somebody_starts_before_its_time_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    it_is("2026-12-12T20:00+02:00", monkeypatch)

    with pytest.raises(Refused, match="opens at 2026-12-13 02:00 EET, and it is 2026-12-12 20:00 EET now"):
        enter(NIGHT, at("2026-12-13T02:00+02:00"))


def test_a_window_told_by_its_end_alone_is_open_until_then(monkeypatch: pytest.MonkeyPatch) -> None:
    once = Window(until=datetime.fromisoformat("2026-12-13T04:00+02:00"))
    it_is("2026-12-13T01:59:59+00:00", monkeypatch)
    assert enter(once, at("2026-12-12T14:00+02:00")).opens is None

    it_is("2026-12-13T02:00+00:00", monkeypatch)
    with pytest.raises(Refused, match="closed at 2026-12-13 04:00"):
        enter(once, at("2026-12-12T14:00+02:00"))


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({}, "opens, closes and zone, or by until"),
        ({"opens": "02:00", "closes": "06:00"}, "opens, closes and zone, or by until"),
        ({"opens": "02:00", "until": "2026-12-13T04:00+02:00"}, "opens, closes and zone, or by until"),
        ({"opens": "2:00", "closes": "06:00", "zone": "UTC"}, "should match pattern"),
        ({"opens": 1320, "closes": "06:00", "zone": "UTC"}, "should be a valid string"),
        ({"opens": "02:00", "closes": "24:00", "zone": "UTC"}, "should match pattern"),
        ({"opens": "02:00", "closes": "02:00", "zone": "UTC"}, "closes when it opens"),
        (
            {"opens": "02:00", "closes": "06:00", "zone": "Mars/Olympus"},
            "is not the IANA name",
        ),
        ({"opens": "02:00", "closes": "06:00", "zone": "../passwd"}, "is not the IANA name"),
        ({"until": "2026-12-13T04:00"}, "should have timezone info"),
    ],
)
def test_what_tells_no_window_is_refused_with_the_reason(given: dict[str, str], reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        Window.model_validate(given)


def test_an_end_without_a_date_is_the_next_such_time_here(monkeypatch: pytest.MonkeyPatch) -> None:
    noon = datetime(2026, 12, 12, 12).astimezone()
    it_is(noon.isoformat(), monkeypatch)

    assert ending("13:30").until == noon + timedelta(hours=1.5)
    assert ending("04:00").until == noon + timedelta(hours=16)
    assert ending("2026-12-13T04:00+02:00").until == at("2026-12-13T04:00+02:00")
    assert ending("2026-12-13 04:00").until == noon + timedelta(hours=16)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("soon", "is neither HH:MM nor a date and time"),
        ("25:00", "is neither HH:MM nor a date and time"),
        ("2026-12-12T11:59", "has passed"),
    ],
)
def test_an_end_that_is_none_is_bad_input(text: str, reason: str, monkeypatch: pytest.MonkeyPatch) -> None:
    it_is(datetime(2026, 12, 12, 12).astimezone().isoformat(), monkeypatch)

    with pytest.raises(InputError, match=reason):
        ending(text)
