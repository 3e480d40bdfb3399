from __future__ import annotations

import pytest

from xenpatch.units import GIB, MIB, gib, size, span


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0"), (1, "<0.1"), (GIB // 2, "0.5"), (4 * GIB, "4"), (4 * GIB + 33 * MIB, "4"), (64 * GIB, "64")],
)
def test_bytes_in_gib(count: int, text: str) -> None:
    assert gib(count) == text


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 GiB"), (1, "1 MiB"), (20 * MIB, "20 MiB"), (3 * GIB // 2, "1.5 GiB")]
)
def test_bytes_with_their_unit(count: int, text: str) -> None:
    assert size(count) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-3, "0 s"),
        (0.4, "0 s"),
        (59.4, "59 s"),
        (59.6, "1 min 00 s"),
        (250, "4 min 10 s"),
        (3600, "1 h 00 min"),
        (7500, "2 h 05 min"),
    ],
)
def test_lengths_of_time(seconds: float, text: str) -> None:
    assert span(seconds) == text
