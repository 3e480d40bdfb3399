from __future__ import annotations

from dataclasses import replace

import pytest

from tests.plan.pools import homes, hosts_of, planned, pool, with_affinity, with_ballooning, with_vms_at
from xenpatch.plan.durations import Durations
from xenpatch.plan.forecast import Forecast, Span, forecast
from xenpatch.plan.model import Bound, Kind, NoRoom, Plan, Shortage
from xenpatch.plan.planner import plan_run
from xenpatch.plan.words import HEADER, header, headline, impossible, ranges, rows, sentences
from xenpatch.units import GIB

POOL = pool(
    {"xs1": 32, "xs2": 16, "xs3": 24}, {"vm-web": ("xs1", 4), "vm-db": ("xs1", 12), "vm-x": ("xs2", 1)}
)


def cast(plan: Plan) -> Forecast:
    """Every step takes a minute."""
    return Forecast(
        Span(540, 725),
        {host: Span(60, 90) for host in hosts_of(POOL)},
        61,
        {s.no: Span(60, 90) for s in plan.steps},
    )


def refused(*args: float) -> NoRoom:
    sizes = {f"vm-{number}": ("xs1", size) for number, size in enumerate(args)}
    picture = pool({"xs1": 32, "xs2": 16}, sizes)
    plan = plan_run(picture, hosts_of(picture), homes(picture))
    assert isinstance(plan, NoRoom)
    return plan


def test_the_table_has_a_row_for_each_step() -> None:
    plan = planned(POOL)
    assert rows(plan, cast(plan), POOL.master) == [
        ("1", "migrate", "vm-db", "xs1*", "xs3", "12", "12", "1 min 00 s", "", "xs1 is to reboot"),
        ("2", "migrate", "vm-web", "xs1*", "xs2", "4", "11", "1 min 00 s", "", "xs1 is to reboot"),
        ("3", "reboot", "", "xs1*", "", "", "", "1 min 00 s", "1-2", "every VM has left"),
        ("4", "return", "vm-db", "xs3", "xs1*", "12", "20", "1 min 00 s", "1, 3", "xs1 is its home"),
        ("5", "return", "vm-web", "xs2", "xs1*", "4", "16", "1 min 00 s", "2-3", "xs1 is its home"),
        ("6", "reboot", "", "xs3", "", "", "", "1 min 00 s", "3-4", "every VM has left"),
        ("7", "migrate", "vm-x", "xs2", "xs3", "1", "23", "1 min 00 s", "6", "xs2 is to reboot"),
        ("8", "reboot", "", "xs2", "", "", "", "1 min 00 s", "3, 5-7", "every VM has left"),
        ("9", "return", "vm-x", "xs3", "xs2", "1", "15", "1 min 00 s", "7-8", "xs2 is its home"),
    ]


def test_without_a_forecast_and_a_master_these_cells_say_nothing() -> None:
    found = rows(planned(POOL))
    assert {len(row) for row in found} == {len(HEADER)}
    assert {row[HEADER.index("est.")] for row in found} == {""}
    assert found[0][3] == "xs1"


def test_the_header_tells_the_cost_beside_what_any_plan_costs() -> None:
    turn = "1 min 00 s (1 min 30 s)"
    plan = planned(POOL)
    assert header(plan, cast(plan)) == [
        ("hosts", "3 to reboot, in 3 waves"),
        ("moves", "6, the fewest possible"),
        ("memory", "34 GiB, the least possible"),
        ("end", "after 9 min 00 s (P50), 12 min 05 s (P90)"),
        ("turns", f"done after, P50 (P90): {', '.join(f'{name} {turn}' for name in ('xs1', 'xs3', 'xs2'))}"),
        ("mixed", "hosts of both levels run side by side for 1 min 01 s"),
        ("fullest", "xs1, up to 50% of its memory"),
    ]


def test_a_plan_above_the_bound_says_so() -> None:
    told = dict(header(replace(planned(POOL), bound=Bound(5, 32 * GIB))))

    assert told["moves"] == "6; no plan can do with less than 5"
    assert told["memory"] == "34 GiB; no plan can do with less than 32 GiB"
    assert "end" not in told


def test_squeezed_vms_are_named() -> None:
    picture = with_ballooning(
        pool({"xs1": 8, "xs2": 8}, {"vm-a": ("xs1", 6), "vm-b": ("xs2", 6)}), {"vm-a": 2, "vm-b": 2}
    )
    told = dict(header(planned(picture, squeeze=True)))
    assert told["squeezed"] == "may be ballooned down on the way: vm-a, vm-b"


def test_the_turns_are_told_as_sentences() -> None:
    assert sentences(planned(POOL), POOL.master) == [
        (
            "1. xs1 (master): move vm-db (12 GiB) to xs3, vm-web (4 GiB) to xs2, reboot, "
            "bring home vm-db from xs3, vm-web from xs2"
        ),
        "2. xs3: no VM to move, reboot",
        "3. xs2: move vm-x (1 GiB) to xs3, reboot, bring home vm-x from xs3",
    ]


def test_a_turn_that_is_over_is_told_as_such() -> None:
    plan = plan_run(with_vms_at(POOL, {"vm-web": "xs3"}), [], homes(POOL))
    assert isinstance(plan, Plan)
    assert sentences(plan, POOL.master) == ["1. xs1 (master), whose turn is over: bring home vm-web from xs3"]
    assert [row[1] for row in rows(plan)] == ["return"]


def test_a_vm_that_steps_aside_is_told_with_whence_and_whither() -> None:
    crowded = pool(
        {"xs1": 10, "xs2": 10, "xs3": 10},
        {"vm-big": ("xs1", 8), "vm-a": ("xs2", 4), "vm-b": ("xs3", 4)},
    )
    plan = planned(crowded)
    (aside, *_) = [move for move in plan if move.kind is Kind.MAKE_ROOM]
    first, *_ = sentences(plan, crowded.master)
    assert f"make room by moving {aside.vm_name} (4 GiB) to {aside.dst_name} from {aside.src_name}" in first


def test_every_move_is_in_a_sentence() -> None:
    for placement in ("home", "free", "affinity"):
        plan = planned(with_affinity(POOL, "vm-web"), placement=placement)
        told = " ".join(sentences(plan, POOL.master))
        assert sum(told.count(name) for name in ("vm-web", "vm-db", "vm-x")) == plan.moves


def test_the_headline_counts_hosts_moves_and_memory() -> None:
    assert headline(planned(POOL)) == "3 hosts to reboot, 6 live migrations, 34 GiB"
    assert headline(planned(pool({"xs1": 8}, {}))) == "1 host to reboot, 0 live migrations, 0 GiB"


def test_what_is_proved_impossible_is_told_with_the_fewest_vms_to_stop() -> None:
    reason, proof, remedy = impossible(refused(20, 4))
    assert reason.startswith("There is no plan: ")
    assert "vm-0" in reason
    assert proof == "This is proved: no order of moves can help."
    assert remedy == "With 1 VM stopped there is a plan: vm-0 (20 GiB; no fewer can do)."


def test_what_was_not_found_is_not_called_proved() -> None:
    found = replace(refused(20, 4), shortage=Shortage.FRAGMENTED, stop=None, remedy="stop or suspend vm-0")

    assert impossible(found)[1:] == [
        "This is not proved: a search found no plan, and there may be one.",
        "What helps: stop or suspend vm-0.",
    ]


@pytest.mark.parametrize(
    ("numbers", "told"),
    [((), ""), ((3,), "3"), ((1, 2), "1-2"), ((4, 1, 2, 3, 7), "1-4, 7"), ((9, 1, 5), "1, 5, 9")],
)
def test_numbers_next_to_each_other_are_drawn_together(numbers: tuple[int, ...], told: str) -> None:
    assert ranges(numbers) == told


def test_a_true_forecast_fits_the_table() -> None:
    plan = planned(POOL)
    found = forecast(plan, Durations.prior(), samples=5)
    assert all(row[HEADER.index("est.")] for row in rows(plan, found))
