"""What naming a pool on the command line does beside finding it."""

import os
from collections.abc import Iterator

import pytest

from blocks import held
from xenpatch.access import Access


@pytest.fixture(autouse=True)
def forget(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv(held.VARIABLE, "s3cret")
    yield
    held.remember(None)


def named(*, legacy: bool) -> Access:
    return Access("https://xs1.example", None, "root", None, None, legacy=legacy)


def test_processes_that_are_started_later_do_not_inherit_the_password() -> None:
    pool = named(legacy=False).pool()

    assert held.VARIABLE not in os.environ
    assert pool.secret().get_secret_value() == "s3cret"


def test_legacy_tls_is_warned_of_once(capsys: pytest.CaptureFixture[str]) -> None:
    named(legacy=False).pool()
    assert capsys.readouterr().err == ""

    for _ in range(2):
        named(legacy=True).pool()

    assert capsys.readouterr().err.count("Warning: legacy TLS is allowed") == 1
