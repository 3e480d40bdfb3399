"""A session finds the master, outlasts its restart, and sends nothing twice."""

import pytest
from pydantic import SecretStr

from simulator import FaultRule, Model, SimulatedPool, User
from xenpatch.errors import LoginRefused, ReplyLost, TaskLost, Unreachable, WaitTimeout, XapiFailure
from xenpatch.xapi import tasks
from xenpatch.xapi.session import Endpoint, Session, open_session
from xenpatch.xapi.transport import on_host


def endpoint(sim: SimulatedPool, *urls: str) -> Endpoint:
    return Endpoint(urls or (sim.url,), sim.user, SecretStr(sim.password))


def slave(sim: SimulatedPool) -> str:
    return on_host(sim.url, sim.hosts[1].address)


def ref_of(session: Session, kind: str, name: str) -> str:
    return str(session.read(f"{kind}.get_by_name_label", name)[0])


def test_a_slave_leads_to_the_master(small_pool: SimulatedPool) -> None:
    with open_session(endpoint(small_pool, slave(small_pool))) as session:
        assert session.url == small_pool.url
        assert len(session.read("host.get_all")) == 2


def test_a_member_that_is_down_is_passed_over(small_pool: SimulatedPool) -> None:
    with open_session(endpoint(small_pool, "http://127.0.0.1:9", small_pool.url)) as session:
        assert len(session.read("pool.get_all")) == 1


def test_a_pool_that_does_not_answer_shows_at_once() -> None:
    with (
        pytest.raises(Unreachable, match="nothing was changed"),
        open_session(Endpoint(("http://127.0.0.1:9",))),
    ):
        pass


def test_a_wrong_password_is_told_as_such(small_pool: SimulatedPool) -> None:
    with (
        pytest.raises(LoginRefused, match="wrong user or password; nothing was changed"),
        open_session(Endpoint((small_pool.url,), "root", SecretStr("wrong"))),
    ):
        pass


def test_a_wrong_password_is_told_as_such_by_a_slave_too(small_pool: SimulatedPool) -> None:
    with (
        pytest.raises(LoginRefused, match="wrong user or password"),
        open_session(Endpoint((slave(small_pool),), "root", SecretStr("wrong"))),
    ):
        pass


def test_a_user_without_a_role_is_told_what_is_missing(quick_looks: None) -> None:
    del quick_looks
    with (
        SimulatedPool(Model(hosts=1, vms=0), speed=600, users=[User("anna", "s3cret", ())]) as sim,
        pytest.raises(LoginRefused, match=r"user anna: .* no role .*; nothing was changed"),
        open_session(Endpoint((sim.url,), "anna", SecretStr("s3cret"))),
    ):
        pass


def test_later_than_at_first_contact_nobody_is_told_that_nothing_was_changed(
    small_pool: SimulatedPool,
) -> None:
    with (
        pytest.raises(LoginRefused) as refused,
        open_session(Endpoint((small_pool.url,), "root", SecretStr("wrong")), patience=1),
    ):
        pass

    assert "changed" not in str(refused.value)


def test_a_login_whose_answer_is_lost_does_not_claim_that_nothing_was_sent(
    small_pool: SimulatedPool,
) -> None:
    small_pool.faults.add(
        FaultRule.from_dict({"call": "session.login_with_password", "do": {"drop": "before"}, "times": 9})
    )

    with pytest.raises(Unreachable, match="was lost") as failed, open_session(endpoint(small_pool)):
        pass

    assert "sent" not in str(failed.value)


def still_booting(call: str, times: int) -> FaultRule:
    return FaultRule.from_dict({"call": call, "times": times, "do": {"error": ["HOST_STILL_BOOTING"]}})


@pytest.mark.parametrize("call", ["session.login_with_password", "host.get_all_records"])
def test_a_toolstack_that_is_starting_is_waited_for_with_patience(
    small_pool: SimulatedPool, call: str
) -> None:
    small_pool.faults.add(still_booting(call, 3))

    with open_session(endpoint(small_pool), patience=30) as session:
        assert len(session.read("pool.get_all")) == 1


def test_without_patience_a_toolstack_that_is_starting_is_told(small_pool: SimulatedPool) -> None:
    small_pool.faults.add(still_booting("session.login_with_password", 9))

    with pytest.raises(Unreachable, match="the toolstack is starting"), open_session(endpoint(small_pool)):
        pass


@pytest.mark.parametrize("do", [{"drop": "before"}, {"error": ["INTERNAL_ERROR", "broken"]}])
def test_a_login_that_comes_to_nothing_leaves_no_session_behind(
    small_pool: SimulatedPool, do: dict[str, object]
) -> None:
    small_pool.faults.add(FaultRule.from_dict({"call": "host.get_all_records", "do": do, "times": 9}))

    with pytest.raises((Unreachable, XapiFailure)), open_session(endpoint(small_pool)):
        pass

    assert small_pool.journal.calls("session.login_with_password")
    assert small_pool.leaks() == []


def test_a_session_that_the_master_forgot_is_opened_again(small_pool: SimulatedPool) -> None:
    with open_session(endpoint(small_pool)) as session:
        before = session.ref
        small_pool.world.forget_volatile()

        assert len(session.read("pool.get_all")) == 1
        assert session.ref != before


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_change_whose_answer_is_lost_is_not_sent_again(small_pool: SimulatedPool, when: str) -> None:
    with open_session(endpoint(small_pool)) as session:
        host = ref_of(session, "host", "xs2")
        small_pool.faults.add(FaultRule.from_dict({"call": "host.disable", "do": {"drop": when}}))

        with pytest.raises(ReplyLost, match=r"host\.disable"):
            session.call("host.disable", host)

        assert len(small_pool.journal.calls("host.disable")) == 1
        assert session.read("host.get_enabled", host) is (when == "before")
        session.call("host.enable", host)


def test_a_question_whose_answer_is_lost_is_asked_again(small_pool: SimulatedPool) -> None:
    with open_session(endpoint(small_pool)) as session:
        small_pool.faults.add(
            FaultRule.from_dict({"call": "host.get_all", "do": {"drop": "after"}, "times": 2})
        )

        assert len(session.read("host.get_all")) == 2


def test_a_refusal_is_an_error_with_code_and_parameters(small_pool: SimulatedPool) -> None:
    with open_session(endpoint(small_pool)) as session:
        with pytest.raises(XapiFailure) as refused:
            session.call("host.get_by_uuid", "nowhere")

        assert (refused.value.code, refused.value.params) == ("UUID_INVALID", ("host", "nowhere"))


def test_a_master_that_restarts_is_waited_for_and_its_tasks_are_gone(small_pool: SimulatedPool) -> None:
    with open_session(endpoint(small_pool)) as session:
        vm, target = ref_of(session, "VM", "vm-web-1"), ref_of(session, "host", "xs2")
        task = tasks.start(session, "VM.pool_migrate", vm, target, {"live": "true"})
        small_pool.world.forget_volatile()

        with pytest.raises(TaskLost):
            tasks.finish(session, task, "VM.pool_migrate", what="vm-web-1 to move", limit=30)


def test_a_task_that_fails_raises_its_error(small_pool: SimulatedPool) -> None:
    with open_session(endpoint(small_pool)) as session:
        vm, target = ref_of(session, "VM", "vm-off-1"), ref_of(session, "host", "xs2")

        with pytest.raises(XapiFailure) as failed:
            tasks.run(session, "VM.pool_migrate", vm, target, {}, what="vm-off-1 to move", limit=30)

        assert failed.value.code == "VM_BAD_POWER_STATE"
        assert session.read("task.get_all") == []


def test_a_task_that_is_not_waited_for_any_longer_goes_on(small_pool: SimulatedPool) -> None:
    with open_session(endpoint(small_pool)) as session:
        vm, target = ref_of(session, "VM", "vm-web-1"), ref_of(session, "host", "xs2")
        task = tasks.start(session, "VM.pool_migrate", vm, target, {"live": "true"})

        with pytest.raises(WaitTimeout):
            tasks.finish(session, task, "VM.pool_migrate", what="vm-web-1 to move", limit=0)

        assert session.read("task.get_status", task) == "pending"
        tasks.finish(session, task, "VM.pool_migrate", what="vm-web-1 to move", limit=30)
        assert session.read("task.get_all") == []
