"""How much of a run is done, in prior seconds: the weights behind its progress bar and its time left."""

from __future__ import annotations

from typing import Final

from xenpatch.plan.durations import REBOOT, VERIFY, estimate_move, estimate_phase
from xenpatch.plan.model import Move, Plan
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

    def __init__(self, at_once: int) -> None:
        self.at_once = at_once
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

    def plan(self, plan: Plan) -> None:
        """Take over a plan for all that is left of the hosts' turns."""
        self.planned = True
        self._left = {task: weight for task, weight in self._left.items() if task[1] is None}
        for turn in plan.hosts:
            for step, moves in ((Step.MIGRATE, turn.out), (Step.HOME, turn.back)):
                shared = estimate_phase(moves, self.at_once) / sum(map(_alone, moves)) if moves else 0.0
                self._left |= {(step, turn.host, move.vm): shared * _alone(move) for move in moves}
            if turn.reboots:
                self._left |= {(step, turn.host, ""): weight for step, weight in _HOST_STEPS.items()}
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
        """The piece of work that a move is: it empties its source's host, or it brings home."""
        out: Task = (Step.MIGRATE, move.src, move.vm)
        return out if out in self._left else (Step.HOME, move.dst, move.vm)

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


def _alone(move: Move) -> float:
    return estimate_move(move.memory)
