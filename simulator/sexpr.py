"""S-expressions as xapi keeps sets and maps in its database: ``('a' 'b')``, ``(('k' 'v'))``, ``()``.

Source: xapi 6.0.2, library sexpr. Strings stand in single quotes; quotes and backslashes in them are escaped.
Double quotes, bare symbols and ``;`` comments are read as well, but never written.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Final

SExpr = str | list["SExpr"]

MAX_DEPTH: Final = 100
"""Deeper nesting is refused; VM.last_booted_record, the deepest value of real pools, needs 6."""

_TOKEN = re.compile(
    r"""(?P<skip>[ \t\r\n]+|;[^\n]*)
      |'(?P<single>(?:[^'\\]|\\.)*)'
      |"(?P<double>(?:[^"\\]|\\.)*)"
      |(?P<open>\()
      |(?P<close>\))
      |(?P<symbol>[^"'\s();]+)""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_TO_ESCAPE = re.compile(r"""['"\\]""")


def parse(text: str) -> SExpr:
    """Read one s-expression; a string is a leaf, a list a node.

    Raises ValueError for text that is not exactly one s-expression, or nests deeper than MAX_DEPTH.
    """
    open_nodes: list[list[SExpr]] = [[]]
    position = 0
    while position < len(text):
        token = _TOKEN.match(text, position)
        if token is None:
            raise _unreadable(text, f"unexpected {text[position]!r} at {position}")
        position = token.end()
        match token.lastgroup:
            case "skip":
                pass
            case "open":
                if len(open_nodes) > MAX_DEPTH:
                    raise _unreadable(text, f"nested deeper than {MAX_DEPTH}")
                open_nodes.append([])
            case "close":
                if len(open_nodes) == 1:
                    raise _unreadable(text, f"unexpected ')' at {position - 1}")
                node = open_nodes.pop()
                open_nodes[-1].append(node)
            case "symbol":
                open_nodes[-1].append(token["symbol"])
            case quotes:
                open_nodes[-1].append(_ESCAPED.sub(r"\1", token[str(quotes)]))
    if len(open_nodes) != 1 or len(open_nodes[0]) != 1:
        raise _unreadable(text, "missing ')'" if len(open_nodes) > 1 else "not exactly one expression")
    return open_nodes[0][0]


def render(expression: SExpr) -> str:
    """Print an s-expression as xapi does: single quotes, one space between members."""
    if isinstance(expression, str):
        return "'" + _TO_ESCAPE.sub(r"\\\g<0>", expression) + "'"
    return "(" + " ".join(map(render, expression)) + ")"


def parse_set(text: str) -> list[str]:
    """Read a set of strings in its stored order. Raises ValueError."""
    members = parse(text)
    if isinstance(members, str):
        raise _unreadable(text, "not a set")
    return [_string(member, text) for member in members]


def render_set(members: Iterable[str]) -> str:
    """Print a set of strings in the order given."""
    return render(list(members))


def parse_map(text: str) -> dict[str, str]:
    """Read a map of strings in its stored order; of a repeated key the last stays. Raises ValueError."""
    pairs = parse(text)
    if isinstance(pairs, str):
        raise _unreadable(text, "not a map")
    result = {}
    for pair in pairs:
        if isinstance(pair, str) or len(pair) != 2:
            raise _unreadable(text, "not a map: a member is not a pair")
        result[_string(pair[0], text)] = _string(pair[1], text)
    return result


def render_map(members: Mapping[str, str]) -> str:
    """Print a map of strings in the order given."""
    return render([[key, value] for key, value in members.items()])


def _string(expression: SExpr, text: str) -> str:
    if isinstance(expression, str):
        return expression
    raise _unreadable(text, "a member is not a string")


def _unreadable(text: str, reason: str) -> ValueError:
    return ValueError(f"unreadable s-expression {text[:60]!r}: {reason}")
