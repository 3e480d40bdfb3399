"""The event that a quiet pool sends now and then."""

import threading
from typing import Any

import XenAPI

from simulator import ManualClock, SimulatedPool


def test_event_next_returns_in_a_pool_in_which_nothing_happens(
    pool: SimulatedPool, clock: ManualClock
) -> None:
    session = XenAPI.Session(pool.url)
    session.login_with_password("root", pool.password)
    session.xenapi.event.register(["pool"])
    heard: list[Any] = []
    listener = threading.Thread(target=lambda: heard.extend(session.xenapi.event.next()))
    listener.start()
    for _ in range(100):
        clock.advance(30)
        listener.join(0.1)
        if heard:
            break
    assert [(event["class"], event["operation"]) for event in heard] == [("pool", "mod")]
    session.logout()
