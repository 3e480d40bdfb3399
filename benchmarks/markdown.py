"""Tables in Markdown, and the place of a run's figures in a paper."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import zip_longest
from pathlib import Path


def table(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """A table with its first column to the left and the others to the right, if they are numbers."""
    body = [list(line) for line in lines]
    rule = [
        "---" if n == 0 or not _numbers(column) else "---:" for n, column in enumerate(_columns(head, body))
    ]
    return "\n".join("| " + " | ".join(line) + " |" for line in [list(head), rule, *body])


def section(title: str, *parts: str) -> str:
    """A heading with what is below it."""
    return "\n\n".join([f"### {title}", *parts])


def insert(paper: Path, name: str, text: str) -> None:
    """Replace what stands between the two marker comments of that name; ValueError if they are not there."""
    begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    before, found, rest = paper.read_text().partition(begin)
    _, closed, after = rest.partition(end)
    if not found or not closed:
        raise ValueError(f"{paper} has no {begin} ... {end}; nothing was written")
    paper.write_text(f"{before}{begin}\n\n{text}\n\n{end}{after}")


def _columns(head: Sequence[str], body: Sequence[Sequence[str]]) -> list[list[str]]:
    return [list(column) for column in zip_longest(*body, fillvalue="")] or [[] for _ in head]


def _numbers(column: Iterable[str]) -> bool:
    return all(cell[:1] in "0123456789-–<" for cell in column)
