"""The sample hotfix: a zip as the vendor's are, made for the product version of the pool that takes it."""

import bz2
import hashlib
import io
import json
import tarfile
import uuid
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from simulator.update import BadUpdate, UpdateInfo, read_update, write_update

__all__ = ["BadUpdate", "Package", "SampleHotfix", "UpdateInfo", "make_sample", "read_update"]

_NAMESPACE: Final = uuid.UUID("5a3ff0f4-3f0b-4a3c-8c5c-6f1d6c5a2b10")
_PAYLOAD_BYTES: Final = 512 * 1024
_MADE: Final = (2012, 9, 4, 9, 0, 0)
"""Time stamp of the files in the archives; any one does, if it is always the same."""
_MADE_EPOCH: Final = 1346749200
_WORDS: Final = frozenset({"null", "true", "false", "yes", "no", "on", "off", "y", "n"})
_PLAIN: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")


class Package(NamedTuple):
    """An rpm package that the hotfix installs; ``component`` is the part of the product it belongs to."""

    component: str
    name: str
    version: str
    release: str
    arch: str

    @property
    def nvra(self) -> str:
        """The package as name-version-release.arch."""
        return f"{self.name}-{self.version}-{self.release}.{self.arch}"


PACKAGES: Final = (
    Package("openssl", "openssl", "0.9.8e", "22.el5_8.3", "i386"),
    Package("vncterm", "vncterm", "6.0.2", "251", "i686"),
    Package("qemu", "xen-device-model", "6.0.2", "33.7524", "i686"),
)
"""Packages of a 6.0.2 control domain, so that a host's `rpm -q` reads as a real one's."""


@dataclass(frozen=True)
class SampleHotfix:
    """The files of a sample hotfix. The archive holds the update and the source; all lie in one folder."""

    archive: Path
    update: Path
    source: Path
    manifest: Path
    info: UpdateInfo


def make_sample(
    folder: Path,
    product_version: str,
    *,
    number: int = 1,
    guidance: Sequence[str] = ("restartHost",),
    rolls_up: Sequence[tuple[str, str]] = (),
) -> SampleHotfix:
    """Make a sample hotfix in a folder: the same bytes each time for the same arguments.

    Its name and uuid follow from the product version and the number alone. ``rolls_up`` holds (name, uuid)
    of the hotfixes it contains.
    """
    name = f"SAMPLE{product_version.replace('.', '')}X{number:03}"
    info = UpdateInfo(
        uuid=str(uuid.uuid5(_NAMESPACE, f"{product_version}/{number}")),
        version="1.0",
        name_label=name,
        name_description="Sample hotfix that changes nothing but simulated hosts",
        guidance=tuple(guidance),
        product_versions=(product_version,),
        rolls_up=tuple(rolls_up),
        packages=tuple(package.nvra for package in PACKAGES),
    )
    update, source = folder / f"{name}.xsupdate", folder / f"{name}-src-pkgs.tar.bz2"
    archive, manifest = folder / f"{name}.zip", folder / f"{name}.yaml"
    write_update(update, info, _payload(info.uuid, _PAYLOAD_BYTES))
    source.write_bytes(_source_archive())
    _write_zip(archive, (update, source))
    manifest.write_text(_manifest(info, {"archive": archive, "update": update, "source": source}))
    return SampleHotfix(archive, update, source, manifest, info)


def _payload(seed: str, size: int) -> bytes:
    """Bytes that no archive makes smaller, so that an upload takes the time its size says."""
    return hashlib.shake_256(seed.encode()).digest(size)


def _source_archive() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for package in PACKAGES:
            text = f"Stands for the source of {package.nvra}.\n".encode()
            member = tarfile.TarInfo(f"{package.name}-{package.version}-{package.release}.src.txt")
            member.size, member.mtime = len(text), _MADE_EPOCH
            archive.addfile(member, io.BytesIO(text))
    return bz2.compress(buffer.getvalue())


def _write_zip(path: Path, members: Sequence[Path]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for member in members:
            entry = zipfile.ZipInfo(member.name, _MADE)
            entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            archive.writestr(entry, member.read_bytes())


def _manifest(info: UpdateInfo, files: dict[str, Path]) -> str:
    lines = [
        f"name: {_text(info.name_label)}",
        f"uuid: {_text(info.uuid)}",
        f"product_versions: {_list(info.product_versions)}",
        f"guidance: {_list(info.guidance)}",
        "supersedes:" if info.rolls_up else "supersedes: []",
        *(f"  - {{name: {_text(other)}, uuid: {_text(other_uuid)}}}" for other, other_uuid in info.rolls_up),
        "article: null",
        "files:",
    ]
    for role, path in files.items():
        content = path.read_bytes()
        lines += [
            f"  {role}:",
            f"    name: {_text(path.name)}",
            f"    md5: {_text(hashlib.md5(content, usedforsecurity=False).hexdigest())}",
            f"    sha256: {_text(hashlib.sha256(content).hexdigest())}",
            f"    size: {len(content)}",
        ]
    lines.append("components:")
    for component in dict.fromkeys(package.component for package in PACKAGES):
        lines += [f"  - name: {_text(component)}", "    packages:"]
        lines += [f"      - {_package(package)}" for package in PACKAGES if package.component == component]
    return "\n".join(lines) + "\n"


def _package(package: Package) -> str:
    fields = (f"{name}: {_text(getattr(package, name))}" for name in ("name", "version", "release", "arch"))
    return "{" + ", ".join(fields) + "}"


def _list(values: Sequence[str]) -> str:
    return "[" + ", ".join(map(_text, values)) + "]"


def _text(value: str) -> str:
    """Write a YAML scalar that every reader takes for this text: quoted if it could be anything else."""
    plain = value[:1].isalpha() and set(value) <= _PLAIN and value.lower() not in _WORDS
    return value if plain else json.dumps(value)
