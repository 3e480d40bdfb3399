"""True answers of a pool, each damaged in its turn, on a real socket."""

from __future__ import annotations

import http.client
import time
import xmlrpc.client
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from hypothesis import strategies as st
from pydantic import SecretStr

from simulator import Model, SimulatedPool
from tests.fuzz.dumps import shown
from tests.fuzz.edits import Graft, Splice, grafted, grafts, places, spliced, splices
from tests.fuzz.server import LoggedIn, serving
from tests.fuzz.server import http as response
from xenpatch.errors import XenpatchError
from xenpatch.prechecks.planning import read_obstacles
from xenpatch.record import held_by
from xenpatch.steps.glimpse import glimpse
from xenpatch.xapi import tasks
from xenpatch.xapi.inventory import Inventory
from xenpatch.xapi.objects import pool_config
from xenpatch.xapi.one_host import read_host, resident_names
from xenpatch.xapi.session import Endpoint, Session
from xenpatch.xapi.survey import read_inventory

_LONGEST: Final = 30.0
"""Seconds for one case, on a machine that does much else."""

Look = Callable[[Session, Inventory], object]


def _move(session: Session, pool: Inventory) -> object:
    args = (pool.vms[0].ref, pool.hosts[1].ref, {"live": "true"})
    return tasks.run(session, "VM.pool_migrate", *args, what="a VM to move", limit=60.0)


def _log_in(session: Session, _pool: Inventory) -> object:
    fresh = Session(session.endpoint, session.limits)
    fresh.login()
    return fresh.ref


LOOKS: Final[dict[str, Look]] = {
    "inventory": lambda session, _: shown(read_inventory(session)),
    "host": lambda session, pool: (
        read_host(session, pool.hosts[1].uuid), resident_names(session, pool.hosts[1].ref)
    ),
    "glimpse": lambda session, pool: glimpse(session, pool.hosts[0].uuid),
    "evacuation": lambda session, pool: read_obstacles(session, pool, tuple(h.uuid for h in pool.hosts)),
    "task": _move,
    "record": lambda session, _: held_by(pool_config(session)),
    "login": _log_in,
}  # fmt: skip


@dataclass(frozen=True)
class Case:
    """What is looked at, which of the answers is damaged, and how: in its XML, then as it is on the wire."""

    look: str
    answer: int
    grafts: tuple[Graft, ...]
    splices: tuple[Splice, ...]


cases = st.builds(
    Case,
    look=st.sampled_from((*LOOKS, "inventory", "inventory", "inventory")),
    answer=places,
    grafts=st.one_of(st.just(()), grafts.map(tuple), grafts.map(tuple)),
    splices=st.one_of(st.just(()), st.just(()), splices.map(tuple)),
)


class _Recording(Session):
    """Asks everything twice, and keeps the bytes of the answers by method."""

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(endpoint)
        self.answers: dict[str, bytes] = {}

    def _send(self, url: str, method: str, args: tuple[Any, ...]) -> Any:
        value = super()._send(url, method, args)
        connection = http.client.HTTPConnection(url.partition("//")[2])
        plain = tuple(arg.get_secret_value() if isinstance(arg, SecretStr) else arg for arg in args)
        connection.request("POST", "/", xmlrpc.client.dumps(plain, method, allow_none=True).encode())
        found = connection.getresponse().read()
        if b"Failure" not in found:
            self.answers[method] = found
        connection.close()
        return value


def _recorded() -> tuple[Inventory, dict[str, dict[str, bytes]]]:
    """A pool, and what it answers to each look."""
    recorded = {}
    with SimulatedPool(Model(hosts=2, vms=2), speed=600) as sim:
        endpoint = Endpoint((sim.url,), sim.user, SecretStr(sim.password))
        for name, look in LOOKS.items():
            session = _Recording(endpoint)
            session.login()
            pool = read_inventory(session)
            if name != "login":
                session.answers.clear()
            look(session, pool)
            recorded[name] = dict(session.answers)
            session.logout()
    return pool, recorded


@contextmanager
def judging(_folder: Path) -> Iterator[Callable[[Case], str]]:
    """A judge: the look gives a value, or an error of ours, in bounded time."""
    pool, recorded = _recorded()
    answers: dict[str, bytes] = {}

    def reply(asked: str) -> list[bytes]:
        return [answers.get(asked, response(b"", status="HTTP/1.1 500 Not Recorded"))]

    with serving(reply) as url:

        def judge(case: Case) -> str:
            began, given = time.monotonic(), recorded[case.look]
            answers.clear()
            answers.update({name: response(body) for name, body in given.items()})
            method = sorted(given)[case.answer % len(given)]
            body = grafted(given[method], case.grafts) if case.grafts else given[method]
            answers[method] = spliced(response(body), case.splices)
            try:
                LOOKS[case.look](LoggedIn(url, limit=2.0), pool)
                came, told = "a value", ""
            except XenpatchError as error:
                came, told = type(error).__name__, str(error)
            assert len(told) < 2000
            assert time.monotonic() - began < _LONGEST
            return came

        yield judge
