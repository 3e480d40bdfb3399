"""Sizes and times as people read them."""

from __future__ import annotations

from typing import Final

GIB: Final = 1 << 30
MIB: Final = 1 << 20


def gib(size: int) -> str:
    """Bytes in GiB with at most one decimal, without the unit: "4", "0.5"; only nothing reads as 0."""
    return "<0.1" if 0 < size < GIB // 10 else f"{size / GIB:.1f}".removesuffix(".0")


def size(count: int) -> str:
    """Bytes with their unit: "1.5 GiB", below one GiB in whole MiB, rounded up."""
    return f"{gib(count)} GiB" if count == 0 or count >= GIB else f"{-(-count // MIB)} MiB"


def span(seconds: float) -> str:
    """A length of time, short: "42 s", "4 min 10 s", "2 h 05 min"."""
    whole = max(round(seconds), 0)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest:02} s"
    return f"{minutes // 60} h {minutes % 60:02} min"
