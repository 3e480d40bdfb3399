"""Threads for what a flow does side by side."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextvars import ContextVar, copy_context
from types import TracebackType
from typing import Any, Generic, ParamSpec, Self, TypeVar

from prefect.futures import PrefectFuture
from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner

from xenpatch.waiting import cut_short

P = ParamSpec("P")
T = TypeVar("T")

MOST = 64
"""Flows, or tasks of one flow, that run side by side at most; the plan says how many really do."""


def workers(number: int = MOST) -> TaskRunner[PrefectFuture[Any]]:
    """At most `number` tasks at once."""
    runner: TaskRunner[Any] = ThreadPoolTaskRunner(max_workers=number)
    return runner


class SideBySide(Generic[T]):
    """Subflows in threads of their own, each in a copy of the starting flow's context.

    At the end of the block all of them are waited for; if the block ends by an interruption, such as
    Ctrl-C or a cancellation, they stop waiting for the pool first.
    """

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(MOST, thread_name_prefix="turn")
        self._futures: dict[str, Future[T]] = {}
        self._stopped = threading.Event()

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Wait for every flow that was started."""
        if error is not None and not isinstance(error, Exception):
            self._stopped.set()
        self._pool.shutdown(wait=True)

    def start(self, key: str, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> None:
        """Start a flow under a key of its own, and wait until its body has called `begun` (or it is over).

        Prefect numbers the subflows of a flow as they are made; two made at once could get one number.
        """
        made = threading.Event()
        context = copy_context()
        context.run(_made.set, made)
        context.run(cut_short.set, self._stopped)
        future = self._pool.submit(lambda: context.run(function, *args, **kwargs))
        future.add_done_callback(lambda _: made.set())
        self._futures[key] = future
        made.wait()

    def ends(self) -> dict[str, bool]:
        """Wait for all of them; by key, whether each ended well."""
        wait(self._futures.values())
        return {key: future.exception() is None for key, future in self._futures.items()}

    def results(self, first: str | None = None) -> tuple[T, ...]:
        """What the flows returned, in the order of their start; if some failed, the `first` one's failure."""
        wait(self._futures.values())
        if first in self._futures:
            self._futures[first].result()
        return tuple(future.result() for future in self._futures.values())


_made: ContextVar[threading.Event] = ContextVar("made")


def begun() -> None:
    """Say in the body of a flow that it has begun; for flows that run side by side."""
    _made.get(threading.Event()).set()
