"""Holds what was measured against what was published: which manifest is it, and do the sums agree."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from xenpatch.errors import ChecksumMismatch, HotfixError, ManifestError
from xenpatch.hotfix.archive import Limits
from xenpatch.hotfix.checksums import FileCheck, FileRole, measure
from xenpatch.hotfix.manifest import Manifest, PublishedFile, find_known, known_manifests, load_manifest

_SHIPPED = (FileRole.ARCHIVE, FileRole.UPDATE)


def manifest_of(path: Path, found: Sequence[FileCheck]) -> Manifest:
    """Find the manifest of a file: a known hotfix by md5 or name, or the .yaml beside the file.

    What is known goes first, so that a manifest that came along with a file cannot stand in for it.
    Raises ManifestError when there is none.
    """
    for check in _shipped(found):
        known = find_known(_base_name(check), check.actual.md5)
        if known:
            return known
    beside = path.with_suffix(".yaml")
    if beside.exists():
        return load_manifest(beside)
    names = ", ".join(manifest.name for manifest in known_manifests())
    raise ManifestError(
        f"There is no manifest for the hotfix {path}, so nothing says what its checksums should be.\n"
        f"{_measures(found)}\n"
        f"Known hotfixes: {names}. For another, write a manifest from what its vendor published "
        f"(docs/hotfix-files.md) and give it with --manifest, or as {beside}."
    )


def compare(path: Path, manifest: Manifest, found: Sequence[FileCheck]) -> tuple[FileCheck, ...]:
    """Put beside each file what was published of it; raises ManifestError and ChecksumMismatch."""
    if not any(_is_of(manifest, check) for check in _shipped(found)):
        files = ", ".join(file.name for file in _files(manifest))
        raise ManifestError(
            f"The manifest is of {manifest.name} ({files}), and {path} is another file: neither its name nor "
            f"its md5 fits.\n{_measures(found)}\nGive the manifest of this hotfix."
        )
    checks = tuple(_compared(check, manifest) for check in found)
    if not all(check.ok for check in checks):
        raise ChecksumMismatch(_mismatch(path, manifest, checks), checks)
    return checks


def compare_whole(file: BinaryIO, path: Path, manifest: Manifest | None, limits: Limits) -> str:
    """Say how a zip that cannot be read differs from the published one, and what to do about it."""
    file.seek(0)
    check = FileCheck(path.name, FileRole.ARCHIVE, measure(file, limits.total_size, lambda _count: None))
    try:
        manifest = manifest or manifest_of(path, [check])
        differences = _compared(check, manifest).differences()
    except HotfixError:
        differences = ()
    lines = [f"  {check.name} ({check.actual.size} bytes): {difference}" for difference in differences]
    return "\n".join([*(lines or [_measures([check])]), "No pool was contacted. Download the hotfix again."])


def _compared(check: FileCheck, manifest: Manifest) -> FileCheck:
    source = manifest.files.source
    if check.role is FileRole.OTHER and source and _base_name(check).lower() == source.name.lower():
        return replace(check, role=FileRole.SOURCE, expected=source)
    expected = {FileRole.ARCHIVE: manifest.files.archive, FileRole.UPDATE: manifest.files.update}
    return replace(check, expected=expected.get(check.role))


def _mismatch(path: Path, manifest: Manifest, checks: Iterable[FileCheck]) -> str:
    wrong = [check for check in checks if not check.ok]
    lines = [
        f"  {check.name} ({check.actual.size} bytes): {difference}"
        for check in wrong
        for difference in check.differences()
    ]
    from_where = f" (article {manifest.article})" if manifest.article else ""
    advice = f"No pool was contacted. Download {manifest.name} again{from_where}."
    if all(check.role is FileRole.ARCHIVE for check in wrong):
        advice += (
            " Only the zip differs: the update in it is as published and can be given by itself, unpacked."
        )
    return "\n".join([f"The hotfix {path} is not what was published as {manifest.name}:", *lines, advice])


def _shipped(found: Iterable[FileCheck]) -> Iterator[FileCheck]:
    return (check for check in found if check.role in _SHIPPED)


def _files(manifest: Manifest) -> Iterator[PublishedFile]:
    return (file for file in (manifest.files.archive, manifest.files.update) if file)


def _is_of(manifest: Manifest, check: FileCheck) -> bool:
    return any(
        check.actual.md5 == file.md5 or _base_name(check).lower() == file.name.lower()
        for file in _files(manifest)
    )


def _base_name(check: FileCheck) -> str:
    return PurePosixPath(check.name).name


def _measures(found: Iterable[FileCheck]) -> str:
    return "\n".join(
        f"  {check.name}: {check.actual.size} bytes, md5 {check.actual.md5}" for check in _shipped(found)
    )
