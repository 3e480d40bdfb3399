"""A plan as a drawing and as Markdown: nothing is left out, and names cannot break it."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from xml.etree import ElementTree as ET

import pytest

from tests.plan.pools import hosts_of, pool
from xenpatch.plan.axis import Axis
from xenpatch.plan.markdown import markdown
from xenpatch.plan.model import Plan, Policy
from xenpatch.plan.outlook import Outlook, look_ahead
from xenpatch.plan.picture import FEW, svg
from xenpatch.plan.scene import planned
from xenpatch.xapi.inventory import Inventory

SMALL = pool(
    {"xs1": 32, "xs2": 16, "xs3": 24}, {"vm-web": ("xs1", 4), "vm-db": ("xs1", 12), "vm-x": ("xs2", 1)}
)


def made(hosts: int, vms: int) -> Inventory:
    """A pool of so many hosts with so many VMs each, at most six tenths full."""
    dice = random.Random(hosts)
    sizes = {
        f"vm-{host}-{number}": (f"xs{host}", dice.choice([2, 4, 4, 8]))
        for host in range(1, hosts + 1)
        for number in range(vms)
    }
    return pool({f"xs{host}": 8 * vms / 0.6 for host in range(1, hosts + 1)}, sizes)


def seen(picture: Inventory, width: int = 1) -> Outlook:
    return look_ahead(picture, hosts_of(picture), Policy(width=width))


def drawn(outlook: Outlook) -> str:
    assert isinstance(outlook.found, Plan)
    assert outlook.times is not None
    return svg(planned(outlook.found, outlook.times), outlook.pool.master, "a plan")


def tips(drawing: str) -> list[str]:
    """What is shown when something is pointed at."""
    titles = ET.fromstring(drawing).iter("{http://www.w3.org/2000/svg}title")
    return [title.text or "" for title in titles]


def shown(drawing: str) -> list[str]:
    texts = ET.fromstring(drawing).iter("{http://www.w3.org/2000/svg}text")
    return [text.text or "" for text in texts]


def test_each_host_has_a_lane_with_its_reboot() -> None:
    drawing = drawn(seen(SMALL))

    assert {"xs1*", "xs2", "xs3"} <= set(shown(drawing))
    for host in ("xs1", "xs2", "xs3"):
        assert any(tip.startswith(f"{host} reboots, ") for tip in tips(drawing))


def test_few_moves_are_drawn_and_named_one_by_one() -> None:
    drawing = drawn(seen(SMALL))

    assert "1: vm-db, 12 GiB, xs1 → xs3; xs1 is to reboot" in tips(drawing)
    assert "1  vm-db: xs1 → xs3" in shown(drawing)
    assert drawing.count('class="arrow') == 6


def test_many_moves_are_drawn_together() -> None:
    outlook = seen(made(12, 12))
    assert isinstance(outlook.found, Plan)
    drawing = drawn(outlook)

    assert outlook.found.moves > FEW
    together = [int(n) for tip in tips(drawing) for n in re.findall(r"(?:^|; )(\d+) VMs, [\d.]+ GiB xs", tip)]
    alone = [tip for tip in tips(drawing) for _ in re.findall(r"\d+: vm-", tip)]
    assert sum(together) + len(alone) == outlook.found.moves


@pytest.mark.parametrize("width", [1, 4])
def test_the_largest_pool_stays_small_on_disk(width: int) -> None:
    drawing = drawn(seen(made(64, 6), width))

    assert len(drawing.encode()) < 100_000
    ET.fromstring(drawing)


def test_it_is_drawn_for_light_and_for_dark() -> None:
    drawing = drawn(seen(SMALL))

    style = drawing.partition("<style>")[2].partition("</style>")[0]
    light, _, dark = style.partition("@media(prefers-color-scheme:dark)")
    assert light.count("{") == light.count("}")
    assert dark.count("{") == dark.count("}")
    assert "http" not in drawing.replace('xmlns="http://www.w3.org/2000/svg"', "")


def test_names_cannot_break_the_drawing_or_the_table() -> None:
    name = '<script>|&"\x07'
    outlook = seen(pool({"xs1": 8, "xs2": 8}, {name: ("xs1", 1)}))
    assert isinstance(outlook.found, Plan)

    assert '1  <script>|&"\ufffd: xs1 → xs2' in shown(drawn(outlook))
    assert "\\<script>\\|&" in markdown(outlook.found)


def test_a_plan_without_moves_is_drawn() -> None:
    assert any("xs1 reboots" in tip for tip in tips(drawn(seen(pool({"xs1": 8}, {})))))


def test_the_markdown_tells_what_happens_host_by_host() -> None:
    outlook = seen(SMALL)
    assert isinstance(outlook.found, Plan)

    assert markdown(outlook.found, None, SMALL.master).splitlines() == [
        "- **hosts**: 3 to reboot, in 3 waves",
        "- **moves**: 6, the fewest possible",
        "- **memory**: 34 GiB, the least possible",
        "- **fullest**: xs1, up to 50% of its memory",
        "",
        "| wave | host | VMs leave | then | VMs come home |",
        "| --- | --- | --- | --- | --- |",
        "| 1 | xs1\\* | vm-db → xs3, vm-web → xs2 | reboot | vm-db ← xs3, vm-web ← xs2 |",
        "| 2 | xs3 |  | reboot |  |",
        "| 3 | xs2 | vm-x → xs3 | reboot | vm-x ← xs3 |",
    ]


@pytest.mark.parametrize(
    ("moments", "marks"), [([], []), ([10, 20], [0, 0, 10]), ([600, 601, 1200], [600]), ([5], [])]
)
def test_time_never_runs_backwards_and_every_mark_has_room(
    moments: Sequence[float], marks: Sequence[float]
) -> None:
    axis = Axis(moments, marks, left=100, gap=16)
    places = [axis(moment / 10) for moment in range(int(axis.total * 10) + 2)]

    assert places == sorted(places)
    assert places[0] == 100
    assert places[-1] == axis.right
    for begin in set(marks):
        later = [moment for moment in axis.moments if moment > begin]
        assert not later or axis(later[0]) - axis(begin) >= 16 * marks.count(begin)
