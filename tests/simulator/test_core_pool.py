"""The pool as a whole: what is made, what is served, and what is left when it closes."""

import json
import socket
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import XenAPI

from simulator import ManualClock, Model, SimulatedPool
from simulator.dump import Dump, load, save
from simulator.evacuation import plan_evacuation
from simulator.persistence import extract
from tests.simulator import raw
from tests.simulator.api import Api
from tests.simulator.raw import log_in, value
from tests.simulator.uploads import upload

NEWER = {"TampaTwoHostPoolSelectioniSCSI.xml": {"VM.allowed_operations"}}
"""What a 6.0.2 does not know of a pool that a 6.0.50 had."""
REAL = ("TampaTwoHostPoolSelectioniSCSI.xml", "xapidb_app.xml", "small_vms.xml")


class TestModel:
    @pytest.mark.parametrize(("hosts", "vms"), [(1, 0), (1, 5), (2, 3), (3, 12), (5, 31)])
    def test_the_counts_are_what_was_asked_for(self, hosts: int, vms: int) -> None:
        with SimulatedPool(Model(hosts=hosts, vms=vms), clock=ManualClock()) as pool:
            rows = pool.db.rows("VM").values()

            assert [host.name for host in pool.hosts] == [f"xs{number}" for number in range(1, hosts + 1)]
            running = [
                row for row in rows if row["power_state"] == "Running" and not row["is_control_domain"]
            ]
            assert len(running) == vms
            assert len([row for row in rows if row["is_control_domain"]]) == hosts
            assert list(pool.db.dangling()) == []

    @pytest.mark.parametrize(("hosts", "vms"), [(2, 3), (3, 12), (4, 3), (5, 31)])
    def test_any_one_host_can_be_emptied(self, hosts: int, vms: int) -> None:
        with SimulatedPool(Model(hosts=hosts, vms=vms), clock=ManualClock()) as pool:
            for host in pool.db.rows("host"):
                plan = plan_evacuation(pool.db, host)
                guests = len(pool.db.get("host", host)["resident_VMs"]) - 1
                assert (plan.errors, len(plan.moves)) == ({}, guests)

    def test_vms_are_named_by_what_they_do_and_spread_evenly(self, pool: SimulatedPool, api: Api) -> None:
        assert Model(vms=5).vm_names() == ["vm-web-1", "vm-db-1", "vm-app-1", "vm-web-2", "vm-db-2"]
        assert [len(api.guests(host)) for host in pool.db.rows("host")] == [2, 2, 2]

    def test_the_same_model_gives_the_same_rows(self) -> None:
        one, other = (SimulatedPool(Model(), clock=ManualClock()) for _ in range(2))
        with one, other:
            assert {name: one.db.rows(name) for name in one.db.tables} == {
                name: other.db.rows(name) for name in other.db.tables
            }

    def test_a_model_is_a_dump_like_any_other(self, tmp_path: Path) -> None:
        path = tmp_path / "dump.xml"
        with SimulatedPool(Model(vms=3), clock=ManualClock()) as pool:
            path.write_bytes(save(extract(pool.db)))
            rows = {name: pool.db.rows(name) for name in pool.db.tables}

        with SimulatedPool(path, clock=ManualClock()) as pool:
            assert {name: pool.db.rows(name) for name in pool.db.tables} == rows


class TestRealPools:
    @pytest.mark.parametrize("name", REAL)
    def test_a_real_dump_is_served_and_saved_as_it_was(
        self, shared_data: Path, tmp_path: Path, name: str
    ) -> None:
        path = shared_data / "pools" / name
        with SimulatedPool(path, clock=ManualClock()) as pool:
            session = value(log_in(pool))
            assert "Success" in raw.call(pool, "VM.get_all_records", session)
            saved = extract(pool.db)

        assert differences(load(path), saved) == {"host.address"} | NEWER.get(name, set())
        (tmp_path / "again.xml").write_bytes(save(saved))
        with SimulatedPool(tmp_path / "again.xml", clock=ManualClock()) as pool:
            assert differences(saved, extract(pool.db)) == set()

    def test_the_master_comes_first_on_the_first_address(self, shared_data: Path) -> None:
        path = shared_data / "pools" / "xapidb_app.xml"
        with SimulatedPool(path, clock=ManualClock()) as pool:
            master = pool.db.get("host", pool.world.master)

            assert [host.address for host in pool.hosts] == ["127.0.0.1", "127.0.0.2"]
            assert (pool.hosts[0].uuid, master["address"]) == (master["uuid"], "127.0.0.1")

    def test_applied_patches_are_on_the_hosts(self, shared_data: Path) -> None:
        path = shared_data / "pools" / "small_vms.xml"
        with SimulatedPool(path, clock=ManualClock()) as pool:
            (host,) = pool.world.hosts.values()

            assert [stamp.name_label for stamp in host.stamps.values()] == ["succeed.asc"]

    def test_a_broken_value_is_named(self, shared_data: Path, tmp_path: Path) -> None:
        text = (shared_data / "pools" / "xapidb_app.xml").read_text()
        path = tmp_path / "broken.xml"
        path.write_text(text.replace('enabled="true"', 'enabled="maybe"', 1))

        with pytest.raises(ValueError, match=r"host OpaqueRef:\S+: enabled is no bool: 'maybe'"):
            SimulatedPool(path)


def differences(before: Dump, after: Dump) -> set[str]:
    """The fields of rows that were there before and have another value after."""
    return {
        f"{table}.{field}"
        for table, rows in before.tables.items()
        for ref, row in rows.items()
        for field, text in row.items()
        if after.tables[table][ref][field] != text and field != "__mtime"
    }


class TestDescription:
    def test_it_tells_all_that_a_client_needs(self, pool: SimulatedPool) -> None:
        described: dict[str, Any] = json.loads(json.dumps(pool.describe()))

        assert set(described) == {
            "url", "tls_url", "legacy_tls_url", "user", "password", "hosts", "certificate", "known_hosts",
            "hotfix", "manifest",
        }  # fmt: skip
        assert set(described["hosts"][0]) == {"name", "uuid", "address", "ssh_port"}
        assert all(
            Path(described[name]).is_file() for name in ("certificate", "known_hosts", "hotfix", "manifest")
        )

    def test_the_ports_can_be_chosen(self, pool: SimulatedPool) -> None:
        port = pool.port
        with pytest.raises(OSError), SimulatedPool(clock=ManualClock(), port=port):
            pass
        pool.__exit__(None, None, None)

        with SimulatedPool(clock=ManualClock(), port=port) as again:
            assert again.url == f"http://127.0.0.1:{port}"
            assert again.tls_url == f"https://127.0.0.1:{port + 1}"
            assert again.legacy_tls_url == f"https://127.0.0.1:{port + 2}"
            assert again.hosts[0].ssh_port == port + 3

    def test_a_release_that_is_not_there_is_refused(self) -> None:
        with pytest.raises(ValueError, match=r"no release 5\.6 to simulate; there are 6\.0\.0, 6\.0\.2"):
            SimulatedPool(release="5.6")


class TestLeaks:
    def test_nothing_is_left_by_a_client_that_cleans_up(self, pool: SimulatedPool, api: Api) -> None:
        task = api.task.create("mine", "")
        api.task.destroy(task)
        api.do("VM.get_possible_hosts", api.named("VM", "vm-web-1"))
        api.session.xenapi.session.logout()

        assert pool.leaks() == []

    def test_what_is_left_is_named(self, pool: SimulatedPool, api: Api) -> None:
        api.task.create("mine", "")
        api.host.disable(api.named("host", "xs2"))

        session, task, host = pool.leaks()

        assert session.endswith("of root")
        assert task == "task 'mine' (pending)"
        assert host == "host xs2 is disabled"


class TestClosing:
    def test_no_thread_and_no_socket_is_left(self) -> None:
        before = set(threading.enumerate())
        with SimulatedPool(speed=1) as pool:
            session = XenAPI.Session(pool.url)
            session.login_with_password("root", "xenroot")
            task = session.xenapi.Async.VM.pool_migrate(
                session.xenapi.VM.get_by_name_label("vm-web-1")[0], session.xenapi.host.get_all()[1], {}
            )
            waiting = threading.Thread(target=wait_for_events, args=(pool, log_in(pool)))
            waiting.start()
            while not pool.world.subscriptions.anybody_wants("VM"):
                time.sleep(0.001)
            assert session.xenapi.task.get_status(task) == "pending"
            closing = time.monotonic()

        assert time.monotonic() - closing < 0.5
        waiting.join()
        assert set(threading.enumerate()) - before == set()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", pool.port))

    def test_no_folder_is_left(self) -> None:
        with SimulatedPool() as pool:
            folder = pool.hotfix.parent

        assert not folder.exists()

    def test_a_folder_of_its_own_keeps_keys_and_is_kept(self, tmp_path: Path) -> None:
        with SimulatedPool(folder=tmp_path) as pool:
            certificate = pool.certificate.read_bytes()
            known_hosts = [line.split()[1:] for line in pool.known_hosts.read_text().splitlines()]

        with SimulatedPool(folder=tmp_path) as pool:
            assert pool.certificate.read_bytes() == certificate
            assert [line.split()[1:] for line in pool.known_hosts.read_text().splitlines()] == known_hosts

    def test_hosts_that_are_made_anew_in_a_folder_can_be_given_the_same_hotfix_again(
        self, tmp_path: Path
    ) -> None:
        for _ in range(2):
            clock = ManualClock()
            with SimulatedPool(Model(hosts=1, vms=0), folder=tmp_path, clock=clock) as pool:
                api = Api(pool.url, clock)
                patch = upload(pool, api, pool.hotfix.with_suffix(".xsupdate"))
                api.do("pool_patch.pool_apply", patch)
                assert len(pool.db.rows("host_patch")) == 1


def wait_for_events(pool: SimulatedPool, session: str) -> None:
    """Wait in a call that ends only because its connection does."""
    vms = "<value><array><data><value>vm</value></data></array></value>"
    token, timeout = value("99999999,0."), "<value><double>3600</double></value>"
    with pytest.raises(OSError):
        raw.call(pool, "event.from", value(session), vms, token, timeout)
