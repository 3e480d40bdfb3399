"""The questions that a run asks a person, and what follows from the answers."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from typing import Final

from prefect.flow_runs import suspend_flow_run
from prefect.input import RunInput
from prefect.logging import get_run_logger
from pydantic import Field

from xenpatch.approval import Approval, Before
from xenpatch.errors import AnswerNeeded, Stopped
from xenpatch.plan.markdown import markdown
from xenpatch.plan.model import NoRoom, Plan, Turn
from xenpatch.prechecks.finding import Finding
from xenpatch.steps.foresight import foresee

_OF_HOSTS: Final = "hosts-"
"""How the keys of questions begin that are asked between hosts."""


class Decision(StrEnum):
    """What a person says."""

    CONTINUE = "continue"
    STOP = "stop"


class Answer(RunInput):
    """The form in the Prefect UI."""

    decision: Decision = Field(description="Whether the run goes on, or stops here and leaves the pool so.")
    note: str = Field(default="", description="Free text, such as a change number; the run's log keeps it.")


@dataclass(frozen=True)
class Gate:
    """The questions of one run, and the keys of those that were answered before it began anew."""

    approval: Approval
    answered: frozenset[str] = frozenset()

    def before_any_change(self, plan: Plan | NoRoom, findings: Sequence[Finding]) -> None:
        """Ask for the plan; another set of hosts or findings is another question.

        Who was asked for hosts since then has seen it, and is not asked for what is left of it.
        """
        seen = any(key.startswith(_OF_HOSTS) for key in self.answered)
        if self.approval.plan and not seen and isinstance(plan, Plan) and plan.turns:
            names = ", ".join(turn.name for turn in plan.turns)
            about = [*sorted(turn.host for turn in plan.turns), *sorted(str(f) for f in findings)]
            self._ask(
                f"plan-{sha256(repr(about).encode()).hexdigest()[:16]}",
                f"may {names} be patched as planned?",
                f"{_listed(findings)}\n\n{markdown(plan, foresee(plan), plan.master)}",
                "Nothing was changed on the pool but that the hotfix is uploaded.",
            )

    def before_hosts(self, turns: Sequence[Turn], taken: int) -> None:
        """Ask for the hosts of the next wave, when ``taken`` had their turn in this run."""
        names, key = ", ".join(turn.name for turn in turns), None
        if self.approval.hosts is Before.EACH:
            key = f"{_OF_HOSTS}{'-'.join(sorted(turn.host for turn in turns))}"
        elif self.approval.hosts is Before.SECOND and taken:
            key = f"{_OF_HOSTS}after-first"
        if key is not None:
            self._ask(
                key,
                f"may {names} be taken next?",
                f"{taken} hosts had their turn since the run began, or went on, and are verified. Every host "
                f"is in service and every VM runs.\n\nNext: **{names}**.",
                "Every host is in service and every VM runs; no further host was touched.",
            )

    def _ask(self, key: str, question: str, text: str, state: str) -> None:
        """Go on if the answer is yes; raise Stopped if it is no, AnswerNeeded if there is none."""
        if key not in self.answered:
            raise AnswerNeeded(
                f"the run waits for an answer in Prefect: {question} {state}", key=key, text=text
            )
        answer = suspend_flow_run(wait_for_input=Answer, key=key)
        said = f" ({answer.note})" if answer.note else ""
        if answer.decision is Decision.STOP:
            raise Stopped(
                f"a person has answered no{said} to: {question} {state} Start again to continue; "
                "`xenpatch abandon` gives a run up that has begun."
            )
        get_run_logger().info("a person has answered yes%s to: %s", said, question)


def _listed(findings: Sequence[Finding]) -> str:
    """The findings, a line each."""
    lines = [f"- {f.severity.value}: {f.subject}: {f.message}" for f in findings]
    return "\n".join(lines) or "The prechecks have found nothing."
