from __future__ import annotations

import logging
import threading

import pytest

from xenpatch.progress import Done, Event, Started, Step, publish, subscribe

STARTED = Started(Step.UPLOAD, None, "upload hotfix.xsupdate")
DONE = Done(Step.UPLOAD, None, "the pool knows it")


def test_every_listener_is_told_every_event_in_order() -> None:
    first: list[Event] = []
    second: list[Event] = []
    with subscribe(first.append), subscribe(second.append):
        publish(STARTED)
        publish(DONE)
    assert first == second == [STARTED, DONE]


def test_a_listener_is_told_nothing_after_its_block() -> None:
    heard: list[Event] = []
    with subscribe(heard.append):
        pass
    publish(STARTED)
    assert heard == []


def test_a_listener_hears_what_other_threads_publish() -> None:
    heard: list[Event] = []
    with subscribe(heard.append):
        threads = [threading.Thread(target=publish, args=(STARTED,)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert heard == [STARTED] * 8


def test_a_failing_listener_hurts_neither_the_run_nor_other_listeners(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def broken(_: Event) -> None:
        raise ZeroDivisionError

    heard: list[Event] = []
    with caplog.at_level(logging.ERROR), subscribe(broken), subscribe(heard.append):
        publish(STARTED)
    assert heard == [STARTED]
    assert "a listener failed on Started" in caplog.text


def test_a_listener_may_publish_and_unsubscribe_while_it_is_told() -> None:
    heard: list[Event] = []

    def chained(event: Event) -> None:
        if event is STARTED:
            with subscribe(heard.append):
                publish(DONE)

    with subscribe(chained):
        publish(STARTED)
    assert heard == [DONE]


def test_the_same_listener_twice_is_told_twice() -> None:
    heard: list[Event] = []
    with subscribe(heard.append):
        with subscribe(heard.append):
            publish(STARTED)
        publish(DONE)
    assert heard == [STARTED, STARTED, DONE]
