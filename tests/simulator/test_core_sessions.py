"""Logging in, being forgotten, and whom a slave listens to."""

import XenAPI

from simulator import ManualClock, SimulatedPool
from tests.simulator import raw
from tests.simulator.api import Api, failure
from tests.simulator.raw import failed, log_in, value

DAY = 86400.0


def slave_session(pool: SimulatedPool) -> XenAPI.Session:
    session = XenAPI.Session(f"http://127.0.0.2:{pool.port}")
    session.login_with_password("root", pool.password)
    return session


def test_a_session_tells_who_logged_in_where(api: Api, pool: SimulatedPool) -> None:
    session = api.session._session

    record = api.session.xenapi.session.get_record(session)

    assert pool.db.get("host", record["this_host"])["name__label"] == "xs1"
    assert (record["auth_user_name"], record["is_local_superuser"], record["pool"]) == ("root", True, False)
    assert record["last_active"].value == "20120223T12:26:40Z"


def test_a_wrong_password_takes_five_seconds_to_be_refused() -> None:
    with SimulatedPool(speed=1000) as pool:
        before = pool.clock.now()

        answer = raw.call(pool, "session.login_with_password", value("root"), value("guess"))

        assert answer == failed("SESSION_AUTHENTICATION_FAILED", "root", "Authentication failure")
        assert pool.clock.now() - before >= 5


def test_only_root_can_log_in() -> None:
    with SimulatedPool(speed=1000) as pool:
        answer = raw.call(pool, "session.login_with_password", value("admin"), value("xenroot"))

    assert answer == failed("SESSION_AUTHENTICATION_FAILED", "admin", "Authentication failure")


def test_the_pool_has_the_password_it_was_given() -> None:
    with SimulatedPool(password="s3cret") as pool:
        answer = raw.call(pool, "session.login_with_password", value("root"), value("s3cret"))

    assert "Success" in answer


def test_after_logging_out_the_session_is_invalid(pool: SimulatedPool) -> None:
    session = value(log_in(pool))
    raw.call(pool, "session.logout", session)

    assert "SESSION_INVALID" in raw.call(pool, "VM.get_all", session)


def test_a_slave_lets_a_client_in_and_sends_it_away_at_the_next_call(pool: SimulatedPool) -> None:
    session = slave_session(pool)

    assert failure(session.xenapi.VM.get_all) == ["HOST_IS_SLAVE", "127.0.0.1"]


def test_a_session_made_at_a_slave_is_good_at_the_master(pool: SimulatedPool) -> None:
    session = log_in(pool, host=1)

    assert "Success" in raw.call(pool, "VM.get_all", value(session))


def test_a_local_session_is_good_on_its_host_alone(pool: SimulatedPool) -> None:
    answer = raw.call(
        pool, "session.slave_local_login_with_password", value("root"), value("xenroot"), host=1
    )
    session = value(answer.partition("<name>Value</name><value>")[2].partition("<")[0])

    assert "Success" in raw.call(pool, "host.is_in_emergency_mode", session, host=1)
    assert "SESSION_INVALID" in raw.call(pool, "VM.get_all", session)
    raw.call(pool, "session.local_logout", session, host=1)
    assert "SESSION_INVALID" in raw.call(pool, "host.is_in_emergency_mode", session, host=1)


def test_a_session_idle_for_a_day_is_dropped(pool: SimulatedPool, clock: ManualClock) -> None:
    session = value(log_in(pool))

    clock.advance(DAY - 60)
    assert "Success" in raw.call(pool, "VM.get_all", session)
    clock.advance(DAY - 60)
    assert "Success" in raw.call(pool, "VM.get_all", session)
    clock.advance(DAY + 60)
    assert "SESSION_INVALID" in raw.call(pool, "VM.get_all", session)


def test_a_session_with_a_task_under_way_is_kept(api: Api, pool: SimulatedPool, clock: ManualClock) -> None:
    task = api.task.create("upload", "")
    session = pool.db.get("task", task)["session"]
    pool.db.update("session", session, last_active="20120101T00:00:00Z")

    clock.advance(60)

    assert pool.db.exists("session", session)


def test_of_too_many_sessions_the_most_idle_go(pool: SimulatedPool, clock: ManualClock) -> None:
    first = log_in(pool)
    clock.advance(10)
    for _ in range(400):
        pool.db.create("session", last_active="20120223T13:00:00Z")

    clock.advance(60)

    assert len(pool.db.rows("session")) == 400
    assert not pool.db.exists("session", first)


def test_a_restart_of_the_master_forgets_sessions_and_tasks(api: Api, pool: SimulatedPool) -> None:
    task = api.task.create("upload", "")
    session = value(log_in(pool))

    pool.world.forget_volatile()

    assert "SESSION_INVALID" in raw.call(pool, "VM.get_all", session)
    api.log_in()
    assert failure(api.task.get_status, task) == ["HANDLE_INVALID", "task", task]
