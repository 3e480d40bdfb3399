"""Whether a hotfix is in effect on a host: by what a run has noted of its boots, or else by its clock."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from tests.plan.pools import pool
from xenpatch.hotfix.manifest import HotfixUuid
from xenpatch.xapi.inventory import AppliedPatch

HOTFIX = HotfixUuid("7c04fd30-9a0a-4894-9662-05ca9f866162")
APPLIED = 1_330_000_000.0


@pytest.mark.parametrize(
    ("noted", "booted", "pending"),
    [
        (None, APPLIED - 9, True),
        (None, APPLIED + 9, False),
        (APPLIED - 9000, APPLIED - 9000, True),
        (APPLIED - 9000, APPLIED + 600, False),
        (APPLIED + 9000, APPLIED + 9001, True),
        (APPLIED - 9000, APPLIED - 7200, False),
    ],
    ids=[
        "by the clock, booted before",
        "by the clock, booted after",
        "noted, not rebooted",
        "noted, rebooted",
        "noted in the future, the toolstack restarted since",
        "noted, rebooted, and the clock set back",
    ],
)
def test_a_noted_boot_counts_more_than_the_clock(noted: float | None, booted: float, pending: bool) -> None:
    patch = AppliedPatch(HOTFIX, "X", datetime.fromtimestamp(APPLIED, UTC))
    notes = {} if noted is None else {HOTFIX: noted}
    (host,) = pool(hosts={"xs1": 16}, vms={}).hosts

    host = replace(host, patches={HOTFIX: patch}, boot_time=booted, boots_before=notes)

    assert host.reboot_pending(HOTFIX) == pending
    assert host.needs_reboot(HOTFIX) == pending
    assert not replace(host, patches={}).reboot_pending(HOTFIX)
