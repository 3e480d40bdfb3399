"""Hosts whose clocks are wrong, each in its own way, or are set while the run is under way.

`host_patch.timestamp_applied`, `other_config:boot_time` and `host.get_servertime` are by the host's own clock
(xapi 6.0.2: xapi_pool_patch, dbsync_slave, xapi_host), and nothing keeps these clocks together.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from simulator import SimulatedPool
from simulator.datatypes import ocaml_float
from tests.flows.kit import Somebody, assert_done, boots, host_ref, patch, places
from xenpatch.progress import Step, subscribe
from xenpatch.xapi.session import Session

HOUR = 3600.0


def set_clock(sim: SimulatedPool, host: str, ahead: float) -> None:
    sim.world.hosts[host_ref(sim, host)].clock_ahead = ahead


def test_clocks_that_differ_by_hours_are_no_matter(sim: SimulatedPool, tmp_path: Path) -> None:
    before = places(sim)
    for host, ahead in {"xs1": 3 * HOUR, "xs2": -2 * HOUR, "xs3": 600.0}.items():
        set_clock(sim, host, ahead)

    report = patch(sim, tmp_path)

    assert_done(sim, before)
    assert report.mixed_seconds < 3 * HOUR
    assert report.left == ()


@pytest.mark.parametrize("host", ["xs1", "xs3"])
@pytest.mark.parametrize("ahead", [-5 * HOUR, 5 * HOUR])
def test_a_clock_that_is_set_while_its_host_reboots_costs_no_second_reboot(
    sim: SimulatedPool, tmp_path: Path, host: str, ahead: float
) -> None:
    before = places(sim)

    def lose_the_time(_: Session, __: dict[str, str], ___: dict[str, str]) -> None:
        set_clock(sim, host, ahead)

    with subscribe(Somebody(sim, host, lose_the_time, Step.REBOOT)):
        report = patch(sim, tmp_path)

    assert_done(sim, before)
    told = " ".join(report.left)
    assert ("clock" in told and host in told) == (ahead < 0), "by its clock it has not rebooted since"


def test_a_host_that_believes_to_have_booted_in_the_future_is_rebooted_all_the_same(
    sim: SimulatedPool, tmp_path: Path
) -> None:
    """Its clock was ahead when it booted, and has been set right since."""
    before = places(sim)
    ahead = ocaml_float(int(sim.clock.now() + 5 * HOUR))
    for ref in sim.db.rows("host"):
        sim.db.set_in_map("host", ref, "other_config", "boot_time", ahead)
    sim.journal.lines.clear()  # which takes these for boots

    patch(sim, tmp_path)

    assert boots(sim) == ["xs1", "xs2", "xs3"]
    assert_done(sim, before)
