"""What is known of a run from its events, for displays; plain data, no clock and no screen of its own."""

from __future__ import annotations

from dataclasses import dataclass

from xenpatch import progress
from xenpatch.plan.forecast import Forecast
from xenpatch.plan.model import Move, Plan
from xenpatch.plan.time_left import TimeLeft
from xenpatch.progress import Condition, Event, Step
from xenpatch.workload import Workload
from xenpatch.xapi.types import HostUuid, VmUuid

_SILENCE = 15.0  # seconds after which a wait that nobody reports is taken to be over


@dataclass
class HostRow:
    """A host of the run; ``started`` and ``ended`` are the epoch seconds of its turn.

    ``failed`` holds while the last step that was begun has ended badly.
    """

    name: str
    state: Condition = Condition.IN_SERVICE
    step: Step | None = None
    failed: bool = False
    started: float | None = None
    ended: float | None = None


@dataclass
class MoveRow:
    """A live migration under way; ``fraction`` of 0 to 1."""

    move: Move
    fraction: float = 0.0


class Board:
    """The run as it stands; ``now`` is in epoch seconds everywhere."""

    def __init__(self) -> None:
        self.pool: progress.PoolSeen | None = None
        self.hosts: dict[HostUuid, HostRow] = {}
        self.moves: dict[VmUuid, MoveRow] = {}
        self.pool_step: progress.Started | None = None
        self.transfer: progress.Advanced | None = None
        self.failures: list[progress.Failed] = []
        self.work = Workload()
        self.mixed_since: float | None = None
        self.mixed_until: float | None = None
        self._began: float | None = None
        self._forecast: Forecast | None = None
        self._foreseen_at = 0.0
        self._left = TimeLeft()
        self._waits: dict[str, tuple[progress.Waiting, float]] = {}

    def see(self, event: Event, now: float) -> None:
        """Take in an event."""
        self._began = now if self._began is None else self._began
        match event:
            case progress.PoolSeen():
                self.pool = event
            case progress.Planned(plan, forecast):
                self._plan(plan, forecast)
                self._foreseen_at = now
            case progress.HostState(host, name, state):
                self._row(host, name).state = state
                self._levels(host, now)
            case progress.Waiting(what):
                self._waits[what] = (event, now)
            case progress.Waited(what):
                self._waits.pop(what, None)
            case progress.MoveStarted() | progress.MoveAdvanced() | progress.MoveDone():
                self._move(event, now)
            case progress.Started() | progress.Advanced() | progress.Done() | progress.Failed():
                self._step(event, now)
        self._end_turns(now)
        self._left.tell(self.work.total, self.work.progressed, now - self._began)

    def name(self, host: HostUuid | None) -> str | None:
        """The name of a host that an event speaks of, None for the pool."""
        if host is None:
            return None
        row = self.hosts.get(host)
        return row.name if row else host

    def waits(self, now: float) -> list[progress.Waiting]:
        """What is being waited for, the longest wait first."""
        current = [wait for wait, seen in self._waits.values() if now - seen <= _SILENCE]
        return sorted(current, key=lambda wait: -wait.waited)

    def time_left(self, now: float) -> float | None:
        """Wall seconds to the end, None before there is a plan."""
        if self._began is None or not self.work.planned:
            return None
        return self._left.remaining(now - self._began)

    def latest_left(self, now: float) -> float | None:
        """Wall seconds to an end not exceeded nine times of ten (P90), None where nothing is foreseen."""
        left, seen = self.time_left(now), self._forecast
        if left is None or seen is None or seen.total.p50 <= 0:
            return None
        return left * seen.total.p90 / seen.total.p50

    def expected(self, host: HostUuid) -> tuple[float, float] | None:
        """When the host's turn will be over (epoch seconds, P50 and P90), as foreseen with the plan."""
        span = self._forecast.hosts.get(host) if self._forecast else None
        if span is None:
            return None
        pace = self._left.pace
        return self._foreseen_at + span.p50 * pace, self._foreseen_at + span.p90 * pace

    def mixed_time(self, now: float) -> float | None:
        """Seconds in which patched and other hosts have run side by side; None if they never did."""
        if self.mixed_since is None:
            return None
        return (now if self.mixed_until is None else self.mixed_until) - self.mixed_since

    @property
    def patched(self) -> int:
        """How many hosts are patched."""
        return sum(row.state is Condition.PATCHED for row in self.hosts.values())

    def _row(self, host: HostUuid, name: str | None = None) -> HostRow:
        row = self.hosts.setdefault(host, HostRow(name or host))
        row.name = name or row.name
        return row

    def _plan(self, plan: Plan, forecast: Forecast | None) -> None:
        self.work.plan(plan, forecast.total.p50 if forecast else None)
        self._forecast = forecast
        for turn in plan.turns:
            self._row(turn.host, turn.name)

    def _levels(self, host: HostUuid, now: float) -> None:
        if self.hosts[host].state is Condition.PATCHED:
            for step in (Step.MIGRATE, Step.REBOOT, Step.VERIFY):
                self.work.finish_step(step, host)
        if 0 < self.patched < len(self.hosts):
            self.mixed_since = now if self.mixed_since is None else self.mixed_since
        elif self.mixed_since is not None and self.mixed_until is None:
            self.mixed_until = now

    def _step(
        self, event: progress.Started | progress.Advanced | progress.Done | progress.Failed, now: float
    ) -> None:
        step, host = event.step, event.host
        match event:
            case progress.Started():
                self._start(event, now)
            case progress.Advanced():
                self.transfer = event if event.total is not None else self.transfer
                self.work.advance((step, host, ""), event.fraction)
            case progress.Done():
                self._end(step, host)
            case progress.Failed():
                self.failures.append(event)
                if host is not None:
                    row = self._row(host)
                    row.failed, row.step, row.ended = True, step, now

    def _start(self, event: progress.Started, now: float) -> None:
        self.work.finish_before(event.step, event.host)
        if event.host is None:
            self.pool_step = event
            return
        self.pool_step = None
        self._busy(event.host, event.step, now)

    def _busy(self, host: HostUuid, step: Step, now: float) -> None:
        row = self._row(host)
        row.step, row.failed, row.ended = step, False, None
        row.started = now if row.started is None else row.started

    def _end(self, step: Step, host: HostUuid | None) -> None:
        """A step is over; taking a host out of service ends before its VMs have left it."""
        self.failures = [failure for failure in self.failures if (failure.step, failure.host) != (step, host)]
        if step is not Step.MIGRATE:
            self.work.finish_step(step, host)
        if self.transfer and (self.transfer.step, self.transfer.host) == (step, host):
            self.transfer = None
        if host is None:
            self.pool_step = None
            return
        self._row(host).step = None

    def _end_turns(self, now: float) -> None:
        for host, row in self.hosts.items():
            begun = row.started is not None and row.ended is None
            if begun and self.work.planned and self.work.nothing_left(host):
                row.step, row.ended = None, now

    def _move(
        self, event: progress.MoveStarted | progress.MoveAdvanced | progress.MoveDone, now: float
    ) -> None:
        move = event.move
        task = self.work.task_of(move)
        match event:
            case progress.MoveStarted():
                self.moves[move.vm] = MoveRow(move)
                step, host, _ = task
                if host is not None and self.work.holds(task):
                    self._busy(host, step, now)
            case progress.MoveAdvanced():
                if row := self.moves.get(move.vm):
                    row.fraction = event.fraction
                    self.work.advance(task, event.fraction)
            case progress.MoveDone(error=None):
                self.moves.pop(move.vm, None)
                self.work.finish(task)
            case progress.MoveDone():
                self.moves.pop(move.vm, None)
                self.work.advance(task, 0.0)
