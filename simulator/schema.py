"""The data model of a release: classes, fields, messages and their types, read from the tables in schema/."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Release:
    """One product release, and the ways its xapi differs from others."""

    name: str
    """Product version, such as 6.0.2."""
    code_name: str
    """The data model's name of it, such as boston."""


class Schema:
    """The classes that one release serves."""
