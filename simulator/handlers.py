"""The modules that serve messages and HTTP paths."""

from importlib import import_module
from typing import Final

MODULES: Final = (
    "agility",
    "backup",
    "events",
    "host",
    "membership",
    "messages",
    "migration",
    "pbd",
    "pool_messages",
    "pool_patch",
    "protection",
    "roles",
    "sessions",
    "tasks",
    "upload",
    "vbd",
    "vm",
    "vm_power",
)


def register() -> None:
    """Import them all, with which they register what they serve. Doing it again does nothing."""
    for name in MODULES:
        import_module(f"simulator.{name}")
