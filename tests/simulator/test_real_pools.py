"""Real pool databases, served and saved again: the person's data stays as it was."""

from pathlib import Path
from urllib.request import urlopen

import pytest
import XenAPI

from simulator import ManualClock, SimulatedPool, dump
from simulator.dump import Tables

# A host finds its own address when it starts, and what its VMs are allowed to do is worked out anew.
REFRESHED = {("host", "address"), ("VM", "allowed_operations"), ("VM", "current_operations")}
REAL = {"TampaTwoHostPoolSelectioniSCSI.xml": 2, "small_vms.xml": 1, "xapidb_app.xml": 2}


def download(pool: SimulatedPool, folder: Path) -> Tables:
    path = folder / "saved.xml"
    session = XenAPI.Session(pool.url)
    session.login_with_password("root", pool.password)
    with urlopen(f"{pool.url}/pool/xmldbdump?session_id={session._session}") as response:
        path.write_bytes(response.read())
    session.logout()
    return dump.load(path).tables


@pytest.mark.parametrize("name", REAL)
def test_a_real_pool_is_saved_as_it_was_loaded(shared_data: Path, tmp_path: Path, name: str) -> None:
    original = dump.load(shared_data / "pools" / name).tables
    with SimulatedPool(shared_data / "pools" / name, clock=ManualClock()) as pool:
        saved = download(pool, tmp_path)
        assert len(pool.hosts) == REAL[name]
    assert saved.keys() == original.keys()
    changed = set()
    for table, rows in original.items():
        assert saved[table].keys() == rows.keys(), table
        for ref, row in rows.items():
            now = saved[table][ref]
            assert now.keys() == row.keys()
            changed |= {(table, field) for field in row if now[field] != row[field] and field != "__mtime"}
    assert changed <= REFRESHED
