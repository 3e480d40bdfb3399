"""Imports point down only, and every package is installed."""

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("deployments", "flows", "tasks", "blocks", "xenpatch", "simulator")
BELOW = {
    "deployments": {"blocks", "xenpatch", "prefect"},
    "flows": {"tasks", "blocks", "xenpatch", "prefect"},
    "tasks": {"blocks", "xenpatch", "prefect"},
    "blocks": {"xenpatch", "prefect"},
    "xenpatch": set(),
    "simulator": set(),
}
ENTRANCES = {
    "xenpatch/access.py": {"blocks"},
    "xenpatch/commands.py": {"blocks", "flows"},
    "xenpatch/pin.py": {"blocks"},
    "xenpatch/saved.py": {"blocks"},
    "xenpatch/simulation.py": {"simulator"},
}
"""The command line starts what lies above it."""


def modules() -> Iterator[Path]:
    for room in ROOMS:
        yield from sorted((ROOT / room).rglob("*.py"))


def imported(module: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.partition(".")[0])
    return found


@pytest.mark.parametrize("module", list(modules()), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_imports_only_what_lies_below_it(module: Path) -> None:
    place = str(module.relative_to(ROOT))
    room = module.relative_to(ROOT).parts[0]

    ours = imported(module) & {*ROOMS, "prefect"}

    assert ours <= BELOW[room] | {room} | ENTRANCES.get(place, set())


def test_every_package_is_listed_for_installation() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    packages = {str(module.parent.relative_to(ROOT)).replace("/", ".") for module in modules()}

    assert set(project["tool"]["setuptools"]["packages"]) == packages
