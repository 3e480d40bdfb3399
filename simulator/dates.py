"""Dates as the XenAPI writes them."""

from datetime import UTC, datetime

_FORMAT = "%Y%m%dT%H:%M:%SZ"


def iso8601(seconds: float) -> str:
    """Write seconds since the epoch as 20120101T00:00:00Z."""
    return datetime.fromtimestamp(seconds, UTC).strftime(_FORMAT)


def epoch(text: str) -> float:
    """Read such a date as seconds since the epoch; raise ValueError if it is none."""
    return datetime.strptime(text, _FORMAT).replace(tzinfo=UTC).timestamp()
