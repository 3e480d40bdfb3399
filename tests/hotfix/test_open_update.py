"""The update is streamed as it was verified, or not to its end."""

import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.hotfix.kit import hotfix_zip, manifest
from xenpatch.errors import HotfixChanged, InputError
from xenpatch.hotfix.intake import Hotfix, verify

UPDATE = bytes(range(256)) * 10_000


def bare(folder: Path, update: bytes = UPDATE) -> Path:
    path = folder / "XS602E900.xsupdate"
    path.write_bytes(update)
    return path


def stored_zip(folder: Path, update: bytes = UPDATE) -> Path:
    path = folder / "XS602E900.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("XS602E900.xsupdate", update)
    return path


Build = Callable[[Path, bytes], Path]


@pytest.fixture(params=[bare, stored_zip, hotfix_zip])
def build(request: pytest.FixtureRequest) -> Build:
    made: Build = request.param
    return made


@pytest.fixture
def hotfix(tmp_path: Path, build: Build) -> Hotfix:
    return verify(build(tmp_path, UPDATE), manifest(UPDATE))


def read_all(hotfix: Hotfix, size: int = 65536) -> bytes:
    """Read to the end, or as far as it goes before the change is noticed."""
    read = bytearray()
    with hotfix.open_update() as stream:
        try:
            while data := stream.read(size):
                read += data
        except HotfixChanged:
            assert len(read) < len(UPDATE)
            with pytest.raises(HotfixChanged):
                stream.read(1)
            raise
    return bytes(read)


@pytest.mark.parametrize("size", [1000, 65536, 1024 * 1024, -1])
def test_the_update_is_read_as_it_is(hotfix: Hotfix, size: int) -> None:
    assert read_all(hotfix, size) == UPDATE


def test_the_update_can_be_read_again(hotfix: Hotfix) -> None:
    assert read_all(hotfix) == read_all(hotfix)


def test_a_hotfix_can_be_handed_to_another_process(hotfix: Hotfix) -> None:
    assert read_all(pickle.loads(pickle.dumps(hotfix))) == UPDATE


def test_a_reader_may_stop_early(hotfix: Hotfix) -> None:
    with hotfix.open_update() as stream:
        assert stream.read(10) == UPDATE[:10]


def test_the_file_is_closed_afterwards(hotfix: Hotfix) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))

    read_all(hotfix)

    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_an_update_with_one_other_byte_is_never_read_whole(hotfix: Hotfix, build: Build) -> None:
    build(hotfix.path.parent, UPDATE[:-1] + b"x")

    with pytest.raises(HotfixChanged) as caught:
        read_all(hotfix)

    assert str(caught.value) == (
        f"The hotfix {hotfix.path} was changed or removed after it had been verified. "
        "It was not uploaded whole, so the pool does not have it from this file. "
        "Bring back the published file and run again."
    )
    assert not isinstance(caught.value, InputError)


@pytest.mark.parametrize("update", [UPDATE + b"x", UPDATE[:-1], UPDATE[: len(UPDATE) // 2], b"x"])
def test_an_update_of_another_length_is_never_read_whole(hotfix: Hotfix, build: Build, update: bytes) -> None:
    build(hotfix.path.parent, update)

    with pytest.raises(HotfixChanged):
        read_all(hotfix)


@pytest.mark.parametrize("length", [0, 1000])
def test_a_file_that_was_cut_short_is_never_read_whole(hotfix: Hotfix, length: int) -> None:
    os.truncate(hotfix.path, length)

    with pytest.raises(HotfixChanged):
        read_all(hotfix)


def test_a_file_that_was_removed_is_noticed(hotfix: Hotfix) -> None:
    hotfix.path.unlink()

    with pytest.raises(HotfixChanged):
        read_all(hotfix)


def test_a_zip_that_became_another_file_is_noticed(tmp_path: Path) -> None:
    hotfix = verify(hotfix_zip(tmp_path, UPDATE), manifest(UPDATE))
    hotfix.path.write_bytes(UPDATE)

    with pytest.raises(HotfixChanged):
        read_all(hotfix)


def test_a_change_while_it_is_read_is_noticed(tmp_path: Path) -> None:
    hotfix = verify(bare(tmp_path), manifest(UPDATE))

    with hotfix.open_update() as stream:
        start = stream.read(1000)
        with hotfix.path.open("r+b") as file:
            file.seek(2_000_000)
            file.write(b"changed")
        with pytest.raises(HotfixChanged):
            stream.read()

    assert start == UPDATE[:1000]


def test_an_update_of_exactly_one_chunk_is_read(tmp_path: Path) -> None:
    update = bytes(1024 * 1024)

    assert read_all(verify(bare(tmp_path, update), manifest(update))) == update
