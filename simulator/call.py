"""What a handler of a XenAPI message or of an HTTP path is given, and how it registers itself."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NewType, Protocol, TypeVar

if TYPE_CHECKING:
    from simulator.clock import Clock
    from simulator.database import Database
    from simulator.faults import Fault
    from simulator.http import Request
    from simulator.world import World

Ref = NewType("Ref", str)
NULL = Ref("OpaqueRef:NULL")


class XapiError(Exception):
    """A failure as the XenAPI reports it: a code and its parameters."""

    def __init__(self, code: str, *params: str) -> None:
        super().__init__(code, *params)
        self.code = code
        self.params = params

    @property
    def description(self) -> list[str]:
        """The value of `ErrorDescription` on the wire and of a task's error_info."""
        return [self.code, *self.params]


class ConnectionDropped(Exception):  # what the client sees, not what went wrong here
    """A fault rule cuts the client's connection."""


class TaskHandle(Protocol):
    """The task a call runs in; one without effect stands in for calls that have none."""

    @property
    def ref(self) -> Ref:
        """The task's reference, or NULL."""

    @property
    def cancelling(self) -> bool:
        """Whether a client asked to cancel the task."""

    def set_progress(self, fraction: float) -> None:
        """Set the task's progress, 0.0 to 1.0."""

    def check_cancelled(self) -> None:
        """Raise TASK_CANCELLED if a client asked to cancel the task."""

    def complete(self, result: str = "") -> None:
        """End the task in success. Whoever started the call does this, not its handler."""

    def fail(self, error: XapiError) -> None:
        """End the task in failure, or as cancelled. Whoever started the call does this, not its handler."""

    def destroy(self) -> None:
        """Remove the task."""


class NoTask:
    """The task handle of calls that xapi runs without a task, such as getters."""

    ref = NULL
    cancelling = False

    def set_progress(self, fraction: float) -> None:
        """Forget the progress."""

    def check_cancelled(self) -> None:
        """Never cancelled."""

    def complete(self, result: str = "") -> None:
        """Forget the result."""

    def fail(self, error: XapiError) -> None:
        """Forget the error."""

    def destroy(self) -> None:
        """Nothing to remove."""


@dataclass(frozen=True)
class Call:
    """One call under way: where it arrived, as whom, and in which task."""

    world: "World"
    host: Ref
    session: Ref | None = None
    task: TaskHandle = field(default_factory=NoTask)
    fault: "Fault | None" = None
    """What a fault rule says of it: errors, delays and drops are seen to, the rest is the handler's."""

    @property
    def db(self) -> "Database":
        """The pool's database."""
        return self.world.db

    @property
    def clock(self) -> "Clock":
        """The simulated clock."""
        return self.world.clock

    def sleep(self, seconds: float) -> None:
        """Sleep simulated seconds in a way that `task.cancel` can end, with TASK_CANCELLED."""
        self.db.wait_until(lambda: self.task.cancelling, seconds)
        self.task.check_cancelled()

    def invoke(self, name: str, *args: Any) -> Any:
        """Carry out another message in the same task, as xapi's own client calls do.

        Arguments and result are Python values, not wire values. Faults apply; the journal does not see it.
        """
        return self.world.perform(replace(self, fault=None), name, *args)


MessageHandler = Callable[..., Any]
RouteHandler = Callable[["Request", Call], str | None]
_Message = TypeVar("_Message", bound=MessageHandler)

MESSAGES: dict[str, MessageHandler] = {}
ROUTES: dict[tuple[str, str], RouteHandler] = {}


def message(name: str) -> Callable[[_Message], _Message]:
    """Register the handler of a message, as in `@message("VM.pool_migrate")`.

    The handler is called with the `Call` and the unmarshalled arguments in the schema's order, optional ones
    filled with their defaults; what it returns is marshalled as the schema's result type.
    """

    def register(handler: _Message) -> _Message:
        if MESSAGES.setdefault(name, handler) is not handler:
            raise ValueError(f"{name} has two handlers")
        return handler

    return register


def route(method: str, path: str) -> Callable[[RouteHandler], RouteHandler]:
    """Register the handler of an HTTP path, as in `@route("PUT", "/pool_patch_upload")`.

    The session (query, cookie or Basic) is checked before the handler runs; `call.task` is the client's task
    when the query names one. A returned string becomes that task's result; an XapiError fails the task and
    sends an error page.
    """

    def register(handler: RouteHandler) -> RouteHandler:
        if ROUTES.setdefault((method, path), handler) is not handler:
            raise ValueError(f"{method} {path} has two handlers")
        return handler

    return register
