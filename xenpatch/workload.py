"""How much of a run is done, in prior seconds: the weights behind its progress bar and its time left."""

from __future__ import annotations

from typing import Final

from xenpatch.plan.durations import REBOOT, VERIFY, Durations, estimate_move
from xenpatch.plan.model import Move, Plan
from xenpatch.plan.schedule import timetable
from xenpatch.progress import Step
from xenpatch.xapi.types import HostUuid

POOL_STEPS: Final = {
    Step.CHECKSUM: 5.0,
    Step.UPLOAD: 60.0,
    Step.PRECHECK: 20.0,
    Step.RECORD: 2.0,
    Step.BACKUP: 5.0,
    Step.APPLY: 60.0,
}
_HOST_STEPS: Final = {Step.REBOOT: REBOOT, Step.VERIFY: VERIFY}

Task = tuple[Step, HostUuid | None, str]
"""A piece of work: its step, the host whose turn it belongs to, and the VM if it is a move."""


class Workload:
    """What there is to do and what is done.

    A new plan replaces what the old one had left; work that is reported twice, or never was planned,
    counts nothing.
    """

    def __init__(self) -> None:
        self.done = 0.0
        self._left: dict[Task, float] = {(step, None, ""): weight for step, weight in POOL_STEPS.items()}
        self._begun: dict[Task, float] = {}
        self.planned = False

    @property
    def total(self) -> float:
        """Prior seconds of everything, done or not."""
        return self.done + sum(self._left.values())

    @property
    def progressed(self) -> float:
        """Prior seconds of what is done, work under way by its fraction."""
        return self.done + sum(self._left[task] * part for task, part in self._begun.items())

    @property
    def share(self) -> float:
        """How much of everything has been done, of 0 to 1."""
        return self.progressed / self.total

    def plan(self, plan: Plan, seconds: float | None = None) -> None:
        """Take over a plan for all that is left of the hosts' turns, which will take so long.

        With all that goes on side by side, that is less than the sum of its parts.
        """
        self.planned = True
        hosts: dict[Task, float] = {self.task_of(move): estimate_move(move.memory) for move in plan}
        for turn in plan.turns:
            if turn.reboots:
                hosts |= {(step, turn.host, ""): weight for step, weight in _HOST_STEPS.items()}
        shared = (_length(plan) if seconds is None else seconds) / max(sum(hosts.values()), 1.0)
        self._left = {task: weight for task, weight in self._left.items() if task[1] is None}
        self._left |= {task: shared * weight for task, weight in hosts.items()}
        self._begun = {task: part for task, part in self._begun.items() if task in self._left}

    def advance(self, task: Task, fraction: float) -> None:
        """A piece of work got to that fraction (0 to 1)."""
        if task in self._left:
            self._begun[task] = min(max(fraction, 0.0), 1.0)

    def finish(self, task: Task) -> None:
        """A piece of work is done."""
        self._begun.pop(task, None)
        self.done += self._left.pop(task, 0.0)

    def finish_step(self, step: Step, host: HostUuid | None) -> None:
        """A whole step is done, whatever moves it had left."""
        for task in [task for task in self._left if task[:2] == (step, host)]:
            self.finish(task)

    def finish_before(self, step: Step, host: HostUuid | None) -> None:
        """What comes before that step, in the pool's part and in the host's, is over, needed or not."""
        order = list(Step)
        for over in order[: order.index(step)]:
            self.finish_step(over, None)
            if host is not None:
                self.finish_step(over, host)

    def task_of(self, move: Move) -> Task:
        """The piece of work that a move is, of the turn in which it is made."""
        return (Step.HOME if move.homeward else Step.MIGRATE, move.turn, move.vm)

    def holds(self, task: Task) -> bool:
        """Whether a piece of work is planned and not done."""
        return task in self._left

    def nothing_left(self, host: HostUuid) -> bool:
        """Whether a host's turn holds no more work."""
        return not any(of == host for _, of, _ in self._left)

    def moves_left(self, host: HostUuid) -> tuple[int, int]:
        """How many VMs are yet to leave the host and how many to come home, in its own turn."""
        steps = [step for step, of, vm in self._left if of == host and vm]
        return steps.count(Step.MIGRATE), steps.count(Step.HOME)


def _length(plan: Plan) -> float:
    """Prior seconds of the whole plan, with all that goes on side by side."""
    return timetable(plan, Durations.prior().median, plan.policy.moves_per_host).total
