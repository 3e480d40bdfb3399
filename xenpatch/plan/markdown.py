"""Who moves where, host by host: a plan as Markdown, for reports."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from xenpatch.plan import words
from xenpatch.plan.forecast import Forecast
from xenpatch.plan.model import Move, Plan
from xenpatch.xapi.types import HostUuid


def markdown(plan: Plan, forecast: Forecast | None = None, master: HostUuid | None = None) -> str:
    """What it costs, and a table of what happens for the sake of each host: "vm-a -> xs1, vm-b -> xs2"."""
    return f"{costs(plan, forecast)}\n\n{by_host(plan, forecast, master)}"


def costs(plan: Plan, forecast: Forecast | None = None) -> str:
    """What it costs, as a list."""
    return "\n".join(f"- **{name}**: {plain(value)}" for name, value in words.header(plan, forecast))


def by_host(plan: Plan, forecast: Forecast | None = None, master: HostUuid | None = None) -> str:
    """A row for each host: who leaves it, whether it reboots, who comes home, and when its turn is over."""
    heads = ["wave", "host", "VMs leave", "then", "VMs come home", *(["done after"] if forecast else [])]
    rows = []
    for turn in plan.turns:
        name = words.starred(turn.name, turn.host, master)
        then = "reboot" if turn.reboots else ""
        cells = [str(turn.wave), name, _whither(plan.out(turn.host), turn.host), then]
        cells += [
            _whence(plan.back(turn.host)),
            *([words.done_after(forecast, turn.host)] if forecast else []),
        ]
        rows.append(cells)
    return table(heads, rows)


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table, whatever stands in its cells."""
    lines = [f"| {' | '.join(heads)} |", f"| {' | '.join('---' for _ in heads)} |"]
    lines += [f"| {' | '.join(map(plain, row))} |" for row in rows]
    return "\n".join(lines) + "\n"


def plain(text: str) -> str:
    """What would end a cell of a table, or begin markup, is made harmless."""
    return re.sub(r"([\\|`*_<\[\]])", r"\\\1", " ".join(text.split()))


def _whither(moves: Sequence[Move], host: HostUuid) -> str:
    """Those that leave the host, and those that step aside for them."""
    return ", ".join(
        f"{move.vm_name} → {move.dst_name}" if move.src == host
        else f"({move.vm_name}: {move.src_name} → {move.dst_name})"
        for move in moves
    )  # fmt: skip


def _whence(moves: Sequence[Move]) -> str:
    return ", ".join(f"{move.vm_name} ← {move.src_name}" for move in moves)
