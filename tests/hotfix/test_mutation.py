"""Whatever is done to a zip, it is refused in our own words or holds the published update."""

import struct
import zipfile
from pathlib import Path
from typing import Final

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.hotfix.kit import manifest
from xenpatch.errors import ArchiveRefused, HotfixError
from xenpatch.hotfix.archive import Limits, leaves_folder
from xenpatch.hotfix.intake import verify

UPDATE: Final = b"update" * 500
MANIFEST: Final = manifest(UPDATE, source=None)
LIMITS: Final = Limits(entries=10, entry_size=100_000, total_size=200_000)

Edit = tuple[int, bytes]


@pytest.fixture(scope="module", params=[zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def whole(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("whole") / "XS602E900.zip"
    with zipfile.ZipFile(path, "w", request.param) as archive:
        archive.writestr("XS602E900.xsupdate", UPDATE)
        archive.writestr("readme", b"more" * 20)
    return path.read_bytes()


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("mutated") / "XS602E900.zip"


def accepted_only_if_published(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    try:
        hotfix = verify(path, MANIFEST, limits=LIMITS)
    except HotfixError:
        return
    with hotfix.open_update() as stream:
        assert stream.read() == UPDATE


numbers = st.sampled_from([0, 1, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF])
values = st.one_of(
    st.binary(min_size=1, max_size=8),
    numbers.map(lambda number: struct.pack("<L", number)),
    numbers.map(lambda number: struct.pack("<Q", number << 32 | number)),
)
# Most structure is at the end (directory) and at the start (first header).
places = st.one_of(st.integers(-250, -1), st.integers(0, 60), st.integers(0, 3500))
quick = settings(
    max_examples=400,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@quick
@given(edits=st.lists(st.tuples(places, values), min_size=1, max_size=4))
@example(edits=[(-12, struct.pack("<L", 0xFFFFFFFF))])
@example(edits=[(-6, struct.pack("<L", 0xFFFFFFFF))])
def test_overwritten_bytes_never_get_a_wrong_update_through(
    whole: bytes, path: Path, edits: list[Edit]
) -> None:
    content = bytearray(whole)
    for place, value in edits:
        start = place % len(content)
        content[start : start + len(value)] = value[: len(content) - start]

    accepted_only_if_published(path, bytes(content))


@quick
@given(start=st.integers(0, 3500), length=st.integers(1, 3500), insert=st.binary(max_size=40))
def test_removed_and_inserted_bytes_never_get_a_wrong_update_through(
    whole: bytes, path: Path, start: int, length: int, insert: bytes
) -> None:
    content = whole[:start] + insert + whole[start + length :]

    accepted_only_if_published(path, content or b"x")


def test_a_zip_cut_at_any_place_is_refused(whole: bytes, path: Path) -> None:
    for length in range(1, len(whole), 7):
        path.write_bytes(whole[:length])

        with pytest.raises(ArchiveRefused):
            verify(path, MANIFEST, limits=LIMITS)


@given(parts=st.lists(st.sampled_from(["..", ".", "a", "", "C:", "\\", "b.c"]), max_size=6))
def test_a_path_that_is_taken_stays_below_its_folder(parts: list[str]) -> None:
    name = "/".join(parts)
    folder = Path("/folder")

    resolved = Path(*folder.parts, name)
    depth = 0
    for part in resolved.parts[2:]:
        depth += {"..": -1, ".": 0}.get(part, 1)
        if depth < 0:
            assert leaves_folder(name)
    assert leaves_folder(name) or resolved.is_relative_to(folder)
