"""Simulated time."""

import threading
import time

import pytest

from simulator import Clock, ManualClock
from simulator.clock import ClockStopped


def asleep(clock: Clock, seconds: float, ended: list[str]) -> threading.Thread:
    def sleep() -> None:
        try:
            clock.sleep(seconds)
            ended.append("woke")
        except ClockStopped:
            ended.append("stopped")

    thread = threading.Thread(target=sleep)
    thread.start()
    return thread


class TestClock:
    def test_it_runs_at_its_speed(self) -> None:
        clock = Clock(speed=1000, start=0)
        before = time.monotonic()

        clock.sleep(100)

        assert clock.now() >= 100
        assert 0.1 <= time.monotonic() - before < 5
        clock.stop()

    def test_it_starts_now_unless_told_otherwise(self) -> None:
        assert abs(Clock().now() - time.time()) < 5
        assert 7 <= Clock(start=7).now() < 12

    def test_calls_come_when_they_are_due_and_in_order(self) -> None:
        clock, done = Clock(speed=1000), threading.Event()
        calls: list[int] = []
        clock.after(50, done.set)
        clock.after(40, lambda: calls.append(2))
        clock.after(20, lambda: calls.append(1))
        clock.after(30, lambda: calls.append(9)).cancel()

        assert done.wait(5)
        assert calls == [1, 2]
        clock.stop()

    def test_stopping_it_wakes_all_sleepers(self) -> None:
        clock, ended = Clock(speed=1), list[str]()
        threads = [asleep(clock, 3600, ended) for _ in range(3)]

        clock.stop()
        for thread in threads:
            thread.join()

        assert ended == ["stopped"] * 3

    def test_once_stopped_nobody_sleeps(self) -> None:
        clock = Clock()
        clock.stop()

        with pytest.raises(ClockStopped):
            clock.sleep(1)


class TestManualClock:
    def test_it_stands_still_until_it_is_advanced(self) -> None:
        clock = ManualClock(start=100)

        assert clock.now() == 100
        clock.advance(5)
        assert clock.now() == 105

    def test_each_call_happens_at_its_time(self) -> None:
        clock, times = ManualClock(start=0), list[float]()
        clock.after(20, lambda: times.append(clock.now()))

        def again() -> None:
            clock.after(5, lambda: times.append(clock.now()))

        clock.after(10, again)

        clock.advance(30)

        assert times == [15, 20]

    def test_calls_that_are_not_due_wait(self) -> None:
        clock, calls = ManualClock(), list[int]()
        clock.after(10, lambda: calls.append(1))

        clock.advance(9)
        assert calls == []
        clock.advance(1)
        assert calls == [1]

    def test_work_that_wakes_goes_on_until_it_sleeps_again(self) -> None:
        clock, times = ManualClock(start=0), list[float]()
        working = threading.Event()

        def work() -> None:
            with clock.working():
                working.set()
                for _ in range(3):
                    clock.sleep(10)
                    times.append(clock.now())

        worker = threading.Thread(target=work)
        worker.start()
        working.wait()

        clock.advance(25)
        assert times == [10, 20]
        clock.advance(10)
        assert times == [10, 20, 30]
        worker.join()

    def test_work_that_never_rests_is_reported(self) -> None:
        clock = ManualClock()

        with clock.working(), pytest.raises(RuntimeError, match="still at work"):
            clock.advance(1)
