"""Who moves where, host by host: a run, planned or past, as a drawing (SVG).

Each host is a lane over time. Its bars are what happens to it: emptied, rebooted, VMs coming home. Arrows
lead from the lane that a VM leaves to the one that it goes to; where there are too many, those of one host's
turn between the same two hosts are drawn as one, and in the largest pools only their ends are. Whatever is
drawn says what it is when pointed at.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from xml.sax.saxutils import escape

from xenpatch.plan import words
from xenpatch.plan.axis import Axis
from xenpatch.plan.model import Kind, Move
from xenpatch.plan.scene import Phase, Scene, counted
from xenpatch.units import size
from xenpatch.xapi.types import HostUuid

FEW: Final = 60
"""Up to so many moves are drawn one by one."""

CROWDED: Final = 400
"""From so many arrows on only their ends are drawn."""

_LEFT: Final = 120.0
_TOP: Final = 64.0
_NOT_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_STYLE: Final = """
text{font:11px system-ui,sans-serif;fill:#24292f}.title{font-size:14px;font-weight:600}.dim{fill:#57606a}
.paper{fill:#fff}.old{stroke:#d0d7de}.new{stroke:#8ccf9a}.old,.new{stroke-width:4}.tick{stroke:#d8dee4}
.out{fill:#e3a008}.boot{fill:#cf222e}.check{fill:#0969da}.back{fill:#2da44e}.arrow{fill:none;stroke:#57606a;stroke-width:1.2}
.home{stroke:#1a7f37}.room{stroke:#8250df}.crowded{stroke-width:8}
.no{font-size:9px;text-anchor:middle}.chip{fill:#fff;stroke:#8c959f}
@media(prefers-color-scheme:dark){text{fill:#e6edf3}.dim{fill:#9198a1}.paper{fill:#0d1117}.old{stroke:#3d444d}
.new{stroke:#238636}.tick{stroke:#2a313c}.out{fill:#d29922}.boot{fill:#f85149}.check{fill:#58a6ff}.back{fill:#3fb950}
.arrow{stroke:#9198a1}.home{stroke:#56d364}.room{stroke:#bc8cff}.chip{fill:#0d1117;stroke:#656c76}}
""".replace("\n", "")

_STYLES: Final = {
    Phase.EMPTIED: "out",
    Phase.REBOOTS: "boot",
    Phase.VERIFIED: "check",
    Phase.REFILLED: "back",
}


@dataclass(frozen=True)
class _Arrow:
    """One move, or several between the same hosts for the sake of the same host; ``begin`` in seconds."""

    moves: tuple[Move, ...]
    begin: float

    @property
    def style(self) -> str:
        kind = self.moves[0].kind
        return {Kind.RETURN: "arrow home", Kind.MAKE_ROOM: "arrow room"}.get(kind, "arrow")


def svg(scene: Scene, master: HostUuid | None, title: str) -> str:
    """The drawing, a whole document that needs nothing else."""
    return "\n".join(_Drawing(scene, master).lines(title)) + "\n"


class _Drawing:
    def __init__(self, scene: Scene, master: HostUuid | None) -> None:
        self.scene, self.master = scene, master
        self.few = len(scene.moves) <= FEW
        self.lane = 34.0 if len(scene.hosts) <= 16 else 20.0
        self.y = {host: _TOP + (place + 0.5) * self.lane for place, host in enumerate(scene.hosts)}
        self.bottom = _TOP + len(scene.hosts) * self.lane
        self.arrows = list(self._arrows())
        self.crowded = len(self.arrows) >= CROWDED
        self.gap = 16.0 if self.few else min(1600 / len(self.arrows), 4.0)
        moments = [moment for bar in scene.bars for moment in (bar.begin, bar.end)]
        starts = [arrow.begin for arrow in self.arrows]
        self.x = Axis([*moments, scene.total], starts, left=_LEFT, gap=self.gap)

    def lines(self, title: str) -> Iterator[str]:
        """The document, line by line."""
        legend = list(self._legend()) if self.few else []
        width = max(self.x.right + 30, 640)
        height = self.bottom + 34 + len(legend) * 15
        yield (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" '
            f'width="{width:.0f}" height="{height:.0f}" role="img">'
        )
        yield f"<title>{_text(title)}</title><style>{_STYLE}</style>"
        yield f'<rect class="paper" width="{width:.0f}" height="{height:.0f}"/>'
        yield f'<text class="title" x="12" y="22">{_text(title)}</text>'
        yield from self._key()
        yield from self._ticks()
        yield from self._lanes()
        yield from self._bars()
        yield from self._all_arrows()
        yield from legend
        yield "</svg>"

    def _key(self) -> Iterator[str]:
        x = 12.0
        for phase in self.scene.phases:
            yield f'<rect class="{_STYLES[phase]}" x="{x:.0f}" y="32" width="10" height="10" rx="2"/>'
            yield f'<text class="dim" x="{x + 15:.0f}" y="41">{phase}</text>'
            x += 30 + 6.2 * len(phase)
        yield f'<text class="dim" x="{x:.0f}" y="41">time is stretched while VMs move; * is the master</text>'

    def _ticks(self) -> Iterator[str]:
        yield self._tick(self.scene.total, "end")
        last = -100.0
        boots = (bar.begin for bar in self.scene.bars if bar.phase is Phase.REBOOTS)
        for moment in sorted({0.0, *boots}):
            x = self.x(moment)
            if x - last >= 76 and self.x.right - x >= 150:
                yield self._tick(moment, "start")
                last = x

    def _tick(self, moment: float, anchor: str) -> str:
        x = self.x(moment)
        return (
            f'<path class="tick" d="M{x:.0f} {_TOP:.0f}V{self.bottom + 4:.0f}"/><text class="dim" '
            f'text-anchor="{anchor}" x="{x:.0f}" y="{self.bottom + 17:.0f}">{self.scene.told(moment)}</text>'
        )

    def _lanes(self) -> Iterator[str]:
        for host, name in self.scene.hosts.items():
            y = self.y[host]
            shown = words.starred(name if len(name) <= 15 else f"{name[:14]}…", host, self.master)
            yield f'<text x="12" y="{y + 4:.0f}">{_text(shown)}</text>'
            updated = self.scene.updated.get(host)
            turned = self.x.right if updated is None else self.x(updated)
            if turned > _LEFT:
                yield f'<path class="old" d="M{_LEFT:.0f} {y:.0f}H{turned:.1f}"/>'
            yield f'<path class="new" d="M{turned:.1f} {y:.0f}H{self.x.right:.1f}"/>'

    def _bars(self) -> Iterator[str]:
        for bar in self.scene.bars:
            x, y = self.x(bar.begin), self.y[bar.host]
            width = max(self.x(bar.end) - x, 2.0)
            what = f"{self.scene.hosts[bar.host]} {bar.phase}{': ' if bar.what else ''}{bar.what}"
            tip = f"{what}, {self.scene.told(bar.begin)} to {self.scene.told(bar.end)}"
            yield (
                f'<rect class="{_STYLES[bar.phase]}" x="{x:.1f}" y="{y - 7:.0f}" width="{width:.1f}" '
                f'height="14" rx="2"><title>{_text(tip)}</title></rect>'
            )

    def _arrows(self) -> Iterator[_Arrow]:
        """Each move, or those of a turn between two hosts as one; in the order of time."""
        groups: dict[object, list[Move]] = defaultdict(list)
        for move in self.scene.moves:
            groups[move.no if self.few else (move.turn, move.src, move.dst, move.kind)].append(move)
        begins = self.scene.begin
        arrows = (_Arrow(tuple(moves), min(begins[m.no] for m in moves)) for moves in groups.values())
        yield from sorted(arrows, key=lambda arrow: (arrow.begin, arrow.moves[0].no))

    def _all_arrows(self) -> Iterator[str]:
        """Side by side where they begin together; when they are many, a turn's are one path."""
        beside: dict[float, int] = defaultdict(int)
        paths: dict[tuple[HostUuid, str], list[tuple[_Arrow, str]]] = defaultdict(list)
        chips = []
        for arrow in self.arrows:
            first, *_ = arrow.moves
            x = self.x(arrow.begin) + (beside[arrow.begin] + 0.5) * self.gap
            beside[arrow.begin] += 1
            key = (first.turn if not self.few else HostUuid(str(first.no)), arrow.style)
            paths[key].append((arrow, self._path(x, self.y[first.src], self.y[first.dst])))
            if self.few:
                chips.append(_chip(x, self.y[first.src], str(first.no)))
        for (_, style), drawn in paths.items():
            tip = "" if self.crowded else "; ".join(_told(arrow) for arrow, _ in drawn)
            lines = "".join(path for _, path in drawn)
            crowded = " crowded" if self.crowded else ""
            yield f'<path class="{style}{crowded}" d="{lines}"><title>{_text(tip)}</title></path>'
        yield from chips

    def _path(self, x: float, start: float, end: float) -> str:
        """A line with its head, or its end alone."""
        if self.crowded:
            return f"M{x:.0f} {end:.0f}h3"
        down = 1 if end > start else -1
        tip = end - 7 * down
        return f"M{x:.0f} {start:.0f}V{tip:.0f}m-3 {-4 * down}l3 {4 * down} 3 {-4 * down}"

    def _legend(self) -> Iterator[str]:
        """The names of the moves by their numbers, in columns."""
        moves = sorted(self.scene.moves, key=lambda move: move.no)
        columns = max(int(max(self.x.right, 610) // 240), 1)
        rows = -(-len(moves) // columns)
        for row in range(rows):
            y = self.bottom + 42 + row * 15
            cells = []
            for place, move in enumerate(moves[row::rows]):
                told = f"{move.no}  {move.vm_name}: {move.src_name} → {move.dst_name}"
                shown = told if len(told) <= 38 else f"{told[:37]}…"
                cells.append(f'<text class="dim" x="{12 + place * 240}" y="{y:.0f}">{_text(shown)}</text>')
            yield "".join(cells)


def _chip(x: float, y: float, number: str) -> str:
    return (
        f'<rect class="chip" x="{x - 7:.0f}" y="{y - 6:.0f}" width="14" height="12" rx="3"/>'
        f'<text class="no" x="{x:.0f}" y="{y + 3.5:.1f}">{number}</text>'
    )


def _told(arrow: _Arrow) -> str:
    first, *others = arrow.moves
    if others:
        return f"{counted(arrow.moves)} {first.src_name} → {first.dst_name}"
    return (
        f"{first.no}: {first.vm_name}, {size(first.memory)}, {first.src_name} → {first.dst_name}; {first.why}"
    )


def _text(text: str) -> str:
    return escape(_NOT_XML.sub("\ufffd", text))
