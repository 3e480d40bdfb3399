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

from xenpatch.board import Board, HostRow
from xenpatch.lines import Lines
from xenpatch.progress import Condition, Event, subscribe
from xenpatch.units import size, span
from xenpatch.xapi.types import HostUuid

_STYLES: Final = {
    Condition.IN_SERVICE: "",
    Condition.DISABLED: "yellow",
    Condition.DOWN: "magenta",
    Condition.PATCHED: "green",
    Condition.FAILED: "bold red",
}
_WAITS_SHOWN: Final = 3
_FAILURES_SHOWN: Final = 3
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
            now = self._clock()
            board = self._board
            return Group(
                *([_hosts(board, now)] if board.hosts else []),
                *_pool_step(board),
                *_moves(board),
                *_waits(board, now),
                *_failures(board),
                *_mixed(board, now),
                _overall(board, now),
            )


def _hosts(board: Board, now: float) -> Table:
    table = Table("host", "state", "step", "VMs", "started", "took", "done by", box=None, pad_edge=False)
    for uuid, row in board.hosts.items():
        table.add_row(
            Text(row.name),
            _state(Condition.FAILED if row.failed else row.state),
            Text(row.step or ""),
            _vms(board, uuid),
            Text(time.strftime("%H:%M:%S", time.localtime(row.started)) if row.started else ""),
            Text(_took(row, now)),
            Text(_done_by(board, uuid)),
        )
    return table


def _state(condition: Condition) -> Text:
    return Text(condition, _STYLES[condition])


def _vms(board: Board, host: HostUuid) -> Text:
    leaving, returning = board.work.moves_left(host)
    if leaving:
        return Text(f"{leaving} to leave")
    return Text(f"{returning} to return" if returning else "")


def _took(row: HostRow, now: float) -> str:
    if row.started is None:
        return ""
    return span((row.ended or now) - row.started)


def _done_by(board: Board, host: HostUuid) -> str:
    """The times of day, P50 and P90, while the host's turn is not over."""
    expected = board.expected(host)
    if expected is None or board.work.nothing_left(host):
        return ""
    return " - ".join(time.strftime("%H:%M", time.localtime(moment)) for moment in expected)


def _pool_step(board: Board) -> Iterator[RenderableType]:
    if board.pool_step is not None:
        yield Text(f"{board.pool_step.step}: {board.pool_step.what}", "cyan")
    if (transfer := board.transfer) is not None and transfer.total:
        amount = f"{size(transfer.done or 0)} of {size(transfer.total)}"
        yield _bar(transfer.step, transfer.fraction, amount)


def _moves(board: Board) -> Iterator[RenderableType]:
    for row in board.moves.values():
        move = row.move
        yield Text(f"{move.vm_name}: {move.src_name} -> {move.dst_name} {row.fraction:.0%}", "cyan")


def _waits(board: Board, now: float) -> Iterator[RenderableType]:
    for wait in board.waits(now)[:_WAITS_SHOWN]:
        seen = f"; seen: {wait.seen}" if wait.seen else ""
        text = f"waiting for {wait.what} ({span(wait.waited)}, at most {span(wait.limit)}{seen})"
        yield Text(text, "dim", overflow="ellipsis", no_wrap=True)


def _failures(board: Board) -> Iterator[RenderableType]:
    for failure in board.failures[-_FAILURES_SHOWN:]:
        name = board.name(failure.host)
        yield Text(f"{f'{name}: ' if name else ''}{failure.step} failed: {failure.reason}", "bold red")


def _mixed(board: Board, now: float) -> Iterator[RenderableType]:
    mixed = board.mixed_time(now)
    if mixed is None:
        return
    if board.mixed_until is None:
        text = (
            f"{board.patched} of {len(board.hosts)} hosts patched; both levels side by side for {span(mixed)}"
        )
    else:
        text = f"hosts of both levels ran side by side for {span(mixed)}"
    yield Text(text, "yellow")


def _overall(board: Board, now: float) -> RenderableType:
    left, latest = board.time_left(now), board.latest_left(now)
    at_most = "" if latest is None else f" (P90: {span(latest)})"
    return _bar("whole run", board.work.share, "" if left is None else f"about {span(left)} left{at_most}")


def _bar(name: str, fraction: float, note: str) -> Table:
    grid = Table.grid(padding=(0, 1))
    grid.add_row(Text(name), ProgressBar(1.0, fraction, width=_BAR), Text(f"{fraction:.0%}"), Text(note))
    return grid


def _print(console: Console, text: str) -> None:
    console.print(text, markup=False, highlight=False, soft_wrap=True)
