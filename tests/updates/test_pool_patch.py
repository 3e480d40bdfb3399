"""The mechanism of XenServer 6.x against a simulated pool."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from pydantic import SecretStr

from simulator import FaultRule, SimulatedPool
from xenpatch.errors import ApplyFailed, ReplyLost, UploadFailed
from xenpatch.hotfix.intake import Hotfix, verify
from xenpatch.hotfix.manifest import HotfixUuid, load_manifest
from xenpatch.updates.pool_patch import PoolPatch
from xenpatch.xapi import tasks
from xenpatch.xapi.inventory import Inventory
from xenpatch.xapi.session import Endpoint, Session, open_session
from xenpatch.xapi.survey import read_inventory


@contextmanager
def at_work(sim: SimulatedPool) -> Iterator[tuple[Session, Hotfix]]:
    hotfix = verify(sim.hotfix, load_manifest(sim.manifest))
    with open_session(Endpoint((sim.url,), sim.user, SecretStr(sim.password))) as session:
        yield session, hotfix


def lists_it(pool: Inventory, hotfix: Hotfix) -> list[str]:
    return [host.name for host in pool.hosts if host.has(hotfix.manifest.uuid)]


def test_a_hotfix_is_uploaded_once_with_progress_by_bytes(small_pool: SimulatedPool) -> None:
    with at_work(small_pool) as (session, hotfix):
        sent: list[int] = []

        assert PoolPatch().bring(session, hotfix, sent.append) is True
        assert PoolPatch().bring(session, hotfix) is False

    assert sent[-1] == hotfix.update_size
    assert len(small_pool.journal.calls("PUT /pool_patch_upload")) == 1


def test_a_file_that_was_cleaned_away_is_brought_anew(small_pool: SimulatedPool) -> None:
    with at_work(small_pool) as (session, hotfix):
        PoolPatch().bring(session, hotfix)
        ref = session.read("pool_patch.get_by_uuid", hotfix.manifest.uuid)
        session.call("pool_patch.clean", ref)
        slave = read_inventory(session).hosts[1]

        assert PoolPatch().precheck(session, hotfix.manifest, slave).code == "CANNOT_FIND_PATCH"
        assert PoolPatch().bring(session, hotfix, anew=True) is True
        assert PoolPatch().precheck(session, hotfix.manifest, slave).code is None


def test_an_upload_that_the_pool_knows_by_another_uuid_is_removed(small_pool: SimulatedPool) -> None:
    with at_work(small_pool) as (session, hotfix):
        other = HotfixUuid("00000000-0000-0000-0000-000000000001")
        wrong = Hotfix(hotfix.manifest.model_copy(update={"uuid": other}), hotfix.path, hotfix.files)

        with pytest.raises(UploadFailed, match="removed again"):
            PoolPatch().bring(session, wrong)

        assert session.read("pool_patch.get_all") == []


@pytest.mark.parametrize("when", ["before", "after"])
def test_an_upload_whose_connection_breaks_leaves_no_half_file(small_pool: SimulatedPool, when: str) -> None:
    small_pool.faults.add(FaultRule.from_dict({"call": "PUT /pool_patch_upload", "do": {"drop": when}}))
    with at_work(small_pool) as (session, hotfix):
        try:
            PoolPatch().bring(session, hotfix)
        except ReplyLost:
            assert PoolPatch().bring(session, hotfix) in (True, False)

        assert PoolPatch().precheck(session, hotfix.manifest, read_inventory(session).hosts[1]).code is None


def test_hosts_that_lack_it_are_patched_one_by_one_when_others_have_it(small_pool: SimulatedPool) -> None:
    with at_work(small_pool) as (session, hotfix):
        PoolPatch().bring(session, hotfix)
        slave = read_inventory(session).hosts[1]
        ref = session.read("pool_patch.get_by_uuid", hotfix.manifest.uuid)
        tasks.run(session, "pool_patch.apply", ref, slave.ref, what="apply", limit=60)

        PoolPatch().apply(session, hotfix.manifest, lambda _: None)

        assert lists_it(read_inventory(session), hotfix) == ["xs1", "xs2"]
        assert small_pool.journal.calls("pool_patch.pool_apply") == []


def test_success_is_that_every_host_lists_it(small_pool: SimulatedPool) -> None:
    with at_work(small_pool) as (session, hotfix):
        PoolPatch().bring(session, hotfix)
        small_pool.faults.add(
            FaultRule.from_dict({"call": "patch", "object": "xs2", "do": {"fail": "no space"}})
        )

        with pytest.raises(ApplyFailed) as failed:
            PoolPatch().apply(session, hotfix.manifest, lambda _: None)

        assert "xs2 lack" in str(failed.value)
        assert "no space" in str(failed.value)
        assert "xs2" not in lists_it(read_inventory(session), hotfix)


def test_a_hotfix_that_a_host_has_is_never_removed(small_pool: SimulatedPool) -> None:
    with at_work(small_pool) as (session, hotfix):
        PoolPatch().bring(session, hotfix)
        PoolPatch().apply(session, hotfix.manifest, lambda _: None)

        PoolPatch().remove(session, hotfix.manifest)

        assert lists_it(read_inventory(session), hotfix) == ["xs1", "xs2"]
