"""Moments as the XenAPI tells them: as a date in UTC, or in seconds since 1970."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

_YEAR_10000: Final = 253402300800.0


def epoch(text: str | None) -> float:
    """Epoch seconds as xapi writes them, with a trailing dot: "1330000000."; 0 where there are none."""
    try:
        seconds = float(text or 0)
    except ValueError:
        return 0.0
    return seconds if 0 <= seconds < _YEAR_10000 else 0.0  # NaN is not, either


def moment(value: object) -> datetime:
    """The moment of an XML-RPC dateTime, which xapi gives in UTC. Raises ValueError."""
    return datetime.strptime(str(value), "%Y%m%dT%H:%M:%SZ").replace(tzinfo=UTC)
