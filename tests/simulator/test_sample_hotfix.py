"""The sample hotfix: its files, its manifest, and what hosts read from update files."""

import hashlib
import tarfile
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from simulator.hotfix import BadUpdate, SampleHotfix, UpdateInfo, make_sample, read_update
from simulator.update import write_update
from simulator.world import KnownHotfix
from xenpatch.hotfix.manifest import load_manifest

INFO = UpdateInfo(
    "8c5c-uuid", "1.0", "A<B & C", 'says "x"', ("restartXAPI", "restartHVM"), ("6.0.0", "6.0.2")
)


def md5(path: Path) -> str:
    return hashlib.md5(path.read_bytes()).hexdigest()


@pytest.fixture
def sample(tmp_path: Path) -> SampleHotfix:
    return make_sample(
        tmp_path, "6.0.2", rolls_up=[("SAMPLE602X000", "11111111-2222-3333-4444-555555555555")]
    )


def test_the_archive_holds_the_update_and_a_real_source_archive(sample: SampleHotfix) -> None:
    with zipfile.ZipFile(sample.archive) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["SAMPLE602X001.xsupdate", "SAMPLE602X001-src-pkgs.tar.bz2"]
        assert archive.read("SAMPLE602X001.xsupdate") == sample.update.read_bytes()
        with (
            archive.open("SAMPLE602X001-src-pkgs.tar.bz2") as source,
            tarfile.open(fileobj=source) as members,
        ):
            assert len(members.getnames()) == 3


def test_the_update_is_large_enough_to_watch_its_upload(sample: SampleHotfix) -> None:
    assert sample.update.stat().st_size > 300 * 1024
    assert sample.archive.stat().st_size > 300 * 1024


def test_the_manifest_tells_the_truth_about_every_file(sample: SampleHotfix) -> None:
    manifest = load_manifest(sample.manifest)
    files = {
        path.name: (md5(path), path.stat().st_size) for path in (sample.archive, sample.update, sample.source)
    }
    told = (manifest.files.archive, manifest.files.update, manifest.files.source)
    assert {file.name: (file.md5, file.size) for file in told if file} == files
    assert all(file and file.sha256 for file in told)


def test_the_manifest_and_the_update_say_the_same(sample: SampleHotfix) -> None:
    manifest = load_manifest(sample.manifest)
    info = read_update(sample.update, [])
    assert info == sample.info
    assert (manifest.name, manifest.uuid) == (info.name_label, info.uuid)
    assert manifest.product_versions == info.product_versions == ("6.0.2",)
    assert tuple(manifest.guidance) == info.guidance == ("restartHost",)
    assert tuple((other.name, other.uuid) for other in manifest.supersedes) == info.rolls_up
    assert tuple(package.nvra for package in manifest.packages) == info.packages


def test_a_sample_is_the_same_bytes_each_time(tmp_path: Path) -> None:
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()
        make_sample(folder, "6.0.2")
    assert [md5(path) for path in sorted(folders[0].iterdir())] == [
        md5(path) for path in sorted(folders[1].iterdir())
    ]


def test_samples_of_other_versions_and_numbers_are_other_hotfixes(tmp_path: Path) -> None:
    samples = [
        make_sample(tmp_path, "6.0.2"),
        make_sample(tmp_path, "6.0.50"),
        make_sample(tmp_path, "6.0.2", number=2),
    ]
    assert [sample.info.name_label for sample in samples] == [
        "SAMPLE602X001",
        "SAMPLE6050X001",
        "SAMPLE602X002",
    ]
    assert len({sample.info.uuid for sample in samples}) == 3


def test_any_guidance_can_be_asked_for(tmp_path: Path) -> None:
    sample = make_sample(tmp_path, "6.0.2", guidance=["restartHVM", "restartXAPI"])
    assert read_update(sample.update, []).guidance == ("restartHVM", "restartXAPI")
    assert list(load_manifest(sample.manifest).guidance) == ["restartHVM", "restartXAPI"]


def test_an_update_survives_writing_and_reading(tmp_path: Path) -> None:
    path = tmp_path / "x.xsupdate"
    write_update(path, INFO, b"payload </update>\n\n")
    assert read_update(path, []) == INFO
    assert INFO.required_version == r"^(6\.0\.0|6\.0\.2)$"


def flip(content: bytes) -> bytes:
    return content[:-1000] + bytes([content[-1000] ^ 1]) + content[-999:]


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (flip, "does not match"),
        (lambda content: content[:-10], "does not match"),
        (lambda content: content + b"\n", "does not match"),
        (lambda content: content.replace(b"restartHost", b"restartHVM!"), "does not match"),
        (lambda content: content[:40], "does not match"),
        (lambda _: b"#!/bin/sh\n", "neither a sample update nor"),
        (lambda _: b"", "neither a sample update nor"),
    ],
)
def test_a_damaged_or_foreign_file_is_refused(
    sample: SampleHotfix, damage: Callable[[bytes], bytes], reason: str
) -> None:
    sample.update.write_bytes(damage(sample.update.read_bytes()))
    with pytest.raises(BadUpdate, match=reason):
        read_update(sample.update, [])


def signed(head: bytes) -> bytes:
    body = b"XENPATCH SAMPLE UPDATE 1\n" + head
    return body + b"\nsha256 %s\n" % hashlib.sha256(body).hexdigest().encode()


@pytest.mark.parametrize(
    ("head", "reason"),
    [
        (b"no head", "its head has no end"),
        (b"<update>\n<info></update>\n\n", "its head cannot be read"),
        (b"<update>\n<package/></update>\n\n", "its head cannot be read"),
        (b"<update>\n</update>\n\n", "its info lacks uuid, version"),
        (b'<!DOCTYPE update [<!ENTITY a "b">]><update>\n</update>\n\n', "document type"),
        (
            b"""<update><info uuid="u" version="1" name-label="n" name-description=""
                after-apply-guidance="none"/></update>\n\n""",
            "unknown guidance none",
        ),
    ],
)
def test_a_head_that_says_too_little_is_refused(tmp_path: Path, head: bytes, reason: str) -> None:
    path = tmp_path / "x.xsupdate"
    path.write_bytes(signed(head))
    with pytest.raises(BadUpdate, match=reason):
        read_update(path, [])


def test_a_file_with_the_md5_of_a_known_hotfix_is_taken_for_it(tmp_path: Path) -> None:
    path = tmp_path / "real.xsupdate"
    path.write_bytes(b"signed by its vendor")
    known = KnownHotfix(
        "XS602E008",
        "7c04fd30",
        md5(path).upper(),
        ("restartHost",),
        ("6.0.2",),
        (("XS602E004", "7f36"),),
        ("a-1-2.i386",),
    )
    assert read_update(path, [known]) == UpdateInfo(
        "7c04fd30",
        "1.0",
        "XS602E008",
        "",
        ("restartHost",),
        ("6.0.2",),
        (("XS602E004", "7f36"),),
        ("a-1-2.i386",),
    )
    with pytest.raises(BadUpdate):
        read_update(path, [])


def test_a_large_file_is_read_in_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "large.xsupdate"
    with path.open("wb") as stream:
        stream.truncate(64 << 20)
    tracemalloc.start()
    with pytest.raises(BadUpdate):
        read_update(path, [])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8 << 20
