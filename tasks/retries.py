"""When a task is tried again: only after failures that pass by themselves, each with its reason."""

import os
from typing import Any

from prefect.client.schemas.objects import State, TaskRun
from prefect.tasks import Task

from xenpatch.steps.passing import is_passing

SECONDS = float(os.environ.get("XENPATCH_RETRY_SECONDS", "10"))
"""The first pause; each further one is twice as long. Tests, whose pools are faster, set it to 0."""


def pauses(retries: int) -> list[float]:
    """Seconds before each retry."""
    return [SECONDS * 2**attempt for attempt in range(retries)]


def only_passing(task: Task[..., Any], run: TaskRun, state: State[Any]) -> bool:
    """Prefect's retry condition: the error is one that passes; every task looks before it acts again."""
    del task, run
    error = state.result(raise_on_failure=False)
    return isinstance(error, BaseException) and is_passing(error)


RETRIED: dict[str, Any] = {
    "retries": 3,
    "retry_delay_seconds": pauses,
    "retry_condition_fn": only_passing,
}
