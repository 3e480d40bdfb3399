"""Databases of real pools, served by the simulator: what is refused, and what is patched once it may be."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from simulator import SimulatedPool
from tests.flows.conftest import SPEED
from tests.flows.kit import block, boots, changes, patch, places, power_changes, traces
from xenpatch.errors import PrecheckRefused
from xenpatch.prechecks.finding import Severity
from xenpatch.xapi.session import open_session

pytestmark = pytest.mark.usefixtures("prefect_server", "quick_looks")

STUCK = {
    "TampaTwoHostPoolSelectioniSCSI.xml": {
        "Local": ["Local 0", "Local 1"],
        "OnMasterLocal": ["OnMasterLocal 0", "OnMasterLocal 1"],
    },
    "xapidb_app.xml": {
        "CentOS 5 (32-bit) (1)": ["CentOS 5 (32-bit) (1) 0"],
        "Windows XP SP3 (32-bit) (2)": ["Windows XP SP3 (32-bit) (2) 0"],
    },
}


@contextmanager
def served(dump: Path) -> Iterator[SimulatedPool]:
    with SimulatedPool(dump, speed=SPEED) as pool:
        yield pool
        assert pool.leaks() == []


def shut_down(sim: SimulatedPool, names: set[str]) -> None:
    with open_session(block(sim).endpoint()) as session:
        for ref, vm in session.read("VM.get_all_records").items():
            if vm["name_label"] in names and not vm["is_a_template"]:
                session.call("VM.clean_shutdown", ref)


@pytest.mark.parametrize("name", sorted(STUCK))
def test_vms_with_local_disks_are_named_and_the_pool_is_patched_without_them(
    shared_data: Path, tmp_path: Path, name: str
) -> None:
    with served(shared_data / "pools" / name) as sim:
        with pytest.raises(PrecheckRefused) as refused:
            patch(sim, tmp_path)

        blocked = [f for f in refused.value.findings if f.severity is Severity.BLOCKS]
        assert {finding.subject for finding in blocked} == set(STUCK[name])
        for finding in blocked:
            assert all(repr(disk) in finding.message for disk in STUCK[name][finding.subject])
        assert changes(sim) == []

        shut_down(sim, set(STUCK[name]))
        halted = len(power_changes(sim))
        before = places(sim)

        patch(sim, tmp_path)

        assert sorted(boots(sim)) == sorted(host.name for host in sim.hosts)
        assert boots(sim)[0] == sim.hosts[0].name
        assert places(sim) == before
        assert power_changes(sim)[halted:] == []
        assert list(traces(sim)) == []


def test_a_single_host_without_running_vms_is_patched_and_keeps_its_earlier_patch(
    shared_data: Path, tmp_path: Path
) -> None:
    with served(shared_data / "pools" / "small_vms.xml") as sim:
        earlier = sim.db.rows("pool_patch")
        applied = set(sim.db.rows("host_patch"))

        patch(sim, tmp_path)

        assert boots(sim) == ["dt40"]
        assert len(earlier) == 1
        for ref, row in earlier.items():
            kept = sim.db.rows("pool_patch")[ref]
            assert {name: kept[name] for name in row if name != "host_patches"} == {
                name: row[name] for name in row if name != "host_patches"
            }
        assert applied < set(sim.db.rows("host_patch"))
