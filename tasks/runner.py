"""Threads for what a flow does side by side."""

from typing import Any

from prefect.futures import PrefectFuture
from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner


def workers(number: int) -> TaskRunner[PrefectFuture[Any]]:
    """At most `number` tasks at once."""
    runner: TaskRunner[Any] = ThreadPoolTaskRunner(max_workers=number)
    return runner
