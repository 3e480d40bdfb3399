"""A zip that is damaged, hostile or no hotfix is refused, each with its own words."""

import os
import stat
import struct
import time
import zipfile
import zlib
from pathlib import Path

import pytest

from tests.hotfix.kit import SOURCE, UPDATE, hotfix_zip, manifest, patch_headers, write_zip
from xenpatch.errors import ArchiveRefused, InputError
from xenpatch.hotfix.archive import Limits
from xenpatch.hotfix.intake import verify

NAME = "XS602E900.xsupdate"


def refusal(path: Path, limits: Limits | None = None) -> str:
    """Why the zip is refused: the first line without the file's name."""
    before = sorted(path.parent.iterdir())
    with pytest.raises(ArchiveRefused) as caught:
        verify(path, manifest(), limits=limits or Limits())
    assert isinstance(caught.value, InputError)
    assert sorted(path.parent.iterdir()) == before
    first, *_, last = str(caught.value).splitlines()
    assert last == "No pool was contacted. Download the hotfix again."
    return first.removeprefix(f"The hotfix {path} ")


def special(name: str, kind: int) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.create_system = 3
    info.external_attr = (kind | 0o777) << 16
    return info


def test_a_zip_without_an_update_is_refused(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", ("readme.txt", b"x"), ("b/src.tar.bz2", b"x"))

    assert refusal(path) == "is refused: it holds no .xsupdate file, only 'readme.txt', 'b/src.tar.bz2'."


def test_an_empty_zip_is_refused(tmp_path: Path) -> None:
    assert refusal(write_zip(tmp_path / "a.zip")) == "is refused: it holds no .xsupdate file, only nothing."


def test_a_folder_named_like_an_update_is_none(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", ("a.xsupdate/", b""), ("a.xsupdate/b", b"x"))

    assert refusal(path) == "is refused: it holds no .xsupdate file, only 'a.xsupdate/b'."


def test_a_zip_with_two_updates_is_refused_wherever_they_are(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", (NAME, UPDATE), ("deep/er/OTHER.XSUPDATE", b"x"))

    assert refusal(path) == (
        "is refused: it holds 2 update files ('XS602E900.xsupdate', 'deep/er/OTHER.XSUPDATE'), "
        "and a hotfix is one."
    )


def test_a_zip_with_an_empty_update_is_refused(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", (NAME, b""))

    assert refusal(path) == f"is refused: its update '{NAME}' is empty (0 bytes)."


@pytest.mark.parametrize(
    "name",
    [
        "/etc/cron.d/x",
        "../x",
        "a/../../x",
        "a/..",
        "..",
        "..\\x",
        "a\\b",
        "\\\\server\\share",
        "C:x",
        "c:/windows/x",
        "/",
    ],
)
def test_an_entry_that_leads_out_of_its_folder_is_refused(tmp_path: Path, name: str) -> None:
    path = write_zip(tmp_path / "a.zip", (NAME, UPDATE), (name, b"x"))

    assert refusal(path) == f"is refused: the entry {name!r} has a path that leads out of its folder."


def test_an_update_that_leads_out_of_its_folder_is_refused(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", (f"../{NAME}", UPDATE))

    assert refusal(path) == f"is refused: the entry '../{NAME}' has a path that leads out of its folder."


@pytest.mark.parametrize("name", ["...", "a/b/c", "a..b", "ab:c", "./x", "ümlaut"])
def test_an_entry_with_an_odd_but_harmless_name_is_taken(tmp_path: Path, name: str) -> None:
    path = write_zip(tmp_path / "XS602E900.zip", (NAME, UPDATE), (name, b"x"))

    assert verify(path, manifest()).files[2].name == name


@pytest.mark.parametrize("name", ["a\x1b[2Jb", "a\nb"])
def test_an_entry_with_a_control_character_is_refused_and_not_shown_raw(tmp_path: Path, name: str) -> None:
    path = write_zip(tmp_path / "a.zip", (NAME, UPDATE), (name, b"x"))

    assert refusal(path) == f"is refused: the entry {name!r} has a control character in its name."


def test_an_entry_whose_name_holds_a_nul_is_refused(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", ("aXb.xsupdate", UPDATE))
    path.write_bytes(path.read_bytes().replace(b"aXb.", b"a\x00b."))

    assert refusal(path) == "is refused: the entry 'a\\x00b.xsupdate' has a control character in its name."


def test_a_symbolic_link_is_refused(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", (NAME, UPDATE), (special("link", stat.S_IFLNK), b"/etc/passwd"))

    assert refusal(path) == "is refused: the entry 'link' is a symbolic link."


def test_an_update_that_is_a_symbolic_link_is_refused(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", (special(NAME, stat.S_IFLNK), b"/etc/passwd"))

    assert refusal(path) == f"is refused: the entry '{NAME}' is a symbolic link."


@pytest.mark.parametrize("kind", [stat.S_IFIFO, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFSOCK])
def test_a_special_file_in_the_zip_is_refused(tmp_path: Path, kind: int) -> None:
    path = write_zip(tmp_path / "a.zip", (NAME, UPDATE), (special("odd", kind), b""))

    assert refusal(path) == "is refused: the entry 'odd' is a special file."


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("name", [NAME, f"./{NAME}", NAME.lower()])
def test_an_entry_that_is_there_twice_is_refused(tmp_path: Path, name: str) -> None:
    path = write_zip(tmp_path / "a.zip", (NAME, UPDATE), (name, UPDATE))

    assert refusal(path) == f"is refused: the entry '{NAME.lower()}' is in it more than once."


@pytest.mark.parametrize("flag", [0x1, 0x40, 0x2000])
def test_an_encrypted_entry_is_refused(tmp_path: Path, flag: int) -> None:
    path = hotfix_zip(tmp_path)
    patch_headers(path, NAME, flags=flag)

    assert refusal(path) == f"is refused: the entry '{NAME}' is encrypted, which no published hotfix is."


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_compression_that_inflates_without_a_bound_is_refused(tmp_path: Path, method: int) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr(NAME, UPDATE)

    assert (
        refusal(path)
        == f"is refused: the entry '{NAME}' is compressed by method {method}; only deflate is read."
    )


def test_an_entry_that_holds_more_than_it_declares_is_refused(tmp_path: Path) -> None:
    path = hotfix_zip(tmp_path)
    patch_headers(path, NAME, size=1000, crc=zlib.crc32(UPDATE[:1000]))

    assert refusal(path) == f"is refused: the entry '{NAME}' holds more than the 1000 bytes that it declares."


def test_a_stored_entry_that_holds_more_than_it_declares_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(NAME, UPDATE)
    patch_headers(path, NAME, size=1000, crc=zlib.crc32(UPDATE[:1000]))

    assert refusal(path) == f"is refused: the entry '{NAME}' holds more than the 1000 bytes that it declares."


def test_an_entry_that_holds_less_than_it_declares_is_refused(tmp_path: Path) -> None:
    path = hotfix_zip(tmp_path)
    patch_headers(path, NAME, size=len(UPDATE) + 5)

    size = len(UPDATE)
    assert refusal(path) == f"is damaged: the entry '{NAME}' ends after {size} of {size + 5} bytes."


def test_a_bomb_that_declares_little_is_stopped_after_what_it_declares(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open(NAME, "w") as entry:
        for _ in range(300):
            entry.write(bytes(1024 * 1024))
    patch_headers(path, NAME, size=10)
    started = time.process_time()

    assert "holds more than the 10 bytes that it declares" in refusal(path)
    assert time.process_time() - started < 0.5


def test_an_entry_that_declares_more_than_the_limit_is_refused_unread(tmp_path: Path) -> None:
    path = hotfix_zip(tmp_path)
    patch_headers(path, NAME, size=4_000_000_000)

    assert refusal(path, Limits(entry_size=1_000_000)) == (
        f"is refused: the entry '{NAME}' declares 4000000000 bytes, and the limit is 1000000."
    )


def test_entries_that_together_declare_more_than_the_limit_are_refused(tmp_path: Path) -> None:
    path = hotfix_zip(tmp_path)
    total = len(UPDATE) + len(SOURCE)

    assert refusal(path, Limits(total_size=total - 1)) == (
        f"is refused: unpacked it would be {total} bytes, and the limit is {total - 1}."
    )


def test_too_many_entries_are_refused(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", *((f"{number}", b"") for number in range(101)))

    assert refusal(path) == "is refused: it has 101 entries, and the limit is 100."


def test_a_huge_directory_is_refused_without_reading_it(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    size = 10**8
    with path.open("wb") as file:
        file.truncate(size)  # sparse
        file.seek(size)
        file.write(struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 9, 9, size, 0, 0))
    started = time.process_time()

    assert refusal(path) == "is refused: its directory is larger than 1048576 bytes."
    assert time.process_time() - started < 2


def test_a_zip_that_was_cut_short_is_refused_with_its_sums(tmp_path: Path) -> None:
    path = hotfix_zip(tmp_path)
    published = manifest(archive=path)
    whole = path.stat().st_size
    os.truncate(path, whole - 100)

    with pytest.raises(ArchiveRefused) as caught:
        verify(path, published)

    archive = published.files.archive
    assert archive
    message = str(caught.value)
    assert f"The hotfix {path} is a damaged zip, most likely cut short: File is not a zip file.\n" in message
    assert f"  XS602E900.zip ({whole - 100} bytes): size is {whole - 100}, published was {whole}\n" in message
    assert f", published was {archive.md5}\n" in message
    assert message.endswith("No pool was contacted. Download the hotfix again.")


def test_a_file_that_is_no_zip_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(UPDATE)

    assert refusal(path) == "is not a zip, whatever its name says."


def test_an_entry_whose_bytes_were_damaged_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(NAME, UPDATE)
    content = bytearray(path.read_bytes())
    content[5000] ^= 0x01
    path.write_bytes(content)

    assert refusal(path) == f"is damaged: the entry '{NAME}' cannot be read (Bad CRC-32 for file '{NAME}')."


def test_a_damaged_source_package_is_noticed_too(tmp_path: Path) -> None:
    path = hotfix_zip(tmp_path)
    patch_headers(path, "XS602E900-src-pkgs.tar.bz2", crc=1)

    assert "is damaged: the entry 'XS602E900-src-pkgs.tar.bz2' cannot be read (Bad CRC-32" in refusal(path)


def test_an_entry_that_is_not_where_the_directory_says_is_refused(tmp_path: Path) -> None:
    path = hotfix_zip(tmp_path)
    patch_headers(path, NAME, offset=10)

    assert refusal(path) == (
        f"is damaged: the entry '{NAME}' cannot be read (Bad magic number for file header)."
    )
