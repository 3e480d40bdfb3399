"""The benchmark of whole runs measures what it says it does."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from benchmarks.journal import Figures, figures
from benchmarks.one_run import Run
from benchmarks.ours import POLICIES
from benchmarks.results import XENCENTER
from benchmarks.run_tables import against, overheads, targets
from benchmarks.simulated import REBOOT, SIZES, made
from benchmarks.xencenter import XenCenter
from simulator import SimulatedPool
from xenpatch.hotfix.intake import verify
from xenpatch.hotfix.manifest import load_manifest
from xenpatch.units import GIB
from xenpatch.xapi.session import Endpoint, open_session
from xenpatch.xapi.types import VmUuid

SPEED = 600.0
VM = VmUuid("one")


def guests(sim: SimulatedPool) -> dict[str, tuple[str, int]]:
    return {
        row["uuid"]: (row["resident_on"], row["memory__static_max"])
        for row in sim.db.rows("VM").values()
        if row["power_state"] == "Running" and not row["is_control_domain"]
    }


def test_each_host_has_a_vm_of_every_size() -> None:
    placed = guests(made(4, SPEED))

    sizes = [sorted(size // GIB for at, size in placed.values() if at == host) for host, _ in placed.values()]
    assert sizes == [list(SIZES)] * len(placed)


@pytest.mark.usefixtures("quick_looks")
def test_the_xencenter_style_run_reboots_every_host_and_brings_all_vms_home() -> None:
    with made(4, SPEED) as sim:
        before = guests(sim)
        with open_session(Endpoint((sim.url,), sim.user, SecretStr(sim.password))) as session:
            XenCenter(session, SPEED).patch(verify(sim.hotfix, load_manifest(sim.manifest)))

        measured = figures(sim.journal.lines, {VmUuid(vm): size for vm, (_, size) in before.items()})
        assert guests(sim) == before
        assert sim.leaks() == []
    assert measured.boots == 4
    assert measured.moves == 2 * len(before)
    assert measured.bytes == 2 * sum(size for _, size in before.values())
    assert measured.seconds > 4 * REBOOT
    assert 2 * REBOOT < measured.mixed < measured.seconds


def test_the_journal_is_read_from_the_first_disable_to_the_last_proof() -> None:
    told = [
        {"t": 5.0, "call": "session.login_with_password", "args": []},
        {"t": 10.0, "call": "host.disable", "args": ["a"]},
        {"t": 40.0, "event": "vm", "uuid": VM, "field": "resident_on", "value": "b"},
        {"t": 50.0, "call": "host.reboot", "args": ["a"]},
        {"t": 90.0, "event": "host", "uuid": "a", "field": "boot", "value": 1.0},
        {"t": 95.0, "call": "host.reboot", "args": ["b"]},
        {"t": 99.0, "call": "host.remove_from_other_config", "args": ["b", "xenpatch-before"]},
        {"t": 120.0, "call": "host.remove_from_other_config", "args": ["b", "MAINTENANCE_MODE"]},
    ]

    measured = figures(told, {VM: 3 * GIB})

    assert (measured.seconds, measured.moves, measured.bytes, measured.mixed) == (89, 1, 3 * GIB, 5)
    assert measured.asked == 6


def of_four(*, forecast: float, seconds: float) -> dict[int, dict[str, Run]]:
    theirs = Run(4, XENCENTER, Figures(4000, 40, 40 * GIB, 2000, 4, {"host.reboot": 4}))
    own = Figures(seconds, 40, 40 * GIB, 1500, 4, {"host.reboot": 4})
    return {
        4: {XENCENTER: theirs}
        | {name: Run(4, name, own, forecast=forecast, ideal=2900, processor=8) for name in POLICIES}
    }


def test_all_targets_are_reached_by_runs_that_are_better_and_foreseen() -> None:
    runs = of_four(forecast=2800, seconds=3000)

    assert all(target.reached for target in targets(runs))
    assert "| 4 | home | 50 (0.75) | 40 (1.00) | 40 (1.00) | 25 (0.75) | 4 (1.00) |" in against(runs)
    assert "| 4 | home | 48.3 | 46.7 | 50.0 | -6.7% | 3.4% | 25 | 2.00 | 0.20 |" in overheads(runs)


def test_a_run_that_was_not_foreseen_or_is_slower_misses_its_target() -> None:
    forecast, time, *others = targets(of_four(forecast=3600, seconds=4100))

    assert not forecast.reached
    assert not time.reached
    assert len(time.missed) == len(POLICIES)
    assert all(target.reached for target in others)
