"""The live view of a run in the Prefect UI: a page in Markdown, and a line for the card that leads to it."""

from __future__ import annotations

import time
from collections.abc import Iterator

from xenpatch import view
from xenpatch.board import Board
from xenpatch.plan.markdown import plain, table

_BAR = 30  # characters
_HEADER = ("host", "state", "step", "VMs", "started", "done", "took", "done by (P50 - P90)")


def headline(board: Board, now: float) -> str:
    """The run in a line: "XS602E008 for pool: 42%, 1 of 3 hosts patched, about 12 min 04 s left"."""
    whole = view.overall(board, now)
    parts = [f"{whole.fraction:.0%}", *([f"{view.patched(board)} patched"] if board.hosts else [])]
    subject = f"{board.pool.hotfix} for {board.pool.name}: " if board.pool else ""
    return subject + ", ".join([*parts, *([whole.note] if whole.note else [])])


def page(board: Board, now: float) -> str:
    """The whole of it; ``now`` is in epoch seconds, times of day are those of the machine that runs."""
    zone = time.strftime("%Y-%m-%d %H:%M:%S %Z", time.localtime(now))
    return "\n".join([*_lines(board, now), f"*As of {zone}, which is the clock of all times here.*", ""])


def _lines(board: Board, now: float) -> Iterator[str]:
    if board.pool is not None:
        yield f"## {plain(board.pool.hotfix)} for {plain(board.pool.name)}\n"
    yield f"{_bar(view.overall(board, now))}\n"
    if (transfer := view.transfer(board)) is not None:
        yield f"{_bar(transfer)}\n"
    if step := view.pool_step(board):
        yield f"{plain(step)}\n"
    if board.hosts:
        yield table(_HEADER, view.rows(board, now))
    if mixed := view.mixed(board, now):
        yield f"{plain(mixed)}\n"
    for text in (*view.moves(board), *view.waits(board, now)):
        yield f"- {plain(text)}"
    for text in view.failures(board):
        yield f"- **{plain(text)}**"
    yield ""


def _bar(bar: view.Bar) -> str:
    """Blocks in a code span, so that every one is as wide as the other."""
    full = round(min(max(bar.fraction, 0.0), 1.0) * _BAR)
    blocks = "█" * full + "░" * (_BAR - full)
    return f"`{blocks}` {bar.fraction:.0%} {plain(bar.name)} {plain(bar.note)}".rstrip()
