"""Sets and maps as xapi keeps them in its database: ``('a' 'b')``, ``(('key' 'value'))``, ``()``.

Strings stand in single quotes; a backslash in them protects the character that follows (xapi, library sexpr).
"""

from __future__ import annotations

import re
from typing import Final

_STRING: Final = r"'((?:[^'\\]++|\\.)*+)'"
_MEMBER: Final = re.compile(rf"\s*{_STRING}", re.DOTALL)
_PAIR: Final = re.compile(rf"\s*\(\s*{_STRING}\s+{_STRING}\s*\)", re.DOTALL)
_ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)


def parse_set(text: str) -> list[str]:
    """Read a set of strings. Raises ValueError."""
    return [member for (member,) in _members(_MEMBER, text)]


def parse_map(text: str) -> dict[str, str]:
    """Read a map of strings; of a key that is there twice the last value stays. Raises ValueError."""
    return {key: value for key, value in _members(_PAIR, text)}  # noqa: C416 - dict() loses the types


def _members(form: re.Pattern[str], text: str) -> list[tuple[str, ...]]:
    """The strings of each member of a list, all of one form."""
    inner = text.strip()
    if not (inner.startswith("(") and inner.endswith(")")):
        raise ValueError(f"no set or map: {text:.60}")
    inner = inner[1:-1].strip()
    found, position = [], 0
    while position < len(inner):
        member = form.match(inner, position)
        if member is None:
            raise ValueError(f"no member of a set or map: {inner[position : position + 60]}")
        found.append(tuple(_ESCAPED.sub(r"\1", part) for part in member.groups()))
        position = member.end()
    return found
