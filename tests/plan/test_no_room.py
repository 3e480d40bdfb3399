"""Why there is no plan: the reason, its arithmetic and its words."""

from __future__ import annotations

from tests.plan.pools import homes, host, pool, vm, with_host
from xenpatch.plan.model import NoRoom, Shortage, ToStop
from xenpatch.plan.planner import plan_run
from xenpatch.units import GIB
from xenpatch.xapi.inventory import Inventory


def refusal(picture: Inventory, *hosts: str) -> NoRoom:
    answer = plan_run(picture, [host(name) for name in hosts or ("xs1",)], homes(picture))
    assert isinstance(answer, NoRoom)
    return answer


def test_a_vm_larger_than_every_other_host() -> None:
    picture = pool(
        hosts={"xs1": 128, "xs2": 60, "xs3": 40},
        vms={"vm-db-1": ("xs1", 64), "vm-a": ("xs2", 2), "vm-web": ("xs1", 1)},
    )
    answer = refusal(picture)
    assert (answer.shortage, answer.proved) == (Shortage.TOO_LARGE, True)
    assert answer.vms == (("vm-db-1", "vm-db-1"),)
    assert answer.needed == 64 * GIB
    assert answer.largest_free == 58 * GIB
    assert answer.total_free == 98 * GIB
    assert answer.stop == ToStop(((vm("vm-db-1"), "vm-db-1"),), 64 * GIB, smallest=True)
    assert answer.sentence() == (
        "with xs1 down, vm-db-1 (64 GiB) fits on no other host, not even on an empty one: the largest can "
        "give VMs 60 GiB; nothing was changed; stop or suspend vm-db-1 (64 GiB) for the time of the run"
    )


def test_the_sentence_says_what_the_run_has_left_alone() -> None:
    answer = refusal(pool({"xs1": 8, "xs2": 4}, {"vm-a": ("xs1", 8)}))
    assert "; xs1 was not touched; " in answer.sentence("xs1 was not touched")


def test_several_vms_that_are_too_large_are_all_named() -> None:
    answer = refusal(pool({"xs1": 32, "xs2": 8}, {"vm-a": ("xs1", 12), "vm-b": ("xs1", 10)}))
    assert answer.reason == (
        "with xs1 down, vm-a (12 GiB) fits on no other host, not even on an empty one "
        "(nor does vm-b (10 GiB)): the largest can give VMs 8 GiB"
    )


def test_a_host_without_the_storage_does_not_count() -> None:
    picture = pool({"xs1": 32, "xs2": 8, "xs3": 64}, {"vm-a": ("xs1", 12)})
    answer = refusal(with_host(picture, "xs3", attached=False))
    assert answer.shortage is Shortage.TOO_LARGE
    assert answer.reason.endswith(
        "fits on no other host, not even on an empty one: the largest can give VMs 8 GiB"
    )


def test_less_memory_in_all_than_the_vms_need() -> None:
    picture = pool(
        hosts={"xs1": 64, "xs2": 16, "xs3": 16},
        vms={**{f"vm-{n}": ("xs1", 6) for n in range(6)}, "vm-x": ("xs2", 4)},
    )
    answer = refusal(picture)
    assert (answer.shortage, answer.proved) == (Shortage.TOTAL, True)
    assert answer.needed == 36 * GIB
    assert answer.total_free == 28 * GIB
    assert answer.reason == (
        "with xs1 down, its VMs, vm-0 (6 GiB), vm-1 (6 GiB), vm-2 (6 GiB), vm-3 (6 GiB), vm-4 (6 GiB) and "
        "1 more, need 36 GiB, and the other hosts have 28 GiB free in all: xs3 has 16 GiB free, xs2 12 GiB"
    )
    assert answer.stop == ToStop(((vm("vm-0"), "vm-0"), (vm("vm-1"), "vm-1")), 12 * GIB, smallest=True)
    assert answer.remedy == (
        "stop or suspend vm-0, vm-1 (12 GiB; no smaller set can do); at least 8 GiB must become free"
    )


def test_enough_in_all_but_in_pieces() -> None:
    answer = refusal(pool({"xs1": 64, "xs2": 9, "xs3": 9}, {f"vm-{n}": ("xs1", 6) for n in range(3)}))
    assert (answer.shortage, answer.proved) == (Shortage.FRAGMENTED, False)
    assert answer.vms == (("vm-2", "vm-2"),)
    assert answer.stop is not None
    assert not answer.stop.smallest
    assert answer.sentence() == (
        "with xs1 down, vm-2 (6 GiB) found no place: 18 GiB are free in all, in pieces: xs2 has 9 GiB free, "
        "xs3 9 GiB; 40 attempts to make room failed; nothing was changed; stop or suspend vm-0 (6 GiB; the "
        "smallest set found); or move other VMs so that more is free in one piece"
    )


def test_a_vm_on_local_storage_can_run_nowhere_else() -> None:
    answer = refusal(pool({"xs1": 8, "xs2": 8}, {"vm-a": ("xs1", 1), "vm-l": ("xs1", 1)}, local=["vm-l"]))
    assert answer.shortage is Shortage.NO_HOST
    assert (
        answer.reason
        == "with xs1 down, no other host in service sees the storage and networks of vm-l (1 GiB)"
    )


def test_a_single_host_with_running_vms() -> None:
    answer = refusal(pool({"xs1": 8}, {"vm-a": ("xs1", 1)}))
    assert answer.shortage is Shortage.NO_HOST
    assert answer.rooms == ()
    assert answer.largest_free == answer.total_free == 0
    assert answer.reason == "with xs1 down, no other host is in service to take vm-a (1 GiB)"


def test_a_host_that_holds_more_than_it_has_cannot_take_its_vms_back() -> None:
    answer = refusal(pool({"xs1": 8, "xs2": 64}, {"vm-a": ("xs1", 6), "vm-b": ("xs1", 5)}))
    assert (answer.shortage, answer.proved) == (Shortage.HOME, False)
    assert answer.reason == (
        "xs1 cannot take back vm-b (5 GiB), whose home it is: 5 GiB needed, 2 GiB free there"
    )
    assert answer.remedy == (
        "stop or suspend vm-b (5 GiB; the smallest set found); or let VMs stay where they go "
        "(--placement free)"
    )


def test_a_full_target_has_nothing_free_even_if_its_vms_are_squeezed() -> None:
    picture = pool({"xs1": 8, "xs2": 8}, {"vm-a": ("xs1", 1), "vm-x": ("xs2", 12)})
    assert refusal(picture).total_free == 0


def test_a_home_that_does_not_see_the_storage_cannot_take_its_vm_back() -> None:
    picture = with_host(pool({"xs1": 8, "xs2": 8}, {"vm-a": ("xs2", 1)}), "xs1", attached=False)
    answer = plan_run(picture, [], {picture.vms[0].uuid: host("xs1")})
    assert isinstance(answer, NoRoom)
    assert answer.reason == "xs1 does not see the storage or networks of vm-a (1 GiB), whose home it is"


def test_the_first_host_without_a_way_out_is_the_one_that_is_told() -> None:
    picture = pool({"xs1": 8, "xs2": 32, "xs3": 8}, {"vm-a": ("xs1", 1), "vm-b": ("xs2", 16)})
    assert refusal(picture, "xs1", "xs2", "xs3").host_name == "xs2"


def test_long_lists_are_cut() -> None:
    small = {f"xs{n}": 2 for n in range(2, 10)}
    answer = refusal(pool({"xs1": 64, **small}, {f"vm-{n}": ("xs1", 3) for n in range(8)}))
    assert "vm-3 (3 GiB), vm-4 (3 GiB), vm-5 (3 GiB) and 2 more" in answer.reason
    answer = refusal(pool({"xs1": 64, **small}, {f"vm-{n}": ("xs1", 2) for n in range(9)}))
    assert "xs6 2 GiB and 3 hosts with no more" in answer.reason
