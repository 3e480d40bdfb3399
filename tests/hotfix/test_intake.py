"""A hotfix is taken in with its manifest, and only if every sum is the published one."""

import os
import pickle
from collections.abc import Callable
from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest

from tests.hotfix.kit import SOURCE, UPDATE, UUID, facts, hotfix_zip, manifest, write_yaml, write_zip
from xenpatch.errors import ChecksumMismatch, HotfixError, InputError, ManifestError
from xenpatch.hotfix.checksums import FileRole
from xenpatch.hotfix.intake import verify
from xenpatch.hotfix.manifest import Manifest

NAME = "XS602E900.xsupdate"
SOURCE_NAME = "XS602E900-src-pkgs.tar.bz2"


def bare(folder: Path, content: bytes = UPDATE) -> Path:
    path = folder / NAME
    path.write_bytes(content)
    return path


def refusal(path: Path, kind: type[HotfixError], given: Manifest | None = None) -> str:
    before = sorted(path.parent.iterdir())
    with pytest.raises(kind) as caught:
        verify(path, given)
    assert isinstance(caught.value, InputError)
    assert sorted(path.parent.iterdir()) == before
    return str(caught.value)


def test_a_zip_is_verified_with_all_that_it_holds(tmp_path: Path) -> None:
    path = hotfix_zip(tmp_path)
    given = manifest(archive=path)

    hotfix = verify(path, given)

    assert hotfix.manifest == given
    assert hotfix.manifest.uuid == UUID.lower()
    assert hotfix.path == path
    assert hotfix.update_size == len(UPDATE)
    assert [(check.name, check.role, check.actual.size, check.ok) for check in hotfix.files] == [
        ("XS602E900.zip", FileRole.ARCHIVE, path.stat().st_size, True),
        (NAME, FileRole.UPDATE, len(UPDATE), True),
        (SOURCE_NAME, FileRole.SOURCE, len(SOURCE), True),
    ]
    for check in hotfix.files:
        assert check.expected
        assert (check.actual.md5, check.actual.sha256) == (check.expected.md5, check.expected.sha256)


def test_a_bare_update_is_verified(tmp_path: Path) -> None:
    hotfix = verify(bare(tmp_path), manifest())

    assert [(check.name, check.role, check.ok) for check in hotfix.files] == [(NAME, FileRole.UPDATE, True)]
    assert hotfix.update_size == len(UPDATE)


def test_a_verified_hotfix_cannot_be_changed(tmp_path: Path) -> None:
    hotfix = verify(bare(tmp_path), manifest())

    with pytest.raises(FrozenInstanceError):
        hotfix.path = tmp_path  # type: ignore[misc]


def test_the_source_package_is_not_needed(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "XS602E900.zip", (NAME, UPDATE))

    assert [check.role for check in verify(path, manifest()).files] == [FileRole.ARCHIVE, FileRole.UPDATE]


def test_files_that_the_manifest_does_not_mention_are_only_measured(tmp_path: Path) -> None:
    path = write_zip(
        tmp_path / "XS602E900.zip", ("sub/", b""), ("sub/readme", b"hi"), (f"sub/{NAME}", UPDATE)
    )

    other = verify(path, manifest()).files[1]

    assert (other.name, other.role, other.expected, other.ok) == ("sub/readme", FileRole.OTHER, None, True)


def test_names_are_matched_in_any_case(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "xs602e900.ZIP", (NAME.upper(), UPDATE), (SOURCE_NAME.upper(), SOURCE))

    roles = [check.role for check in verify(path, manifest()).files]

    assert roles == [FileRole.ARCHIVE, FileRole.UPDATE, FileRole.SOURCE]


def test_a_renamed_file_is_known_by_its_md5(tmp_path: Path) -> None:
    given = manifest(archive=hotfix_zip(tmp_path))
    renamed = (tmp_path / "XS602E900.zip").rename(tmp_path / "download (1).zip")

    assert verify(renamed, given).manifest == given


def test_a_wrong_md5_is_told_with_file_sums_and_size(tmp_path: Path) -> None:
    other = bytes(len(UPDATE))
    given = manifest()
    given_md5 = given.files.update.md5

    message = refusal(bare(tmp_path, other), ChecksumMismatch, given)

    lines = message.splitlines()
    assert lines[0] == f"The hotfix {tmp_path / NAME} is not what was published as XS602E900:"
    assert lines[1].startswith(f"  {NAME} ({len(UPDATE)} bytes): md5 is ")
    assert lines[1].endswith(f", published was {given_md5}")
    assert lines[2].startswith(f"  {NAME} ({len(UPDATE)} bytes): sha256 is ")
    assert lines[3] == "No pool was contacted. Download XS602E900 again."


def test_a_mismatch_carries_every_file_that_was_compared(tmp_path: Path) -> None:
    path = hotfix_zip(tmp_path, source=b"other")

    with pytest.raises(ChecksumMismatch) as caught:
        verify(path, manifest())

    assert [(check.role, check.ok) for check in caught.value.files] == [
        (FileRole.ARCHIVE, True),
        (FileRole.UPDATE, True),
        (FileRole.SOURCE, False),
    ]
    assert SOURCE_NAME in str(caught.value)
    assert pickle.loads(pickle.dumps(caught.value)).files == caught.value.files


def test_an_update_that_was_cut_short_is_told_with_both_sizes(tmp_path: Path) -> None:
    message = refusal(bare(tmp_path, UPDATE[:-1]), ChecksumMismatch, manifest())

    size = len(UPDATE)
    assert f"{NAME} ({size - 1} bytes): size is {size - 1}, published was {size}" in message


def test_a_sha256_is_required_where_one_is_given(tmp_path: Path) -> None:
    data = facts()
    data["files"] = {"update": {**data["files"]["update"], "sha256": "0" * 64}}  # type: ignore[index]

    message = refusal(bare(tmp_path), ChecksumMismatch, Manifest.model_validate(data))

    assert f"published was {'0' * 64}" in message
    assert "md5 is" not in message


def test_an_md5_is_enough_where_no_sha256_is_given(tmp_path: Path) -> None:
    data = facts()
    published = data["files"]["update"]  # type: ignore[index]
    data["files"] = {"update": {"name": published["name"], "md5": published["md5"].upper()}}

    assert verify(bare(tmp_path), Manifest.model_validate(data)).files[0].ok


def test_a_wrong_zip_around_the_right_update_is_refused_with_a_way_out(tmp_path: Path) -> None:
    given = manifest(archive=hotfix_zip(tmp_path))
    path = write_zip(tmp_path / "XS602E900.zip", (NAME, UPDATE))

    message = refusal(path, ChecksumMismatch, given)

    assert f"  XS602E900.zip ({path.stat().st_size} bytes): md5 is " in message
    assert message.endswith("the update in it is as published and can be given by itself, unpacked.")


def test_a_wrong_update_in_the_zip_is_refused(tmp_path: Path) -> None:
    message = refusal(hotfix_zip(tmp_path, update=b"evil"), ChecksumMismatch, manifest())

    assert f"  {NAME} (4 bytes): md5 is " in message
    assert "by itself" not in message


@pytest.mark.parametrize("name", ["XS602E008.zip", "xs602e008.xsupdate"])
def test_a_known_hotfix_needs_no_manifest(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name.endswith("zip"):
        write_zip(path, ("anything.xsupdate", b"evil"))
    else:
        path.write_bytes(b"evil")

    message = refusal(path, ChecksumMismatch)

    assert f"The hotfix {path} is not what was published as XS602E008:" in message
    assert (
        "(4 bytes): md5 is 4034a346ccee15292d823416f7510a2f, published was 1215881520ba7c6b059ecc" in message
    )
    assert message.endswith("No pool was contacted. Download XS602E008 again (article CTX134753).")


def test_a_known_hotfix_is_recognised_by_the_update_in_the_zip(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "renamed.zip", ("x/XS602E008.xsupdate", b"evil"))

    assert "is not what was published as XS602E008:" in refusal(path, ChecksumMismatch)


@pytest.mark.parametrize("build", [hotfix_zip, bare])
def test_a_manifest_beside_the_file_is_taken(tmp_path: Path, build: Callable[[Path], Path]) -> None:
    path = build(tmp_path)
    write_yaml(path.with_suffix(".yaml"), facts())

    assert verify(path).manifest == manifest()


def test_a_manifest_beside_the_file_does_not_stand_in_for_a_known_one(tmp_path: Path) -> None:
    path = tmp_path / "XS602E008.xsupdate"
    path.write_bytes(UPDATE)
    write_yaml(path.with_suffix(".yaml"), facts())

    assert "is not what was published as XS602E008:" in refusal(path, ChecksumMismatch)


def test_a_bad_manifest_beside_the_file_is_refused(tmp_path: Path) -> None:
    path = bare(tmp_path)
    beside = write_yaml(path.with_suffix(".yaml"), {**facts(), "extra": 1})

    message = refusal(path, ManifestError)

    assert message.startswith(f"The manifest {beside} cannot be used:\n  line 1: extra is not a key")


def test_without_a_manifest_the_way_to_give_one_is_told(tmp_path: Path) -> None:
    path = hotfix_zip(tmp_path)

    lines = refusal(path, ManifestError).splitlines()

    assert lines[0] == (
        f"There is no manifest for the hotfix {path}, so nothing says what its checksums should be."
    )
    assert lines[1].startswith(f"  XS602E900.zip: {path.stat().st_size} bytes, md5 ")
    assert lines[2] == f"  {NAME}: {len(UPDATE)} bytes, md5 {manifest().files.update.md5}"
    assert lines[3] == (
        "Known hotfixes: XS602E008. For another, write a manifest from what its vendor published "
        f"(docs/hotfix-files.md) and give it with --manifest, or as {path.with_suffix('.yaml')}."
    )


def test_a_manifest_of_another_hotfix_is_refused(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "XS602E901.zip", ("XS602E901.xsupdate", b"other"))

    message = refusal(path, ManifestError, manifest())

    assert message.startswith(
        f"The manifest is of XS602E900 ({NAME}), and {path} is another file: neither its name nor its md5"
    )
    assert message.endswith("Give the manifest of this hotfix.")


def test_progress_goes_up_to_the_end(tmp_path: Path) -> None:
    update = os.urandom(3 * 1024 * 1024)
    path = hotfix_zip(tmp_path, update)
    seen: list[tuple[int, int]] = []

    verify(path, manifest(update), on_progress=lambda done, total: seen.append((done, total)))

    total = path.stat().st_size + len(update) + len(SOURCE)
    assert {all_of_it for _, all_of_it in seen} == {total}
    assert [done for done, _ in seen] == sorted({done for done, _ in seen})
    assert seen[-1] == (total, total)
    assert len(seen) >= 6


def test_an_error_of_who_listens_is_not_taken_for_damage(tmp_path: Path) -> None:
    def broken(_done: int, _total: int) -> None:
        raise ValueError("the listener's own")

    with pytest.raises(ValueError, match="the listener's own"):
        verify(hotfix_zip(tmp_path), manifest(), on_progress=broken)
