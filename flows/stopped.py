"""How a run that has stopped at a safe boundary ends in Prefect: neither as a success nor as a failure."""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar, cast

from prefect.states import Cancelled

from xenpatch.errors import Stopped

P = ParamSpec("P")
T = TypeVar("T")

NAME = "Stopped"
"""Of the state; its events are called prefect.flow-run.Stopped."""


def ends_as_stopped(run: Callable[P, T]) -> Callable[P, T]:
    """For the function of a flow: what raises Stopped ends in a state of that name, of the type Cancelled.

    Who called the flow in a process of his own gets the exception all the same: Prefect takes it out of the
    state.
    """

    @wraps(run)
    def stopping(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return run(*args, **kwargs)
        except Stopped as stopped:
            return cast("T", Cancelled(name=NAME, message=str(stopped), data=stopped))

    return stopping
