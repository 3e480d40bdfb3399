from __future__ import annotations

from tests.plan.pools import homes, planned, pool, with_vms_at
from xenpatch.plan.model import Plan
from xenpatch.plan.planner import plan_run
from xenpatch.plan.words import HEADER, headline, rows, sentences

POOL = pool(
    {"xs1": 32, "xs2": 16, "xs3": 24}, {"vm-web": ("xs1", 4), "vm-db": ("xs1", 12), "vm-x": ("xs2", 1)}
)


def test_the_table_has_a_row_for_each_step() -> None:
    assert rows(planned(POOL)) == [
        ("1", "migrate", "vm-db", "xs1", "xs3", "12", "12", "xs1 is to reboot"),
        ("2", "migrate", "vm-web", "xs1", "xs2", "4", "11", "xs1 is to reboot"),
        ("3", "reboot", "", "xs1", "", "", "", "every VM has left"),
        ("4", "return", "vm-db", "xs3", "xs1", "12", "20", "xs1 is its home"),
        ("5", "return", "vm-web", "xs2", "xs1", "4", "16", "xs1 is its home"),
        ("6", "migrate", "vm-x", "xs2", "xs3", "1", "23", "xs2 is to reboot"),
        ("7", "reboot", "", "xs2", "", "", "", "every VM has left"),
        ("8", "return", "vm-x", "xs3", "xs2", "1", "15", "xs2 is its home"),
        ("9", "reboot", "", "xs3", "", "", "", "no VM is there"),
    ]


def test_every_row_has_a_cell_for_each_column() -> None:
    assert {len(row) for row in rows(planned(POOL))} == {len(HEADER)}


def test_the_turns_are_told_as_sentences() -> None:
    first, *others = sentences(planned(POOL), POOL.master)
    assert first == (
        "1. xs1 (master): move vm-db (12 GiB) to xs3, vm-web (4 GiB) to xs2, reboot, "
        "bring home vm-db from xs3, vm-web from xs2"
    )
    assert others == [
        "2. xs2: move vm-x (1 GiB) to xs3, reboot, bring home vm-x from xs3",
        "3. xs3: no VM to move, reboot",
    ]


def test_a_turn_that_is_over_is_told_as_such() -> None:
    plan = plan_run(with_vms_at(POOL, {"vm-web": "xs3"}), [], homes(POOL))
    assert isinstance(plan, Plan)
    assert sentences(plan, POOL.master) == ["1. xs1 (master), whose turn is over: bring home vm-web from xs3"]
    assert [row[1] for row in rows(plan)] == ["return"]


def test_the_headline_counts_hosts_moves_and_memory() -> None:
    assert headline(planned(POOL)) == "3 hosts to reboot, 6 live migrations, 34 GiB"
    assert headline(planned(pool({"xs1": 8}, {}))) == "1 host to reboot, 0 live migrations, 0 GiB"
