"""The client of Xen Orchestra works with a simulated pool as with a real one."""

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from simulator import SimulatedPool, dump

Run = Callable[..., Any]


@pytest.fixture
def xen_api(strangers: Path, pool: SimulatedPool) -> Run:
    module = strangers / "npm" / "node_modules" / "xen-api" / "index.mjs"
    node = shutil.which("node")
    if node is None or not module.is_file():
        pytest.skip("xen-api is not installed (tests/strangers/install.sh)")

    def run(scenario: str, url: str = pool.url, **given: Any) -> Any:
        done = subprocess.run(
            [node, str(Path(__file__).with_name("xen_api.mjs")), scenario],
            input=json.dumps(
                {"module": str(module), "url": url, "user": pool.user, "password": pool.password, **given}
            ),
            env={"NODE_EXTRA_CA_CERTS": str(pool.certificate)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")
        return json.loads(done.stdout)

    return run


def test_it_lists_the_objects_of_the_pool(xen_api: Run) -> None:
    seen = xen_api("list")
    assert seen["hosts"] == ["xs1", "xs2", "xs3"]
    assert seen["master"] == "xs1"
    assert len(seen["vms"]) == 3
    assert {"VM", "VBD", "VDI", "SR", "PBD", "network", "PIF", "VIF", "host_metrics", "pool"} <= set(
        seen["types"]
    )
    assert seen["memory"] == "string"


def test_it_connects_over_tls(xen_api: Run, pool: SimulatedPool) -> None:
    assert xen_api("list", url=pool.tls_url)["master"] == "xs1"


def test_it_finds_the_master_from_a_slave(xen_api: Run, pool: SimulatedPool) -> None:
    slave = pool.url.replace("127.0.0.1", pool.hosts[2].address)
    assert slave != pool.url
    assert xen_api("list", url=slave)["hosts"] == ["xs1", "xs2", "xs3"]


def test_it_sees_a_change_by_events(xen_api: Run, pool: SimulatedPool) -> None:
    seen = xen_api("change", host=pool.hosts[1].uuid)
    assert seen == {"description": "changed by a stranger", "config": "was here"}


def test_it_watches_a_migration_to_its_end(xen_api: Run, pool: SimulatedPool) -> None:
    hosts = {ref: row["name__label"] for ref, row in pool.db.rows("host").items()}
    vm = next(
        row
        for row in pool.db.rows("VM").values()
        if hosts.get(row["resident_on"]) == "xs2" and not row["is_control_domain"]
    )
    seen = xen_api("migrate", vm=vm["uuid"], host=pool.hosts[2].uuid)
    assert (seen["from"], seen["to"], seen["state"]) == ("xs2", "xs3", "Running")


def test_it_downloads_the_database(xen_api: Run, pool: SimulatedPool, tmp_path: Path) -> None:
    path = tmp_path / "pool.xml"
    path.write_text(xen_api("backup")["dump"])
    hosts = dump.load(path).tables["host"].values()
    assert {row["uuid"] for row in hosts} == {host.uuid for host in pool.hosts}


@pytest.mark.parametrize(
    ("name", "running"),
    [
        ("TampaTwoHostPoolSelectioniSCSI.xml", ["Local", "OnMasterLocal", "OnMasterShared", "Shared"]),
        ("xapidb_app.xml", ["CentOS 5 (32-bit) (1)", "Windows XP SP3 (32-bit) (2)"]),
        ("small_vms.xml", []),
    ],
)
def test_it_lists_the_objects_of_real_pools(
    xen_api: Run, shared_data: Path, name: str, running: list[str]
) -> None:
    with SimulatedPool(shared_data / "pools" / name, speed=600) as pool:
        seen = xen_api("list", url=pool.url)
        assert seen["hosts"] == sorted(host.name for host in pool.hosts)
    assert seen["vms"] == running


def test_it_gets_the_errors_of_the_release(xen_api: Run, pool: SimulatedPool) -> None:
    master = pool.db.by_uuid("host", pool.hosts[0].uuid)
    seen = xen_api(
        "refused",
        calls=[
            ["event.inject", "pool", "x"],
            ["host.reboot", master],
            ["VM.get_record", "OpaqueRef:none"],
            ["host.get_by_uuid", "none"],
            ["host.disable"],
        ],
    )
    assert seen == [
        ["MESSAGE_METHOD_UNKNOWN", "event.inject"],
        ["HOST_NOT_DISABLED"],
        ["HANDLE_INVALID", "VM", "OpaqueRef:none"],
        ["UUID_INVALID", "host", "none"],
        ["MESSAGE_PARAMETER_COUNT_MISMATCH", "host.disable", "1", "0"],
    ]
