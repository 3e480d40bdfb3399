"""Each remedy: written down, made, and undone, each of it safe to repeat."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import pytest

from simulator import FaultRule, SimulatedPool
from tests.flows import awkward
from tests.flows.kit import block
from xenpatch.errors import LockLost, StepFailed
from xenpatch.prechecks import remedies as known
from xenpatch.prechecks.remedies import auto_poweron, cd, ha, storage, wlb
from xenpatch.prechecks.remedy import Kind, Remedy
from xenpatch.record import KEY, RunId, RunRecord, claim
from xenpatch.steps import remedies
from xenpatch.xapi.inventory import Inventory
from xenpatch.xapi.objects import pool_config, pool_ref
from xenpatch.xapi.session import Session, open_session
from xenpatch.xapi.survey import read_inventory

RUN = RunId("run")


@contextmanager
def ours(sim: SimulatedPool) -> Iterator[Session]:
    """A session of the run that holds the pool."""
    with open_session(block(sim).endpoint()) as session:
        claim(session, RunRecord(RUN, "uuid", "X", "now", "me"))
        yield session
        session.call("pool.remove_from_other_config", pool_ref(session), KEY)


@dataclass(frozen=True)
class Case:
    """How a pool comes to need a remedy, the remedy, and what tells whether the matter is in the way."""

    prepare: Callable[[SimulatedPool], object]
    remedy: Callable[[Inventory], Remedy]
    in_the_way: Callable[[SimulatedPool], object]
    call: str
    undone: bool = True


def with_ha(sim: SimulatedPool) -> None:
    with awkward.client(sim) as api:
        awkward.enable_ha(api, awkward.vm(sim, "vm-web-1"))


def with_wlb(sim: SimulatedPool) -> None:
    (pool,) = sim.db.rows("pool")
    sim.db.update("pool", pool, wlb_enabled=True)


def with_automatic_start(sim: SimulatedPool) -> None:
    sim.db.set_in_map("VM", awkward.vm(sim, "vm-web-1"), "other_config", "auto_poweron", "true")


def without_storage(sim: SimulatedPool) -> None:
    sim.db.update("PBD", detached(sim), currently_attached=False)


def detached(sim: SimulatedPool) -> str:
    drives = [ref for ref, row in sim.db.rows("SR").items() if row["type"] == "udev"]
    return next(ref for ref, row in sim.db.rows("PBD").items() if row["SR"] == drives[0])


def pool_row(sim: SimulatedPool, field: str) -> object:
    (row,) = sim.db.rows("pool").values()
    return row[field]


def the_cd(seen: Inventory) -> Remedy:
    vm = next(vm for vm in seen.vms if vm.name == "vm-web-1")
    return cd.remedy(vm, next(disk for disk in vm.disks if disk.is_cd))


def the_storage(seen: Inventory) -> Remedy:
    host, pbd = next((host, pbd) for host in seen.hosts for pbd in host.pbds if not pbd.attached)
    return storage.remedy(host, pbd, seen.srs[pbd.sr])


def the_vm(seen: Inventory) -> Remedy:
    return auto_poweron.remedy(next(vm for vm in seen.vms if vm.name == "vm-web-1"))


CASES = {
    Kind.DISABLE_HA: Case(with_ha, ha.remedy, lambda sim: pool_row(sim, "ha_enabled"), "pool.disable_ha"),
    Kind.DISABLE_WLB: Case(
        with_wlb, wlb.remedy, lambda sim: pool_row(sim, "wlb_enabled"), "pool.set_wlb_enabled"
    ),
    Kind.EJECT_CD: Case(
        lambda sim: awkward.insert_local_cd(sim, "vm-web-1"),
        the_cd,
        lambda sim: not sim.db.get("VBD", awkward.drive(sim, "vm-web-1"))["empty"],
        "VBD.eject",
    ),
    Kind.NO_AUTO_POWERON: Case(
        with_automatic_start,
        the_vm,
        lambda sim: sim.db.get("VM", awkward.vm(sim, "vm-web-1"))["other_config"]["auto_poweron"] == "true",
        "VM.remove_from_other_config",
    ),
    Kind.PLUG_STORAGE: Case(
        without_storage,
        the_storage,
        lambda sim: not sim.db.get("PBD", detached(sim))["currently_attached"],
        "PBD.plug",
        undone=False,
    ),
}


def test_every_kind_has_its_action_and_its_case() -> None:
    assert known.ACTIONS.keys() == CASES.keys() == set(Kind)


@pytest.fixture(params=list(Kind))
def case(request: pytest.FixtureRequest) -> Case:
    return CASES[request.param]


def test_it_is_made_and_undone_and_both_can_be_repeated(small_pool: SimulatedPool, case: Case) -> None:
    case.prepare(small_pool)
    with ours(small_pool) as session:
        remedy = case.remedy(read_inventory(session))
        assert case.in_the_way(small_pool)

        for _ in range(2):
            assert "not needed" not in remedies.make(session, RUN, remedy)
            assert not case.in_the_way(small_pool)

        ((key, written),) = remedies.written(pool_config(session)).items()
        assert written == remedy
        for _ in range(2):
            remedies.undo(session, RUN, key, written)
            assert bool(case.in_the_way(small_pool)) is case.undone
        assert remedies.written(pool_config(session)) == {}


def test_it_is_written_down_before_it_is_made(small_pool: SimulatedPool, case: Case) -> None:
    case.prepare(small_pool)
    with ours(small_pool) as session:
        remedies.make(session, RUN, case.remedy(read_inventory(session)))
        made = next(n for n, line in enumerate(small_pool.journal.lines) if line.get("call") == case.call)
        written = [
            n
            for n, line in enumerate(small_pool.journal.lines)
            if line.get("call") == "pool.add_to_other_config" and remedies.MADE in str(line["args"])
        ]
        undo_all(session)

    assert len(written) == 1
    assert written[0] < made


def test_what_somebody_else_has_done_meanwhile_is_not_ours(small_pool: SimulatedPool, case: Case) -> None:
    case.prepare(small_pool)
    with ours(small_pool) as session:
        remedy = case.remedy(read_inventory(session))
        known.action(remedy).make(session, remedy)

        assert "not needed any more" in remedies.make(session, RUN, remedy)
        assert remedies.written(pool_config(session)) == {}


def test_a_remedy_that_the_pool_refuses_is_told_with_what_was_to_be_done(
    small_pool: SimulatedPool, case: Case
) -> None:
    case.prepare(small_pool)
    small_pool.faults.add(FaultRule.from_dict({"call": case.call, "do": {"error": ["INTERNAL_ERROR", "no"]}}))
    with ours(small_pool) as session:
        remedy = case.remedy(read_inventory(session))

        with pytest.raises(StepFailed) as failed:
            remedies.make(session, RUN, remedy)

        assert f"could not {known.action(remedy).does(remedy)}" in str(failed.value)
        undo_all(session)
        assert remedies.written(pool_config(session)) == {}


def test_the_last_remedy_is_the_first_to_be_undone(small_pool: SimulatedPool) -> None:
    with two_made(small_pool) as session:
        found = remedies.written(pool_config(session))

        assert [remedy.kind for remedy in found.values()] == [Kind.NO_AUTO_POWERON, Kind.DISABLE_WLB]
        undo_all(session)


def test_an_undo_that_fails_keeps_no_other_one_from_being_made(small_pool: SimulatedPool) -> None:
    refused = FaultRule.from_dict(
        {"call": "VM.add_to_other_config", "do": {"error": ["INTERNAL_ERROR", "no"]}, "skip": 1}
    )
    small_pool.faults.add(refused)
    with two_made(small_pool) as session:
        with pytest.raises(StepFailed, match=r"vm-web-1 could not be put back.*still written on the pool"):
            undo_all(session)

        (left,) = remedies.written(pool_config(session)).values()
        assert left.kind is Kind.NO_AUTO_POWERON
        undo_all(session)


def test_no_undo_is_tried_once_the_pool_is_another_runs(small_pool: SimulatedPool) -> None:
    with two_made(small_pool) as session:
        tried = []

        def undo(key: str, remedy: Remedy) -> None:
            tried.append(remedy.kind)
            remedies.undo(session, RunId("another"), key, remedy)

        with pytest.raises(LockLost):
            remedies.undo_each(remedies.written(pool_config(session)), undo)

        assert tried == [Kind.NO_AUTO_POWERON]
        undo_all(session)


def test_ha_does_not_begin_on_another_sr_where_its_own_is_gone(small_pool: SimulatedPool) -> None:
    with ours(small_pool) as session:
        gone = Remedy(
            Kind.DISABLE_HA, "pool", "the pool", {"failures": "1", "srs": "gone", "configuration": "{}"}
        )

        with pytest.raises(StepFailed, match="heartbeat SR gone is gone"):
            remedies.undo(session, RUN, "key", gone)

    assert not pool_row(small_pool, "ha_enabled")


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", '{"kind": "magic", "subject": "", "name": "", "saved": {}}']
)
def test_a_remedy_that_somebody_has_spoilt_is_named_by_its_key(text: str) -> None:
    with pytest.raises(StepFailed, match="xenpatch-remedy-001"):
        remedies.written({"xenpatch-remedy-001": text})


@contextmanager
def two_made(pool: SimulatedPool) -> Iterator[Session]:
    """A session in which workload balancing was put aside, and then a VM's automatic start."""
    with_wlb(pool)
    with_automatic_start(pool)
    with ours(pool) as session:
        seen = read_inventory(session)
        for remedy in (wlb.remedy(seen), the_vm(seen)):
            remedies.make(session, RUN, remedy)
        yield session


def undo_all(session: Session) -> None:
    remedies.undo_each(remedies.written(pool_config(session)), partial(remedies.undo, session, RUN))
