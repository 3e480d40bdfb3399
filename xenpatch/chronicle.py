"""What a run has done, with the times at which it really happened by the clock of the machine that runs it.

Fed by `xenpatch.progress`. A run that is continued has a chronicle of its own: what this run did.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from xenpatch import progress
from xenpatch.plan.model import Move
from xenpatch.plan.scene import Bar, Phase, Scene, counted, names
from xenpatch.progress import Condition, Event, PoolSeen, Step
from xenpatch.units import span
from xenpatch.xapi.types import HostUuid, VmUuid

_OPENED_BY: Final = {Step.MIGRATE: Phase.EMPTIED, Step.VERIFY: Phase.VERIFIED}
_CLOSED_BY: Final = {
    Step.MAINTENANCE: Phase.EMPTIED,
    Step.REBOOT: Phase.REBOOTS,
    Step.VERIFY: Phase.VERIFIED,
}


class Made(NamedTuple):
    """A live migration that was made, in epoch seconds."""

    move: Move
    begin: float
    end: float


class Chronicle:
    """A listener; safe in threads. All times that it gives are epoch seconds, but for those of a scene."""

    def __init__(self, *, clock: Callable[[], float] = time.time) -> None:
        self.pool: PoolSeen | None = None
        self.made: list[Made] = []
        self.began = self.ended = clock()
        self._clock = clock
        self._lock = threading.RLock()
        self._hosts: dict[HostUuid, str] = {}
        self._states: dict[HostUuid, Condition] = {}
        self._patched: dict[HostUuid, float] = {}
        self._before: set[HostUuid] = set()
        self._moving: dict[VmUuid, float] = {}
        self._open: dict[tuple[HostUuid, Phase], float] = {}
        self._bars: list[Bar] = []

    def __call__(self, event: Event) -> None:
        """Take in an event."""
        with self._lock:
            self.ended = now = self._clock()
            match event:
                case PoolSeen():
                    self.pool = event
                case progress.HostState(host, name, state):
                    self._hosts[host] = name
                    self._see(host, state, now)
                case progress.Started(step, host) if host is not None and step in _OPENED_BY:
                    self._open.setdefault((host, _OPENED_BY[step]), now)
                case progress.Done(step, host) | progress.Failed(step, host) if (
                    host is not None and step in _CLOSED_BY
                ):
                    self._close(host, _CLOSED_BY[step], now)
                case progress.MoveStarted(move):
                    self._moving[move.vm] = now
                case progress.MoveDone(move, error):
                    begin = self._moving.pop(move.vm, now)
                    if error is None:
                        self.made.append(Made(move, begin, now))

    @property
    def patched(self) -> dict[HostUuid, str]:
        """The hosts that this run has patched, with their names."""
        with self._lock:
            return {host: self._hosts[host] for host in self._patched if host not in self._before}

    @property
    def hosts(self) -> dict[HostUuid, str]:
        """All hosts that were told of, with their names: those with a turn in its order, then the others."""
        with self._lock:
            first = sorted(self._all_bars(), key=lambda bar: bar.begin)
            return {bar.host: self._hosts.get(bar.host, bar.host) for bar in first} | self._hosts

    def bars(self, host: HostUuid) -> list[Bar]:
        """What the host has gone through, in its order."""
        with self._lock:
            return sorted((bar for bar in self._all_bars() if bar.host == host), key=lambda bar: bar.begin)

    def scene(self) -> Scene:
        """All of it, to be drawn."""
        with self._lock:
            began = self.began
            made = sorted(self.made, key=lambda each: each.begin)
            moves = tuple(each.move._replace(no=no) for no, each in enumerate(made, 1))
            return Scene(
                hosts=names(self.hosts, moves),
                moves=moves,
                begin={no: each.begin - began for no, each in enumerate(made, 1)},
                bars=tuple(
                    bar._replace(begin=bar.begin - began, end=bar.end - began) for bar in self._all_bars()
                ),
                updated={host: at - began for host, at in self._patched.items()},
                total=self.ended - began,
                told=lambda moment: time.strftime("%H:%M:%S", time.localtime(began + moment)),
            )

    def title(self) -> str:
        """What the drawing is of, in a line."""
        subject = f"{self.pool.hotfix} for {self.pool.name}: " if self.pool else ""
        when = time.strftime("%Y-%m-%d %H:%M %Z", time.localtime(self.began))
        return f"{subject}{len(self.made)} live migrations, {span(self.ended - self.began)} from {when} on"

    def _see(self, host: HostUuid, state: Condition, now: float) -> None:
        before = self._states.get(host)
        self._states[host] = state
        if state is Condition.DOWN:
            self._close(host, Phase.EMPTIED, now)
            self._open[host, Phase.REBOOTS] = now
        elif state is Condition.IN_SERVICE:
            self._close(host, Phase.EMPTIED, now)
        elif state is Condition.PATCHED:
            self._patched.setdefault(host, self.began if before is None else now)
            self._before |= {host} if before is None else set()

    def _close(self, host: HostUuid, phase: Phase, now: float) -> None:
        begin = self._open.pop((host, phase), None)
        if begin is not None:
            self._bars.append(Bar(host, phase, begin, now))

    def _all_bars(self) -> Iterator[Bar]:
        """Those that are over, those that are not, and those that moves make."""
        yield from (self._with_moves(bar) for bar in self._bars)
        for (host, phase), begin in self._open.items():
            yield self._with_moves(Bar(host, phase, begin, self.ended))
        home = defaultdict(list)
        for each in self.made:
            if each.move.homeward:
                home[each.move.turn].append(each)
        for host, back in home.items():
            begin, end = min(each.begin for each in back), max(each.end for each in back)
            yield Bar(host, Phase.REFILLED, begin, end, counted([each.move for each in back]))

    def _with_moves(self, bar: Bar) -> Bar:
        """The VMs that left while a host was emptied."""
        if bar.phase is not Phase.EMPTIED:
            return bar
        left = [
            each.move
            for each in self.made
            if each.move.src == bar.host and bar.begin <= each.begin <= bar.end
        ]
        return bar._replace(what=counted(left))
