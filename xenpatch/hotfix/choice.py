"""Which of the hotfixes that were given are installed, and in which order."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from xenpatch.errors import InputError, ManifestError
from xenpatch.hotfix.archive import UPDATE_SUFFIX
from xenpatch.hotfix.bundle import Bundle
from xenpatch.hotfix.catalogue import catalogue, listed
from xenpatch.hotfix.intake import Hotfix
from xenpatch.hotfix.manifest import HotfixUuid, Manifest, load_manifest

_SUFFIXES = (".zip", UPDATE_SUFFIX)


@dataclass(frozen=True)
class Wanted:
    """What a run is to install: verified files in their order, and why others are left out.

    Or, for a run that is continued without files, what its record says.
    """

    hotfixes: tuple[Hotfix, ...] = ()
    notes: tuple[str, ...] = ()
    recorded: Bundle | None = None

    def of(self, bundle: Bundle) -> tuple[Hotfix, ...]:
        """The files of the bundle, in its order."""
        return tuple(hotfix for hotfix in self.hotfixes if hotfix.manifest in bundle.manifests)

    def name(self, bundle: Bundle) -> str:
        """What the run is about: the bundle, or what was given if that leaves nothing to install."""
        return bundle.name or ", ".join(hotfix.manifest.name for hotfix in self.hotfixes)


def files(given: Sequence[Path]) -> tuple[Path, ...]:
    """The hotfix files, of folders all in them; an update whose zip lies beside it is in there already.

    Raises InputError for a folder without any.
    """
    found: dict[Path, None] = {}
    for path in given:
        found |= dict.fromkeys(_in_folder(path) if path.is_dir() else [path])
    return tuple(found)


def _in_folder(folder: Path) -> list[Path]:
    inside = sorted(path for path in folder.iterdir() if path.suffix.lower() in _SUFFIXES and path.is_file())
    zips = {path.stem.lower() for path in inside if path.suffix.lower() == ".zip"}
    chosen = [path for path in inside if path.suffix.lower() == ".zip" or path.stem.lower() not in zips]
    if not chosen:
        raise InputError(f"the folder {folder} holds no .zip or {UPDATE_SUFFIX}. Nothing was contacted.")
    return chosen


def manifest_for(file: Path, manifests: Sequence[Path], *, alone: bool) -> Manifest | None:
    """Of the manifests that were given, that of this file; None leaves it to what is known or lies beside it.

    Where both are alone they belong together. Raises ManifestError, also when two are for the file.
    """
    loaded = [(path, load_manifest(path)) for path in manifests]
    if alone and len(loaded) == 1:
        return loaded[0][1]
    fitting = [(path, manifest) for path, manifest in loaded if file.name.lower() in _names(manifest)]
    if len(fitting) > 1:
        both = " and ".join(str(path) for path, _ in fitting)
        raise ManifestError(f"Two manifests are for {file}: {both}. Give one of them.")
    return fitting[0][1] if fitting else None


def _names(manifest: Manifest) -> set[str]:
    return {each.name.lower() for each in (manifest.files.archive, manifest.files.update) if each}


Verifier = Callable[[Path, Manifest | None], Hotfix]


def choose(given: Sequence[Path], manifests: Sequence[Path], verifier: Verifier) -> Wanted:
    """Have every file verified, of folders those in them: what to install, in its order.

    Raises InputError, and what the verifier raises.
    """
    found = files(given)
    alone = len(found) == 1
    return Wanted(*in_order([verifier(each, manifest_for(each, manifests, alone=alone)) for each in found]))


def in_order(hotfixes: Sequence[Hotfix]) -> tuple[tuple[Hotfix, ...], tuple[str, ...]]:
    """Those to install, each after those that it requires, and why the others are left out, as sentences.

    Raises InputError where they require each other in a circle.
    """
    by_uuid: dict[HotfixUuid, Hotfix] = {}
    notes = []
    for hotfix in sorted(hotfixes, key=lambda each: each.manifest.name):
        if hotfix.manifest.uuid in by_uuid:
            notes.append(f"{hotfix.path} is {hotfix.manifest.name} once more")
        by_uuid.setdefault(hotfix.manifest.uuid, hotfix)
    for uuid, hotfix in list(by_uuid.items()):
        if over := superseding(hotfix.manifest, [each.manifest for each in by_uuid.values()]):
            del by_uuid[uuid]
            notes.append(f"{hotfix.manifest.name} is left out: {over.name} contains it")
    needs = {uuid: _required(hotfix.manifest, by_uuid) for uuid, hotfix in by_uuid.items()}
    try:
        order = list(TopologicalSorter(needs).static_order())
    except CycleError as circle:
        names = ", ".join(sorted({by_uuid[uuid].manifest.name for uuid in circle.args[1]}))
        raise InputError(f"the manifests of {names} require each other. Nothing was contacted.") from None
    return tuple(by_uuid[uuid] for uuid in order), tuple(notes)


def superseding(manifest: Manifest, others: Collection[Manifest]) -> Manifest | None:
    """The one of the others that contains this hotfix, by its manifest or by the vendor's list."""
    return next((other for other in others if contains(other, manifest.uuid, manifest.name)), None)


def contains(other: Manifest, uuid: HotfixUuid, name: str) -> bool:
    """Whether the other one rolls a hotfix up."""
    known = listed(other.uuid)
    return uuid in {each.uuid for each in other.supersedes} or (known is not None and name in known.rolls_up)


def required(manifest: Manifest) -> dict[HotfixUuid, str]:
    """What must be applied before: uuids and names, by the manifest and the vendor's list."""
    known = listed(manifest.uuid)
    by_list = [each for each in map(_named, known.requires if known else ()) if each]
    return {each.uuid: each.name for each in manifest.requires} | dict(by_list)


def _named(name: str) -> tuple[HotfixUuid, str] | None:
    return next(((each.uuid, each.name) for each in catalogue() if each.name == name), None)


def _required(manifest: Manifest, present: Mapping[HotfixUuid, Hotfix]) -> set[HotfixUuid]:
    return {uuid for uuid in required(manifest) if uuid in present}
