"""A few of the pools that `make chaos` tries, always the same."""

import pytest

from tests.faults.chaos import try_everything


@pytest.mark.timeout(900)
@pytest.mark.usefixtures("runs")
def test_nothing_is_ever_what_must_never_be() -> None:
    try_everything(examples=4)
