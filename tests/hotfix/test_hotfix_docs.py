"""What docs/hotfix-files.md shows is true."""

from pathlib import Path

import pytest

from xenpatch.hotfix.archive import DEFAULT_LIMITS
from xenpatch.hotfix.manifest import (
    Component,
    Files,
    HotfixId,
    Manifest,
    Package,
    PublishedFile,
    load_manifest,
)


@pytest.fixture(scope="module")
def page() -> str:
    return (Path(__file__).parents[2] / "docs" / "hotfix-files.md").read_text(encoding="utf-8")


def example(page: str) -> str:
    return page.partition("```yaml\n")[2].partition("```")[0]


def test_the_manifest_on_the_page_can_be_used(page: str, tmp_path: Path) -> None:
    path = tmp_path / "example.yaml"
    path.write_text(example(page), encoding="utf-8")

    manifest = load_manifest(path)

    assert [package.known for package in manifest.packages] == [True, False]


@pytest.mark.parametrize("model", [Manifest, Files, PublishedFile, HotfixId, Component, Package])
def test_every_key_is_on_the_page(page: str, model: type[Manifest]) -> None:
    assert [key for key in model.model_fields if f"{key}:" not in example(page)] == []


def test_the_limits_on_the_page_are_the_real_ones(page: str) -> None:
    gib = 1024**3
    limits = (
        f"({DEFAULT_LIMITS.entries} entries, {DEFAULT_LIMITS.entry_size // gib} GiB each, "
        f"{DEFAULT_LIMITS.total_size // gib} GiB in all)"
    )

    assert limits in page
