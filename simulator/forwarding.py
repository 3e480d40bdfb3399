"""Handing a call on to the host that must carry it out.

Source: xapi 6.0.2, message_forwarding (do_op_on) and helpers (call_api_functions).
"""

from dataclasses import dataclass, replace
from typing import Any, Self

from simulator.call import Call, Ref, XapiError
from simulator.placement import is_live
from simulator.tasks import start
from simulator.world import HostRuntime, World


@dataclass(frozen=True)
class Agent:
    """The xapi of one host as it runs now. Work that it began ends with it."""

    runtime: HostRuntime
    start: int

    @classmethod
    def of(cls, world: World, host: Ref) -> Self:
        """Return a host's xapi as it is now, running or not."""
        runtime = world.hosts[host]
        return cls(runtime, runtime.agent_starts)

    @property
    def running(self) -> bool:
        """Whether this xapi, and not one started after it, still runs."""
        return self.runtime.agent_starts == self.start and self.runtime.serves

    def assert_running(self) -> None:
        """Raise CANNOT_CONTACT_HOST [host] if this xapi is gone."""
        if not self.running:
            raise XapiError("CANNOT_CONTACT_HOST", self.runtime.ref)


def call_own_api(call: Call, name: str, *args: Any) -> Any:
    """Carry out a message as xapi does when it is its own client: in a task of its own, gone afterwards."""
    task = start(call.world, name, session=call.session, cancellable=True)
    try:
        return replace(call, task=task).invoke(name, *args)
    finally:
        task.destroy()


def contact(world: World, host: Ref) -> Agent:
    """Reach a host's xapi.

    Raises HOST_OFFLINE [host] if the master believes it dead, CANNOT_CONTACT_HOST [host] if it is.
    """
    if not is_live(world.db, host):
        raise XapiError("HOST_OFFLINE", host)
    agent = Agent.of(world, host)
    agent.assert_running()
    return agent
