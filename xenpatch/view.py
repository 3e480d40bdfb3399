"""What a board shows, in words: the terminal and the Prefect UI only lay it out."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Final, NamedTuple

from xenpatch.board import Board
from xenpatch.progress import Condition
from xenpatch.units import size, span
from xenpatch.xapi.types import HostUuid

_WAITS: Final = 3
_FAILURES: Final = 3


class Row(NamedTuple):
    """A host; ``done_by`` are the times of day, P50 and P90, while its turn is not over."""

    name: str
    state: Condition
    step: str
    vms: str
    started: str
    done: str
    took: str
    done_by: str


class Bar(NamedTuple):
    """How far something is: ``fraction`` of 0 to 1."""

    name: str
    fraction: float
    note: str


def rows(board: Board, now: float) -> Iterator[Row]:
    """The hosts, in the order of the run."""
    for host, seen in board.hosts.items():
        took = "" if seen.started is None else span((seen.ended or now) - seen.started)
        yield Row(
            seen.name,
            Condition.FAILED if seen.failed else seen.state,
            seen.step or "",
            _vms(board, host),
            _clock(seen.started),
            _clock(seen.ended),
            took,
            _done_by(board, host),
        )


def pool_step(board: Board) -> str:
    """What goes on that is of no single host, or ""."""
    return "" if board.pool_step is None else f"{board.pool_step.step}: {board.pool_step.what}"


def transfer(board: Board) -> Bar | None:
    """The upload or download under way."""
    moved = board.transfer
    if moved is None or not moved.total:
        return None
    return Bar(moved.step, moved.fraction, f"{size(moved.done or 0)} of {size(moved.total)}")


def moves(board: Board) -> list[str]:
    """The live migrations under way."""
    return [
        f"{row.move.vm_name}: {row.move.src_name} -> {row.move.dst_name} {row.fraction:.0%}"
        for row in board.moves.values()
    ]


def waits(board: Board, now: float) -> Iterator[str]:
    """What is being waited for, the longest waits alone."""
    for wait in board.waits(now)[:_WAITS]:
        seen = f"; seen: {wait.seen}" if wait.seen else ""
        yield f"waiting for {wait.what} ({span(wait.waited)}, at most {span(wait.limit)}{seen})"


def failures(board: Board) -> Iterator[str]:
    """What has failed and was not done since, the newest alone."""
    for failure in board.failures[-_FAILURES:]:
        name = board.name(failure.host)
        yield f"{f'{name}: ' if name else ''}{failure.step} failed: {failure.reason}"


def mixed(board: Board, now: float) -> str:
    """How long hosts of both levels have run side by side, or ""."""
    seconds = board.mixed_time(now)
    if seconds is None:
        return ""
    if board.mixed_until is not None:
        return f"hosts of both levels ran side by side for {span(seconds)}"
    return f"{patched(board)} patched; both levels side by side for {span(seconds)}"


def patched(board: Board) -> str:
    """How many hosts are patched: "1 of 3 hosts"."""
    return f"{board.patched} of {len(board.hosts)} hosts"


def overall(board: Board, now: float) -> Bar:
    """The whole run, with the time that is left."""
    left, latest = board.time_left(now), board.latest_left(now)
    if board.work.share == 1:
        left = None
    at_most = "" if latest is None else f" (P90: {span(latest)})"
    return Bar("whole run", board.work.share, "" if left is None else f"about {span(left)} left{at_most}")


def _vms(board: Board, host: HostUuid) -> str:
    leaving, returning = board.work.moves_left(host)
    if leaving:
        return f"{leaving} to leave"
    return f"{returning} to return" if returning else ""


def _clock(moment: float | None) -> str:
    return "" if moment is None else time.strftime("%H:%M:%S", time.localtime(moment))


def _done_by(board: Board, host: HostUuid) -> str:
    expected = board.expected(host)
    if expected is None or board.work.nothing_left(host):
        return ""
    return " - ".join(time.strftime("%H:%M", time.localtime(moment)) for moment in expected)
