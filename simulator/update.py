"""The update file of the sample hotfix, in a form of its own, and what hosts read from update files.

The form: a magic line, an XML head, an empty line, a payload, and a trailer that holds the sha256 of all
before it. The trailer plays the part of the vendor's signature: a file changed on the way is refused.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import BinaryIO, Final
from xml.parsers import expat
from xml.sax.saxutils import quoteattr

from simulator.world import KnownHotfix

MAGIC: Final = b"XENPATCH SAMPLE UPDATE 1\n"
GUIDANCE: Final = frozenset({"restartHVM", "restartPV", "restartHost", "restartXAPI"})

_END_OF_HEAD: Final = b"</update>\n\n"
_HEAD_LIMIT: Final = 64 * 1024
_TRAILER: Final = b"\nsha256 %s\n"
_TRAILER_SIZE: Final = len(_TRAILER % bytes(64))
_BLOCK: Final = 1 << 20
_INFO: Final = ("uuid", "version", "name-label", "name-description", "after-apply-guidance")


class BadUpdate(Exception):
    """A host refuses this file as an update."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class UpdateInfo:
    """What an update says of itself. Packages are name-version-release.arch; roll-ups (name, uuid)."""

    uuid: str
    version: str
    name_label: str
    name_description: str
    guidance: tuple[str, ...]
    product_versions: tuple[str, ...]
    rolls_up: tuple[tuple[str, str], ...] = ()
    packages: tuple[str, ...] = ()

    @property
    def required_version(self) -> str:
        """The regular expression of the product versions it is for, as WRONG_SERVER_VERSION reports it."""
        return "^(" + "|".join(version.replace(".", r"\.") for version in self.product_versions) + ")$"


def write_update(path: Path, info: UpdateInfo, payload: bytes) -> None:
    """Write an update file. Raises ValueError if its head grows past what hosts read."""
    body = MAGIC + _head(info).encode()
    if len(body) > _HEAD_LIMIT:
        raise ValueError(f"the head of {path.name} is larger than {_HEAD_LIMIT} bytes")
    body += payload
    path.write_bytes(body + _TRAILER % hashlib.sha256(body).hexdigest().encode())


def read_update(path: Path, known: Sequence[KnownHotfix]) -> UpdateInfo:
    """Read a whole update file, in little memory, as a host does before it takes it.

    A file with the md5 of a known hotfix is taken for that hotfix. Raises BadUpdate for every other file
    that is not a sample update with its trailer intact, and OSError.
    """
    with path.open("rb") as stream:
        start = stream.read(_HEAD_LIMIT)
        stream.seek(0)
        md5, body, trailer = _digests(stream, path.stat().st_size)
    for hotfix in known:
        if hotfix.md5.lower() == md5:
            return _info_of_known(hotfix)
    if not start.startswith(MAGIC):
        raise BadUpdate("neither a sample update nor the file of a known hotfix")
    if trailer != _TRAILER % body.encode():
        raise BadUpdate("damaged or cut short: its checksum does not match")
    end = start.find(_END_OF_HEAD)
    if end < 0:
        raise BadUpdate("its head has no end")
    return _Head().read(start[len(MAGIC) : end + len(_END_OF_HEAD)])


def _digests(stream: BinaryIO, size: int) -> tuple[str, str, bytes]:
    """Return the md5 of the whole, the sha256 of all but the trailer, and the trailer."""
    md5 = hashlib.md5(usedforsecurity=False)
    sha256 = hashlib.sha256()
    trailer = b""
    left = max(0, size - _TRAILER_SIZE)
    while block := stream.read(_BLOCK):
        md5.update(block)
        sha256.update(block[:left])
        trailer += block[left:]
        left = max(0, left - len(block))
    return md5.hexdigest(), sha256.hexdigest(), trailer


def _info_of_known(hotfix: KnownHotfix) -> UpdateInfo:
    return UpdateInfo(
        hotfix.uuid,
        "1.0",
        hotfix.name,
        "",
        hotfix.guidance,
        hotfix.product_versions,
        hotfix.rolls_up,
        hotfix.packages,
    )


def _head(info: UpdateInfo) -> str:
    attributes = (info.uuid, info.version, info.name_label, info.name_description, " ".join(info.guidance))
    lines = chain(
        [
            "<info "
            + " ".join(f"{name}={quoteattr(value)}" for name, value in zip(_INFO, attributes, strict=True))
            + "/>"
        ],
        (f"<product version={quoteattr(version)}/>" for version in info.product_versions),
        (f"<rolls-up name={quoteattr(name)} uuid={quoteattr(uuid)}/>" for name, uuid in info.rolls_up),
        (f"<package nvra={quoteattr(package)}/>" for package in info.packages),
    )
    return "<update>\n" + "".join(f"  {line}\n" for line in lines) + _END_OF_HEAD.decode()


class _Head:
    """Reads the XML head of a sample update."""

    def __init__(self) -> None:
        self._info: dict[str, str] = {}
        self._products: list[str] = []
        self._rolls_up: list[tuple[str, str]] = []
        self._packages: list[str] = []

    def read(self, head: bytes) -> UpdateInfo:
        parser = expat.ParserCreate()
        parser.StartDoctypeDeclHandler = self._doctype
        parser.StartElementHandler = self._element
        try:
            parser.Parse(head, True)
        except (expat.ExpatError, KeyError) as broken:
            raise BadUpdate(f"its head cannot be read: {broken}") from broken
        missing = [name for name in _INFO if name not in self._info]
        if missing:
            raise BadUpdate(f"its info lacks {', '.join(missing)}")
        return self._result(*(self._info[name] for name in _INFO))

    def _result(self, uuid: str, version: str, label: str, description: str, guidance: str) -> UpdateInfo:
        unknown = set(guidance.split()) - GUIDANCE
        if unknown:
            raise BadUpdate(f"unknown guidance {', '.join(sorted(unknown))}")
        return UpdateInfo(
            uuid,
            version,
            label,
            description,
            tuple(guidance.split()),
            tuple(self._products),
            tuple(self._rolls_up),
            tuple(self._packages),
        )

    def _doctype(self, *_: object) -> None:
        raise BadUpdate("its head has a document type")

    def _element(self, tag: str, attributes: dict[str, str]) -> None:
        match tag:
            case "info":
                self._info = attributes
            case "product":
                self._products.append(attributes["version"])
            case "rolls-up":
                self._rolls_up.append((attributes["name"], attributes["uuid"]))
            case "package":
                self._packages.append(attributes["nvra"])
