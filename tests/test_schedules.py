"""When Prefect starts runs by schedule: in their windows, also on the days on which clocks are changed."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from prefect.server.schemas.schedules import CronSchedule, RRuleSchedule

from xenpatch.window import Window

FILE = Path(__file__).parents[1] / "deployments" / "prefect.yaml"
EXAMPLES: dict[str, dict[str, Any]] = {
    schedule["slug"]: schedule
    for deployment in yaml.safe_load(FILE.read_text())["deployments"]
    for schedule in deployment.get("schedules", [])
}


def starts(schedule: dict[str, Any], since: str, number: int) -> list[datetime]:
    """The next starts as Prefect's scheduler computes them."""
    kind = CronSchedule if "cron" in schedule else RRuleSchedule
    made = kind(**{key: schedule[key] for key in ("cron", "rrule", "timezone") if key in schedule})
    dates = asyncio.run(made.get_dates(number, datetime.fromisoformat(since)))
    return [datetime.fromtimestamp(date.timestamp(), UTC) for date in dates]


def in_utc(*moments: str) -> list[datetime]:
    return [datetime.fromisoformat(f"{moment}:00+00:00") for moment in moments]


@pytest.mark.parametrize(
    ("slug", "expected"),
    [
        ("second-sunday", in_utc("2027-01-10T00:00", "2027-02-14T00:00", "2027-03-14T00:00")),
        ("saturday-nights", in_utc("2027-01-03T03:00", "2027-01-10T03:00", "2027-01-17T03:00")),
        ("once", in_utc("2027-01-19T23:30")),
    ],
)
def test_the_examples_are_switched_off_and_start_when_their_windows_open(
    slug: str, expected: list[datetime]
) -> None:
    example = EXAMPLES[slug]
    window = Window.model_validate(example["parameters"]["window"])

    assert example["active"] is False
    assert starts(example, "2027-01-01T00:00:00+00:00", 3) == expected
    for start in expected:
        found = window.occurrence(start)
        assert found is not None
        assert found.opens in (start, None)
        assert 0 < (found.closes - start).total_seconds() <= 6 * 3600


def test_there_are_no_other_examples() -> None:
    assert sorted(EXAMPLES) == ["once", "saturday-nights", "second-sunday"]


@pytest.mark.parametrize(
    ("zone", "since"),
    [
        ("Europe/Helsinki", "2027-03-22T12:00:00+00:00"),
        ("Europe/Helsinki", "2027-10-25T12:00:00+00:00"),
        ("America/New_York", "2027-03-08T12:00:00+00:00"),
        ("America/New_York", "2027-11-01T12:00:00+00:00"),
    ],
)
@pytest.mark.parametrize("opens", ["00:30", "01:00", "01:30", "02:00", "02:30", "03:00", "03:30", "04:00"])
@pytest.mark.parametrize("kind", ["cron", "rrule"])
def test_a_weekly_start_is_in_its_window_also_on_the_day_on_which_clocks_are_changed(
    kind: str, opens: str, zone: str, since: str
) -> None:
    hour, minute = opens.split(":")
    rule = f"DTSTART:20270103T{hour}{minute}00\nFREQ=WEEKLY;BYDAY=SU"
    rules = {"cron": f"{int(minute)} {int(hour)} * * 0", "rrule": rule}
    window = Window(opens=opens, closes="06:00", zone=zone)

    for start in starts({kind: rules[kind], "timezone": zone}, since, 2):
        found = window.occurrence(start)
        assert found is not None, f"{start} is in no window"
        assert found.opens is not None
        assert start == found.opens.astimezone(UTC)
