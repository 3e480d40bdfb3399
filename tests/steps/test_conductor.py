"""Moves are handed out when their time has come, and planned anew when the pool is not as it was."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from tests.plan.pools import host, planned, pool
from xenpatch.errors import DrainFailed, LockLost, ReturnFailed, Stopped
from xenpatch.plan.model import Move, Plan
from xenpatch.steps.conductor import TRIES, Conductor

POOL = pool(
    hosts={"xs1": 16, "xs2": 16, "xs3": 16},
    vms={f"vm-{n}": (f"xs{1 + n % 3}", 2) for n in range(9)},
)
PLAN = planned(POOL)
XS1, XS2 = host("xs1"), host("xs2")


def no_other_plan() -> Plan:
    raise DrainFailed("there is no other plan")


def conducted(plan: Plan = PLAN) -> Conductor:
    return Conductor(plan, no_other_plan, lambda: POOL.members, POOL.members)


def taken(lead: Conductor) -> list[str]:
    return [turn.name for turn in lead.next_turns()]


def handed_out(lead: Conductor, turn: str, *, leaving: bool = True) -> Move:
    move = lead.next_move(host(turn), leaving=leaving)
    assert move is not None
    return move


def emptied(lead: Conductor, turn: str) -> None:
    while (move := lead.next_move(host(turn), leaving=True)) is not None:
        lead.done(move)


def test_the_master_is_taken_alone_and_each_host_once_the_one_before_is_updated() -> None:
    lead = conducted()
    assert taken(lead) == ["xs1"]
    emptied(lead, "xs1")
    with ThreadPoolExecutor(1) as beside:
        second = beside.submit(taken, lead)
        assert not second.done()
        lead.updated(XS1)
        assert second.result(timeout=10) == ["xs2"]


def test_there_are_no_more_turns_when_every_host_has_had_its_own() -> None:
    lead = conducted()
    while names := taken(lead):
        for name in names:
            emptied(lead, name)
            lead.updated(host(name))
    assert [turn.name for turn in lead.happened().turns] == ["xs1", "xs2", "xs3"]


def test_a_vm_comes_home_only_to_a_host_that_is_updated() -> None:
    lead = conducted()
    taken(lead)
    emptied(lead, "xs1")
    with ThreadPoolExecutor(1) as beside:
        back = beside.submit(handed_out, lead, "xs1", leaving=False)
        assert not back.done()
        lead.updated(XS1)
        assert back.result(timeout=10).dst == XS1


def test_vms_come_home_to_one_host_while_the_next_is_emptied() -> None:
    lead = conducted()
    taken(lead)
    emptied(lead, "xs1")
    lead.updated(XS1)
    taken(lead)

    home = handed_out(lead, "xs1", leaving=False)
    away = handed_out(lead, "xs2")

    assert home.dst == XS1
    assert away.src == XS2


def test_a_host_has_no_more_moves_under_way_than_the_policy_allows() -> None:
    crowded = pool(hosts={"xs1": 32, "xs2": 32}, vms={f"vm-{n}": ("xs1", 1) for n in range(6)})
    lead = conducted(planned(crowded, moves_per_host=2))
    taken(lead)
    first, second = handed_out(lead, "xs1"), handed_out(lead, "xs1")
    with ThreadPoolExecutor(1) as beside:
        third = beside.submit(handed_out, lead, "xs1")
        assert not third.done()
        lead.done(first)
        assert third.result(timeout=10).no not in (first.no, second.no)


def test_a_host_in_hand_that_would_have_to_wait_for_one_that_comes_first_now_is_given_up() -> None:
    after_all = planned(replace(POOL, master=XS2))
    assert after_all.turns[0].host == XS2
    lead = Conductor(PLAN, lambda: after_all, lambda: POOL.members, POOL.members)
    taken(lead)
    lead.surprised("xs2 is the master now")

    with pytest.raises(DrainFailed, match="xs1 would have to wait for hosts that come first now"):
        handed_out(lead, "xs1")


def test_a_move_that_fails_has_the_rest_planned_anew_once_nothing_is_under_way() -> None:
    plans: list[Plan] = []

    def replan() -> Plan:
        plans.append(PLAN)
        return PLAN

    lead = Conductor(PLAN, replan, lambda: POOL.members, POOL.members)
    taken(lead)
    one, two = handed_out(lead, "xs1"), handed_out(lead, "xs1")
    lead.failed(one, "the network was away")
    with ThreadPoolExecutor(1) as beside:
        again = beside.submit(handed_out, lead, "xs1")
        assert not plans
        lead.done(two)
        assert again.result(timeout=10).vm == one.vm
    assert len(plans) == 1


def test_a_vm_that_cannot_move_however_it_is_planned_ends_the_run() -> None:
    lead = Conductor(PLAN, lambda: PLAN, lambda: POOL.members, POOL.members)
    taken(lead)
    for _ in range(TRIES):
        lead.failed(handed_out(lead, "xs1"), "no way")
    with pytest.raises(DrainFailed, match="no way"):
        lead.next_move(XS1, leaving=True)
    with pytest.raises(DrainFailed, match="no way"):
        lead.next_turns()
    assert lead.culprit == XS1


def test_where_no_plan_is_left_the_run_ends_with_that_reason() -> None:
    lead = conducted()
    taken(lead)
    lead.failed(handed_out(lead, "xs1"), "somebody filled the target")
    with pytest.raises(DrainFailed, match="there is no other plan"):
        lead.next_move(XS1, leaving=True)


def test_after_a_stop_vms_come_home_but_none_leaves() -> None:
    lead = conducted()
    taken(lead)
    emptied(lead, "xs1")
    lead.updated(XS1)
    taken(lead)
    lead.done(handed_out(lead, "xs2"))
    lead.stop(DrainFailed("xs2 is on fire"), XS2)

    with pytest.raises(DrainFailed, match="on fire"):
        lead.next_move(XS2, leaving=True)
    assert handed_out(lead, "xs1", leaving=False).dst == XS1


def test_after_an_abort_nothing_begins() -> None:
    lead = conducted()
    taken(lead)
    emptied(lead, "xs1")
    lead.updated(XS1)
    lead.abort(LockLost("the pool belongs to another run"))

    with pytest.raises(ReturnFailed, match="another run"):
        lead.next_move(XS1, leaving=False)
    with pytest.raises(LockLost):
        lead.next_turns()


def test_the_rest_is_planned_anew_before_a_wave_when_the_pool_has_another_master() -> None:
    now = [POOL.members]
    anew = planned(replace(POOL, master=host("xs3"), hosts=POOL.hosts[::-1]))
    lead = Conductor(PLAN, lambda: anew, lambda: now[0], POOL.members)
    assert taken(lead) == ["xs1"]
    emptied(lead, "xs1")
    now[0] = POOL.members._replace(master=host("xs3"))

    lead.updated(XS1)

    assert taken(lead) == ["xs3"]
    assert lead.plan is anew


def test_a_pool_that_no_plan_fits_any_more_lets_no_further_wave_begin() -> None:
    now = [POOL.members]
    lead = Conductor(PLAN, no_other_plan, lambda: now[0], POOL.members)
    assert taken(lead) == ["xs1"]
    emptied(lead, "xs1")
    now[0] = POOL.members._replace(hosts=frozenset({XS1, XS2}))

    lead.updated(XS1)

    with pytest.raises(DrainFailed, match="there is no other plan"):
        lead.next_turns()


def test_who_is_asked_before_a_wave_sees_what_comes_and_may_forbid_it() -> None:
    lead = conducted()

    def forbid(ahead: Plan) -> None:
        raise Stopped(", ".join(turn.name for turn in ahead.turns))

    with pytest.raises(Stopped, match="xs1"):
        lead.next_turns(forbid)
    assert (lead.in_hand(), len(lead.waiting())) == ({}, 3)

    assert taken(lead) == ["xs1"]


def test_who_is_asked_before_a_wave_is_asked_again_if_another_one_comes_then() -> None:
    other = replace(PLAN, turns=PLAN.turns[1:], steps=())
    lead = Conductor(PLAN, lambda: other, lambda: POOL.members, POOL.members)
    asked: list[str] = []

    def surprise_once(ahead: Plan) -> None:
        asked.append(ahead.turns[0].name)
        if len(asked) == 1:
            lead.surprised("a VM has moved")
            assert lead.next_move(XS1, leaving=False) is None

    assert [turn.name for turn in lead.next_turns(surprise_once)] == ["xs2"]
    assert asked == ["xs1", "xs2"]
