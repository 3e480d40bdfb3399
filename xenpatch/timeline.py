"""When things happened in a run, host by host, and how a run that ended early is told: both in Markdown."""

from __future__ import annotations

import time
from collections.abc import Iterator

from xenpatch.chronicle import Chronicle
from xenpatch.plan.markdown import plain, table
from xenpatch.plan.scene import Phase
from xenpatch.units import span
from xenpatch.xapi.types import HostUuid

_HEADER = ("host", *Phase, "moves for its sake")


def timeline(story: Chronicle) -> str:
    """A row for each host with a turn: when what happened to it, and how long that took; "" without any."""
    rows = [row for host, name in story.hosts.items() if (row := _row(story, host, name))]
    if not rows:
        return ""
    day = time.strftime("%Y-%m-%d %Z", time.localtime(story.began))
    return f"## When it happened\n\n{day}\n\n{table(_HEADER, rows)}"


def ended_early(story: Chronicle, error: BaseException) -> str:
    """The report of a run that did not get to its end."""
    return "\n".join(_ended_early(story, error))


def _ended_early(story: Chronicle, error: BaseException) -> Iterator[str]:
    if story.pool is not None:
        yield f"# {plain(story.pool.hotfix)} on {plain(story.pool.name)}: ended early\n"
    yield f"{plain(str(error) or type(error).__name__)}\n"
    done = ", ".join(story.patched.values()) or "no host"
    yield f"This run patched {plain(done)}, with {len(story.made)} live migrations.\n"
    yield timeline(story)


def _row(story: Chronicle, host: HostUuid, name: str) -> tuple[str, ...] | None:
    bars = story.bars(host)
    if not bars:
        return None
    moves = [each for each in story.made if each.move.turn == host]
    cells = ["; ".join(_when(bar.begin, bar.end) for bar in bars if bar.phase is phase) for phase in Phase]
    return (name, *cells, str(len(moves)))


def _when(begin: float, end: float) -> str:
    clock = [time.strftime("%H:%M:%S", time.localtime(moment)) for moment in (begin, end)]
    return f"{' - '.join(clock)} ({span(end - begin)})"
