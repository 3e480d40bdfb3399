"""Every hotfix test proves by the way that nothing was put into the system's temporary folder."""

import tempfile
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def _nothing_left_behind(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    folder = tmp_path_factory.mktemp("system-temp")
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.setenv("TMPDIR", str(folder))
    yield
    assert not list(folder.iterdir())
