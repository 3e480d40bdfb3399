"""A sample of hostile files and answers, always the same; `make fuzz` makes many others."""

from __future__ import annotations

import pytest

from tests.fuzz.campaign import CAMPAIGNS, run

EXPECTED = {
    "hotfixes": {"ArchiveRefused", "taken"},
    "manifests": {"ManifestError", "taken"},
    "dumps": {"InputError", "taken"},
    "wire": {"AnswerUnusable", "WaitTimeout", "a value"},
}


@pytest.mark.parametrize("name", CAMPAIGNS)
def test_hostile_cases_end_in_our_own_errors_or_in_right_values(name: str) -> None:
    tally = run(name, 100, seeded=20261125)

    assert EXPECTED[name] <= set(tally.outcomes)
    assert tally.grown < 200
