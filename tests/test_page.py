"""What the Prefect UI shows of a run under way: the same as a terminal."""

from __future__ import annotations

import pytest

from tests.test_live import DB, NOON, PLAN, WEB, XS1, XS2
from xenpatch.board import Board
from xenpatch.page import headline, page
from xenpatch.progress import (
    Advanced,
    Condition,
    Event,
    Failed,
    HostState,
    MoveAdvanced,
    MoveDone,
    MoveStarted,
    Planned,
    PoolSeen,
    Started,
    Step,
)
from xenpatch.units import MIB

KNOWN = (
    PoolSeen(PLAN.pool, "pool", XS1, "XS602E008"),
    HostState(XS1, "xs1", Condition.IN_SERVICE),
    HostState(XS2, "xs2", Condition.IN_SERVICE),
    Planned(PLAN),
)


def board(*events: Event, at: float = NOON) -> Board:
    seen = Board()
    for event in events:
        seen.see(event, at)
    return seen


def row(text: str, name: str) -> list[str]:
    line = next(line for line in text.splitlines() if line.startswith(f"| {name} "))
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_a_host_is_a_row_with_its_state_its_vms_and_its_times() -> None:
    seen = board(*KNOWN, Started(Step.MIGRATE, XS1, ""), HostState(XS1, "xs1", Condition.DISABLED))
    seen.see(MoveStarted(DB), NOON + 5)
    seen.see(MoveDone(DB), NOON + 65)

    text = page(seen, NOON + 65)

    assert row(text, "xs1")[:7] == [
        "xs1", "disabled", "migrate", "1 to leave", "12:00:00", "", "1 min 05 s"
    ]  # fmt: skip
    assert row(text, "xs2")[:4] == ["xs2", "in service", "", "1 to leave"]


def test_a_host_that_is_done_says_when() -> None:
    seen = board(*KNOWN, Started(Step.REBOOT, XS2, ""))
    for move in (*PLAN.out(XS2), *PLAN.back(XS2)):
        seen.see(MoveDone(move), NOON + 10)
    seen.see(HostState(XS2, "xs2", Condition.PATCHED), NOON + 60)

    assert row(page(seen, NOON + 99), "xs2")[1:7] == ["patched", "", "", "12:00:00", "12:01:00", "1 min 00 s"]


def test_the_upload_has_a_bar_of_its_own_under_that_of_the_whole() -> None:
    upload = Advanced(Step.UPLOAD, None, 0.5, done=16 * MIB, total=32 * MIB)
    text = page(board(Started(Step.UPLOAD, None, "XS602E008"), upload), NOON)

    whole, transfer, *_ = [line for line in text.splitlines() if "░" in line]
    assert whole.endswith("whole run")
    assert transfer == f"`{'█' * 15}{'░' * 15}` 50% upload 16 MiB of 32 MiB"


def test_moves_and_failures_are_told_below_the_hosts() -> None:
    text = page(
        board(*KNOWN, MoveStarted(WEB), MoveAdvanced(WEB, 0.3), Failed(Step.REBOOT, XS1, "gone")), NOON
    )

    assert "- vm-web: xs1 -> xs2 30%" in text
    assert "- **xs1: reboot failed: gone**" in text


def test_names_cannot_break_the_page() -> None:
    text = page(board(*KNOWN, HostState(XS2, "x|s2 <b>`", Condition.DOWN)), NOON)

    assert "| x\\|s2 \\<b>\\` | down |" in text


@pytest.mark.parametrize(
    ("events", "told"),
    [
        ((), "0%"),
        (KNOWN[:3], "XS602E008 for pool: 0%, 0 of 2 hosts patched"),
        (
            (*KNOWN, HostState(XS1, "xs1", Condition.PATCHED)),
            "XS602E008 for pool: 44%, 1 of 2 hosts patched, about 15 min 33 s left",
        ),
    ],
    ids=["nothing known", "the pool is known", "half done"],
)
def test_the_card_says_it_in_a_line(events: tuple[Event, ...], told: str) -> None:
    assert headline(board(*events), NOON) == told
