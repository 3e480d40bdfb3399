"""A simulated pool, as the command line describes it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, TextIO

import yaml

from xenpatch.access import text_of
from xenpatch.errors import InputError
from xenpatch.hotfix.manifest import known_manifests


@dataclass(frozen=True)
class Simulation:
    """A pool to simulate."""

    hosts: int
    vms: int
    release: str
    dump: Path | None
    speed: float
    port: int
    faults: Path | None
    journal: Path | None
    folder: Path | None = None


def simulate(wanted: Simulation, out: TextIO) -> None:
    """Serve a simulated pool until it is told to stop.

    Raises InputError for what cannot be simulated, or not on these ports.
    """
    from simulator import FaultRule, KnownHotfix, Model, SimulatedPool  # noqa: PLC0415
    from simulator.schema import RELEASES  # noqa: PLC0415
    from simulator.serve import serve  # noqa: PLC0415

    if wanted.release not in RELEASES:
        raise InputError(f"release {wanted.release} cannot be simulated; there is {', '.join(RELEASES)}")
    known = [
        KnownHotfix(
            name=manifest.name,
            uuid=manifest.uuid,
            md5=manifest.files.update.md5,
            guidance=tuple(guidance.value for guidance in manifest.guidance),
            product_versions=manifest.product_versions,
            rolls_up=tuple((contained.name, contained.uuid) for contained in manifest.supersedes),
            packages=tuple(package.nvra for package in manifest.packages if package.known),
        )
        for manifest in known_manifests()
    ]

    class Served(SimulatedPool):
        """Ports that are taken show when the pool opens; what goes wrong later is no bad input."""

        def __enter__(self) -> Self:
            with _bad_input_from(OSError):
                return super().__enter__()

    with _bad_input_from(ValueError, OSError):
        if wanted.folder is not None:
            wanted.folder.mkdir(parents=True, exist_ok=True)
        pool = Served(
            wanted.dump or Model(hosts=wanted.hosts, vms=wanted.vms),
            speed=wanted.speed,
            port=wanted.port,
            faults=[FaultRule.from_dict(rule) for rule in _rules(wanted.faults)],
            journal=wanted.journal,
            folder=wanted.folder,
            release=wanted.release,
            known_hotfixes=known,
        )
    serve(pool, out)


@contextmanager
def _bad_input_from(*kinds: type[Exception]) -> Iterator[None]:
    try:
        yield
    except kinds as wrong:
        raise InputError(f"no pool can be simulated so: {wrong}") from None


def _rules(path: Path | None) -> list[dict[str, Any]]:
    if path is None:
        return []
    try:
        rules = yaml.safe_load(text_of(path, "faults") or "")
    except yaml.YAMLError as wrong:
        raise InputError(f"the faults {path} are neither YAML nor JSON: {wrong}") from None
    if not isinstance(rules, list) or not all(isinstance(rule, dict) for rule in rules):
        raise InputError(f"the faults {path} are not a list of rules")
    return rules
