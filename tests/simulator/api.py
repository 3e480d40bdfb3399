"""The real XenAPI client, talking to a pool on a clock that stands still."""

import socket
from operator import attrgetter
from typing import Any

import pytest
import XenAPI

from simulator import ManualClock, SimulatedPool

TWO_HOURS = 7200.0


class Api:
    """A XenAPI session. What takes simulated time runs as a task while the clock is advanced."""

    def __init__(self, url: str, clock: ManualClock) -> None:
        self.clock = clock
        self.session = XenAPI.Session(url)
        self.log_in()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.session.xenapi, name)

    def log_in(self) -> None:
        self.session.login_with_password("root", "xenroot")

    def begin(self, call: str, *args: Any) -> str:
        """Start an asynchronous call and return its task."""
        task: str = attrgetter(call)(self.session.xenapi.Async)(*args)
        return task

    def finish(self, task: str, within: float = TWO_HOURS) -> str:
        """Advance the clock until a task ends; return its result or raise its error."""
        deadline = self.clock.now() + within
        while self.task.get_status(task) == "pending" and self.clock.now() < deadline:
            self.clock.advance(1)
        record = self.task.get_record(task)
        self.task.destroy(task)
        if record["status"] != "success":
            raise XenAPI.Failure(record["error_info"] or [record["status"].upper()])
        result: str = record["result"]
        return result

    def do(self, call: str, *args: Any) -> str:
        """Carry out a call that takes time."""
        return self.finish(self.begin(call, *args))

    def named(self, cls: str, name: str) -> str:
        """Return the one object of a class with this name."""
        (ref,) = getattr(self, cls).get_by_name_label(name)
        return str(ref)

    def guests(self, host: str) -> list[str]:
        """Return the VMs that run on a host, without its control domain."""
        return [vm for vm in self.host.get_resident_VMs(host) if not self.VM.get_is_control_domain(vm)]

    def is_live(self, host: str) -> bool:
        return bool(self.host_metrics.get_live(self.host.get_metrics(host)))


def failure(call: Any, *args: Any) -> list[str]:
    """Return the error that a call must fail with."""
    with pytest.raises(XenAPI.Failure) as caught:
        call(*args)
    details: list[str] = caught.value.details
    return details


def url_of(pool: SimulatedPool, name: str) -> str:
    """Return the plain HTTP address of one host."""
    address, port = http_address(pool, name)
    return f"http://{address}:{port}"


def listens(pool: SimulatedPool, name: str, offset: int = 0) -> bool:
    """Tell whether a host accepts connections, on its HTTP port or one so much above (3 is ssh)."""
    address, port = http_address(pool, name)
    try:
        socket.create_connection((address, port + offset), timeout=2).close()
    except ConnectionRefusedError:
        return False
    return True


def http_address(pool: SimulatedPool, name: str) -> tuple[str, int]:
    (host,) = (each for each in pool.hosts if each.name == name)
    return host.address, host.ssh_port - 3
