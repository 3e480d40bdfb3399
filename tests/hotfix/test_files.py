"""Only an ordinary file of a bounded size is taken for a hotfix."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hotfix.kit import UPDATE, manifest
from xenpatch.errors import FileRefused, InputError
from xenpatch.hotfix.archive import Limits
from xenpatch.hotfix.files import open_file
from xenpatch.hotfix.intake import verify

NAME = "XS602E900.xsupdate"


def bare(folder: Path, content: bytes = UPDATE) -> Path:
    path = folder / NAME
    path.write_bytes(content)
    return path


def refusal(path: Path) -> str:
    before = sorted(path.parent.iterdir())
    with pytest.raises(FileRefused) as caught:
        verify(path, manifest())
    assert isinstance(caught.value, InputError)
    assert sorted(path.parent.iterdir()) == before
    return str(caught.value)


def test_a_file_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "none.zip"

    assert refusal(path) == f"The hotfix {path} does not exist. Check the path."


def test_a_path_through_a_file_is_refused(tmp_path: Path) -> None:
    path = bare(tmp_path) / "x.zip"

    with pytest.raises(FileRefused) as caught:
        verify(path)
    assert str(caught.value) == (
        f"The hotfix {path} cannot be opened: Not a directory. Give the path of an ordinary file."
    )


def test_a_path_with_a_nul_is_refused() -> None:
    with pytest.raises(FileRefused) as caught:
        verify(Path("a\0.zip"))
    assert str(caught.value) == r"The hotfix 'a\x00.zip' cannot be opened: embedded null byte."


@pytest.fixture
def _ordinary_user() -> Iterator[None]:
    """For root, which may read everything, be somebody else for a while."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    yield
    if root:
        os.seteuid(0)


@pytest.fixture
def unreadable(tmp_path: Path) -> Path:
    path = bare(tmp_path)
    path.chmod(0)
    return path


@pytest.mark.usefixtures("unreadable", "_ordinary_user")
def test_an_unreadable_file_is_refused(unreadable: Path) -> None:
    with pytest.raises(FileRefused) as caught:
        verify(unreadable)
    assert str(caught.value) == (
        f"The hotfix {unreadable} may not be read by this user. Check its permissions."
    )


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    path = bare(tmp_path, b"")

    expected = f"The hotfix {path} is empty (0 bytes). Give the path of an ordinary file."
    assert refusal(path) == expected


@pytest.mark.parametrize("name", ["folder", "folder.zip"])
def test_a_directory_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.mkdir()

    expected = f"The hotfix {path} is a directory. Give the path of an ordinary file."
    assert refusal(path) == expected


@pytest.mark.timeout(5)
def test_a_named_pipe_is_refused_without_waiting_for_a_writer(tmp_path: Path) -> None:
    path = tmp_path / "pipe.zip"
    os.mkfifo(path)

    expected = f"The hotfix {path} is a named pipe. Give the path of an ordinary file."
    assert refusal(path) == expected


def test_a_device_is_refused() -> None:
    with pytest.raises(FileRefused, match="The hotfix /dev/zero is a device"):
        verify(Path("/dev/zero"))


def test_a_socket_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("hotfix.zip")

        with pytest.raises(FileRefused, match=r"^The hotfix hotfix.zip is a socket\. Give"):
            verify(Path("hotfix.zip"))


def test_a_file_whose_disk_fails_is_refused(tmp_path: Path) -> None:
    path = bare(tmp_path)
    with open_file(path, "hotfix") as file, (tmp_path / "other").open("wb") as write_only:
        os.dup2(write_only.fileno(), file.fileno())  # from now on every read fails

        with pytest.raises(FileRefused) as caught:
            file.read(1)
    assert str(caught.value) == (
        f"The hotfix {path} cannot be read: Bad file descriptor. Check the disk or share that it is on."
    )


@pytest.mark.parametrize("name", ["XS602E900.iso", "XS602E900", "XS602E900.zip.part"])
def test_a_file_that_is_neither_zip_nor_update_is_refused(tmp_path: Path, name: str) -> None:
    path = bare(tmp_path).rename(tmp_path / name)

    assert refusal(path) == (
        f"The file {path} is neither a .zip nor a .xsupdate. "
        "Give the hotfix under the name that its vendor gave it."
    )


def test_a_file_past_the_limit_is_refused_unread(tmp_path: Path) -> None:
    path = bare(tmp_path, b"x")
    os.truncate(path, 2**40)  # sparse

    with pytest.raises(FileRefused) as caught:
        verify(path, manifest())
    assert str(caught.value) == (
        f"The hotfix {path} has {2**40} bytes, and the limit is {4 * 2**30}. Check that it is the right file."
    )


def test_a_bare_update_has_the_limit_of_an_entry(tmp_path: Path) -> None:
    path = bare(tmp_path)

    with pytest.raises(FileRefused, match=r"bytes, and the limit is 100\. Check"):
        verify(path, manifest(), limits=Limits(entry_size=100))
