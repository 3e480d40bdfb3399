"""The live view of a run on a terminal, fed by `xenpatch.progress`; plain lines where nobody watches."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from xenpatch import view
from xenpatch.board import Board
from xenpatch.lines import Lines
from xenpatch.progress import Condition, Event, subscribe

_STYLES: Final = {
    Condition.IN_SERVICE: "",
    Condition.DISABLED: "yellow",
    Condition.DOWN: "magenta",
    Condition.PATCHED: "green",
    Condition.FAILED: "bold red",
}
_BAR: Final = 40  # characters


@contextmanager
def show(console: Console, *, clock: Callable[[], float] = time.time) -> Iterator[None]:
    """Show what the run tells while the block goes on: a live view, or a line for each event."""
    if not console.is_interactive:
        lines = Lines(lambda text: _print(console, text), clock=clock)
        with subscribe(lines):
            yield
        return
    screen = Screen(clock=clock)
    with Live(get_renderable=screen.render, console=console, refresh_per_second=4), subscribe(screen):
        yield


class Screen:
    """A listener that keeps a board and draws it."""

    def __init__(self, *, clock: Callable[[], float] = time.time) -> None:
        self._board = Board()
        self._clock = clock
        self._lock = threading.Lock()

    def __call__(self, event: Event) -> None:
        """Take in an event; safe in threads."""
        with self._lock:
            self._board.see(event, self._clock())

    def render(self) -> RenderableType:
        """The run as it stands."""
        with self._lock:
            return Group(*_parts(self._board, self._clock()))


def _parts(board: Board, now: float) -> Iterator[RenderableType]:
    if board.hosts:
        yield _hosts(board, now)
    if step := view.pool_step(board):
        yield Text(step, "cyan")
    if (transfer := view.transfer(board)) is not None:
        yield _bar(transfer)
    yield from (Text(move, "cyan") for move in view.moves(board))
    for wait in view.waits(board, now):
        yield Text(wait, "dim", overflow="ellipsis", no_wrap=True)
    yield from (Text(failure, "bold red") for failure in view.failures(board))
    if mixed := view.mixed(board, now):
        yield Text(mixed, "yellow")
    yield _bar(view.overall(board, now))


def _hosts(board: Board, now: float) -> Table:
    table = Table("host", "state", "step", "VMs", "started", "took", "done by", box=None, pad_edge=False)
    for row in view.rows(board, now):
        rest = (row.step, row.vms, row.started, row.took, row.done_by)
        table.add_row(Text(row.name), Text(row.state, _STYLES[row.state]), *map(Text, rest))
    return table


def _bar(bar: view.Bar) -> Table:
    grid = Table.grid(padding=(0, 1))
    full = ProgressBar(1.0, bar.fraction, width=_BAR)
    grid.add_row(Text(bar.name), full, Text(f"{bar.fraction:.0%}"), Text(bar.note))
    return grid


def _print(console: Console, text: str) -> None:
    console.print(text, markup=False, highlight=False, soft_wrap=True)
