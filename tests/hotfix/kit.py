"""Hotfixes made by hand, with real sums."""

import hashlib
import struct
import zipfile
from pathlib import Path

import yaml

from xenpatch.hotfix.manifest import Manifest

UPDATE = b"#!/bin/sh\n" + bytes(range(256)) * 400
SOURCE = b"sources" * 1000
UUID = "ABCD1234-FEED-DEAD-BEEF-000000000000"


def published(name: str, content: bytes) -> dict[str, object]:
    return {
        "name": name,
        "size": len(content),
        "md5": hashlib.md5(content).hexdigest(),
        "sha256": hashlib.sha256(content).hexdigest(),
    }


def facts(
    update: bytes = UPDATE, archive: Path | None = None, source: bytes | None = SOURCE
) -> dict[str, object]:
    """A manifest as YAML would have it; a file is left out where its content is None."""
    files = {"update": published("XS602E900.xsupdate", update)}
    if archive:
        files["archive"] = published(archive.name, archive.read_bytes())
    if source is not None:
        files["source"] = published("XS602E900-src-pkgs.tar.bz2", source)
    return {
        "name": "XS602E900",
        "uuid": UUID,
        "product_versions": ["6.0.2"],
        "guidance": ["restartHost"],
        "files": files,
    }


def manifest(update: bytes = UPDATE, archive: Path | None = None, source: bytes | None = SOURCE) -> Manifest:
    return Manifest.model_validate(facts(update, archive, source))


def write_zip(path: Path, *entries: tuple[str | zipfile.ZipInfo, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries:
            archive.writestr(name, content)
    return path


def hotfix_zip(folder: Path, update: bytes = UPDATE, source: bytes = SOURCE) -> Path:
    return write_zip(
        folder / "XS602E900.zip", ("XS602E900.xsupdate", update), ("XS602E900-src-pkgs.tar.bz2", source)
    )


def write_yaml(path: Path, data: object) -> Path:
    path.write_text(yaml.safe_dump(data), encoding="utf-8")
    return path


def patch_headers(path: Path, name: str, **fields: int) -> None:
    """Overwrite fields of an entry in both of its headers, so that they lie alike."""
    content = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        local = archive.getinfo(name).header_offset
        central = archive.start_dir
    while content[central + 46 : central + 46 + len(name)] != name.encode():
        central += 46 + sum(struct.unpack_from("<HHH", content, central + 28))
    for field, value in fields.items():
        shape, in_local, in_central = FIELDS[field]
        struct.pack_into(shape, content, central + in_central, value)
        if in_local is not None:
            struct.pack_into(shape, content, local + in_local, value)
    path.write_bytes(content)


FIELDS = {  # struct format, offset in the local header, offset in the central directory
    "flags": ("<H", 6, 8),
    "method": ("<H", 8, 10),
    "crc": ("<L", 14, 16),
    "size": ("<L", 22, 24),
    "offset": ("<L", None, 42),
}
