"""The flows without Prefect: flows and tasks are called as functions, and threads do what goes side by side.

Nothing is retried, shown, logged or announced; all that is done to the pool is the same.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for_threads
from contextlib import AbstractContextManager, nullcontext
from contextvars import copy_context
from functools import update_wrapper
from typing import Any, Final
from uuid import uuid4

import prefect
import prefect.artifacts
import prefect.futures
import prefect.logging
from prefect.client.schemas.objects import FlowRun

from xenpatch.report import RunReport
from xenpatch.result import Result

Function = Callable[..., Any]

_THREADS: Final = ThreadPoolExecutor(64)


class Called:
    """A task that is no more than its function."""

    def __init__(self, function: Function) -> None:
        update_wrapper(self, function)
        self._function = function

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call it here."""
        return self._function(*args, **kwargs)

    def submit(self, *args: Any, **kwargs: Any) -> Submitted:
        """Call it in a thread."""
        context = copy_context()
        return Submitted(_THREADS.submit(lambda: context.run(self._function, *args, **kwargs)))


class Submitted:
    """As much of Prefect's future as the flows use."""

    def __init__(self, future: Future[Any]) -> None:
        self.future = future

    def result(self, *, raise_on_failure: bool = True) -> Any:
        """What the task returned, or raised."""
        failed = self.future.exception()
        if failed is not None and raise_on_failure:
            raise failed
        return failed or self.future.result()

    def add_done_callback(self, told: Callable[[Submitted], None]) -> None:
        """Have it told when the task is over."""
        self.future.add_done_callback(lambda _: told(self))


def install() -> None:
    """Put this in Prefect's place, before flows and tasks are imported."""
    prefect.flow = _decorator(lambda function: function)  # type: ignore[assignment]
    prefect.task = _decorator(Called)  # type: ignore[assignment]
    prefect.futures.wait = _wait  # type: ignore[assignment]
    prefect.logging.get_run_logger = _logger  # type: ignore[assignment]
    for name in ("create_markdown_artifact", "create_table_artifact"):
        setattr(prefect.artifacts, name, _nothing)
    from flows import job  # noqa: PLC0415 - imports what was replaced
    from tasks import following, result  # noqa: PLC0415 - likewise

    job.this_run = _run
    result.kept = _unkept  # type: ignore[assignment]
    following.followed = _unseen  # type: ignore[assignment]
    following.reported = _unchanged


def _decorator(made: Callable[[Function], Any]) -> Callable[..., Callable[[Function], Any]]:
    def decorator(**_: Any) -> Callable[[Function], Any]:
        return made

    return decorator


def _wait(submitted: Iterable[Submitted]) -> None:
    wait_for_threads([each.future for each in submitted])


def _run() -> FlowRun:
    return FlowRun(flow_id=uuid4(), run_count=1)


def _unkept() -> AbstractContextManager[Result]:
    return nullcontext(Result())


def _unseen(_: object) -> AbstractContextManager[None]:
    return nullcontext()


def _unchanged(report: RunReport) -> RunReport:
    return report


def _logger() -> logging.Logger:
    return logging.getLogger("bare")


def _nothing(**_: Any) -> None:
    pass
