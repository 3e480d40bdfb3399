"""What automations can react to: events of a run, with the pool and its hosts as resources.

Names and fields are described in docs/events.md.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from prefect.events import emit_event
from prefect.exceptions import TerminationSignal
from prefect.runtime import flow_run

from xenpatch.chronicle import Chronicle
from xenpatch.errors import AnswerNeeded, Interrupted, Refused, Stopped
from xenpatch.plan.scene import Phase
from xenpatch.progress import Condition, Event, HostState, PoolSeen
from xenpatch.record import RunId
from xenpatch.xapi.types import HostUuid

HOST_PATCHED: Final = "xenpatch.host.patched"
POOL_DONE: Final = "xenpatch.pool.done"
WAITS: Final = "xenpatch.waits"
STOPPED: Final = "xenpatch.stopped"
REFUSED: Final = "xenpatch.refused"
FAILED: Final = "xenpatch.failed"

_ENDS: Final[tuple[tuple[type[BaseException], str], ...]] = (
    (AnswerNeeded, WAITS),
    (Stopped, STOPPED),
    (Interrupted, STOPPED),
    (KeyboardInterrupt, STOPPED),
    (TerminationSignal, STOPPED),
    (Refused, REFUSED),
    (Exception, FAILED),
)
"""The first that fits."""


class Announcer:
    """Emits the events of one run; a listener that hears every event after the chronicle."""

    def __init__(self, run: RunId, story: Chronicle) -> None:
        self._run = run
        self._story = story
        self._told: set[HostUuid] = set()

    def __call__(self, event: Event) -> None:
        """Tell of a host that has just been patched."""
        match event:
            case HostState(host, name, Condition.PATCHED) if host in self._story.patched:
                if self._story.pool is not None and host not in self._told:
                    self._told.add(host)
                    self._host_patched(self._story.pool, host, name)

    def ended(self, error: BaseException | None = None) -> None:
        """Tell how the run has ended, if it got as far as to see its pool."""
        pool, story = self._story.pool, self._story
        event = POOL_DONE if error is None else end_of(error)
        if pool is None or event is None:
            return
        payload = {
            "patched": list(story.patched.values()),
            "hosts": len(story.hosts),
            "moves": len(story.made),
            "began": _iso(story.began),
            "ended": _iso(story.ended),
        }
        if error is not None:
            payload |= {"error": type(error).__name__, "reason": str(error)}
        hosts = [_with_role("host", _host(host, name)) for host, name in story.hosts.items()]
        self._emit(event, pool, _pool(pool), hosts, payload)

    def _host_patched(self, pool: PoolSeen, host: HostUuid, name: str) -> None:
        """The flow run that Prefect relates to it is that of the host alone."""
        payload: dict[str, Any] = {
            bar.phase.name.lower(): {"began": _iso(bar.begin), "ended": _iso(bar.end)}
            for bar in self._story.bars(host)
            if bar.phase is not Phase.REFILLED
        }
        payload["moved_away"] = sum(each.move.src == host for each in self._story.made)
        root = {"prefect.resource.id": f"prefect.flow-run.{flow_run.root_flow_run_id}"}
        related = [_with_role("pool", _pool(pool)), _with_role("root-flow-run", root)]
        self._emit(HOST_PATCHED, pool, _host(host, name), related, payload)

    def _emit(
        self,
        event: str,
        pool: PoolSeen,
        resource: dict[str, str],
        related: list[dict[str, str]],
        payload: Mapping[str, Any],
    ) -> None:
        about = {"hotfix": pool.hotfix, "run": self._run}
        emit_event(event, resource, related=related, payload=about | dict(payload))


def end_of(error: BaseException) -> str | None:
    """The event for a run that ended so, or None if it has not ended."""
    return next((event for kind, event in _ENDS if isinstance(error, kind)), None)


def _pool(pool: PoolSeen) -> dict[str, str]:
    return {"prefect.resource.id": f"xenpatch.pool.{pool.pool}", "prefect.resource.name": pool.name}


def _host(host: HostUuid, name: str) -> dict[str, str]:
    return {"prefect.resource.id": f"xenpatch.host.{host}", "prefect.resource.name": name}


def _with_role(role: str, resource: dict[str, str]) -> dict[str, str]:
    return resource | {"prefect.resource.role": role}


def _iso(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds")
