"""What is known of a hotfix: the facts that its vendor published, as typed data.

A manifest is a YAML file; those of hotfixes that xenpatch knows lie in `known/`.
"""

import re
from enum import StrEnum
from functools import cache, partial
from pathlib import Path
from typing import Annotated, Final, NewType, Self, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, PositiveInt, ValidationError, model_validator

from xenpatch.errors import ManifestError
from xenpatch.hotfix.complaints import complaints
from xenpatch.hotfix.files import open_file
from xenpatch.hotfix.strict_yaml import YamlRefused, parse

HotfixUuid = NewType("HotfixUuid", str)
Md5 = NewType("Md5", str)
Sha256 = NewType("Sha256", str)

_KNOWN: Final = Path(__file__).parent / "known"
_MAX_BYTES: Final = 256 * 1024
_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def _uuid(text: str) -> HotfixUuid:
    if not _UUID.fullmatch(text):
        raise ValueError("is not a uuid (8-4-4-4-12 hexadecimal digits)")
    return HotfixUuid(text.lower())  # some real hotfixes carry theirs in upper case


def _hexadecimal(digits: int, text: str) -> str:
    lowered = text.lower()
    if not re.fullmatch(r"[0-9a-f]+", lowered):
        raise ValueError(f"is not a checksum of {digits} hexadecimal digits")
    if len(lowered) != digits:
        raise ValueError(
            f"has {len(lowered)} hexadecimal digits where {digits} are needed (was it cut short?)"
        )
    return lowered


def _matching(pattern: str, otherwise: str, text: str) -> str:
    if not re.fullmatch(pattern, text):
        raise ValueError(otherwise)
    return text


def _matches(pattern: str, otherwise: str) -> AfterValidator:
    return AfterValidator(partial(_matching, pattern, otherwise))


_T = TypeVar("_T")


def _not_empty(items: tuple[_T, ...]) -> tuple[_T, ...]:
    if not items:
        raise ValueError("must not be an empty list")
    return items


_Text = Annotated[str, _matches(r"\S(.*\S)?", "must be text that is not empty and has no blanks around it")]
_Name = Annotated[
    str, _matches(r"[A-Za-z0-9][A-Za-z0-9._-]*", "must be letters, digits, dots and dashes only")
]
_FileName = Annotated[
    str, _matches(r"[^/\\:\x00-\x1f.][^/\\:\x00-\x1f]*", "must be a file name without a folder")
]
_ProductVersion = Annotated[str, _matches(r"\d+(\.\d+)+", "is not a product version such as 6.0.2")]
_RpmPart = Annotated[str, _matches(r"[^\s/-]+", "cannot be part of an rpm's name: no blank, slash or dash")]
_HotfixUuid = Annotated[HotfixUuid, AfterValidator(_uuid)]
_Md5 = Annotated[Md5, AfterValidator(partial(_hexadecimal, 32))]
_Sha256 = Annotated[Sha256, AfterValidator(partial(_hexadecimal, 64))]


class Guidance(StrEnum):
    """What must follow an apply (XenAPI enum after_apply_guidance)."""

    RESTART_HVM = "restartHVM"
    RESTART_PV = "restartPV"
    RESTART_HOST = "restartHost"
    RESTART_XAPI = "restartXAPI"


class _Fact(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PublishedFile(_Fact):
    """A file of the hotfix with the sums that were published; ``size`` is in bytes."""

    name: _FileName
    md5: _Md5
    sha256: _Sha256 | None = None
    size: PositiveInt | None = None


class Files(_Fact):
    """The zip that is downloaded, the update in it, and the source archive beside it."""

    archive: PublishedFile | None = None
    update: PublishedFile
    source: PublishedFile | None = None

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        names = [file.name.lower() for file in (self.archive, self.update, self.source) if file]
        if len(set(names)) != len(names):
            raise ValueError("lists two files by the same name")
        return self


class Package(_Fact):
    """An rpm that the hotfix installs.

    Where its vendor's list is cut off, ``release`` and ``arch`` are None, ``known`` is false, and
    ``printed`` holds the list's text as far as it goes.
    """

    name: _Text
    version: _RpmPart
    release: _RpmPart | None
    arch: _RpmPart | None
    printed: _Text | None = None

    @model_validator(mode="after")
    def _printed_if_unknown(self) -> Self:
        if self.known and self.printed:
            raise ValueError("has a release and an arch, so 'printed' must go: it marks what is not known")
        if not self.known and not self.printed:
            raise ValueError("lacks its release or arch: say in 'printed' what was published instead")
        return self

    @property
    def known(self) -> bool:
        """Whether the whole of it was published, so that a host can be compared with it."""
        return self.release is not None and self.arch is not None

    @property
    def nvra(self) -> str:
        """Name-version-release.arch as rpm prints it; as far as it was printed if not known."""
        return self.printed or f"{self.name}-{self.version}-{self.release}.{self.arch}"


class Component(_Fact):
    """A part of the product that the hotfix changes, with its packages."""

    name: _Text
    packages: Annotated[tuple[Package, ...], AfterValidator(_not_empty)]


class HotfixId(_Fact):
    """Another hotfix."""

    name: _Name
    uuid: _HotfixUuid


class Manifest(_Fact):
    """A hotfix as its vendor published it.

    ``supersedes`` are the hotfixes that it contains, ``requires`` those that must be applied before.
    ``resolves`` holds the names of the bulletins and issues that it settles, ``article`` is the
    vendor's page. ``uuid`` is in lower case.
    """

    name: _Name
    uuid: _HotfixUuid
    product_versions: Annotated[tuple[_ProductVersion, ...], AfterValidator(_not_empty)]
    guidance: tuple[Guidance, ...]
    supersedes: tuple[HotfixId, ...] = ()
    requires: tuple[HotfixId, ...] = ()
    article: _Text | None = None
    resolves: tuple[_Text, ...] = ()
    files: Files
    components: tuple[Component, ...] = ()

    @property
    def packages(self) -> tuple[Package, ...]:
        """The packages of all components, in their order."""
        return tuple(package for component in self.components for package in component.packages)


def load_manifest(path: Path) -> Manifest:
    """Read a manifest; raises FileRefused and ManifestError, with the line of each fault."""
    with open_file(path, "manifest") as file:
        content = file.read(_MAX_BYTES + 1)
    if len(content) > _MAX_BYTES:
        raise ManifestError(f"The manifest {path} is larger than {_MAX_BYTES} bytes: is it the right file?")
    try:
        document = parse(content.decode("utf-8-sig"))
        return Manifest.model_validate(document.data)
    except UnicodeDecodeError as error:
        raise ManifestError(f"The manifest {path} is not text in UTF-8: is it the right file?") from error
    except YamlRefused as error:
        where = f"line {error.line}: " if error.line else ""
        raise ManifestError(f"The manifest {path} cannot be used:\n  {where}{error.reason}") from error
    except ValidationError as error:
        faults = complaints(error, document, _keys())
        raise ManifestError(f"The manifest {path} cannot be used:\n{faults}") from error


@cache
def known_manifests() -> tuple[Manifest, ...]:
    """Read the manifests that ship with xenpatch."""
    return tuple(load_manifest(path) for path in sorted(_KNOWN.glob("*.yaml")))


def find_known(name: str, md5: str) -> Manifest | None:
    """Find the known hotfix whose zip or update has this md5, or else this file name (any case)."""
    for wanted, attribute in ((md5, "md5"), (name, "name")):
        for manifest in known_manifests():
            files = (manifest.files.archive, manifest.files.update)
            if wanted.lower() in {getattr(file, attribute).lower() for file in files if file}:
                return manifest
    return None


def _keys() -> set[str]:
    models = (Manifest, Files, PublishedFile, HotfixId, Component, Package)
    return {key for model in models for key in model.model_fields}
