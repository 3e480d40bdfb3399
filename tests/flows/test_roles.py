"""The least role of XenServer that a run gets to its end with, and what becomes of lesser ones."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from blocks import XenServerPool
from flows.abandon_pool import abandon_pool
from flows.patch_pool import patch_pool
from simulator import Model, SimulatedPool, User, rbac
from simulator.data_model import READ_ONLY, ROLES
from simulator.schema import RELEASES
from tests.flows import awkward
from tests.flows.kit import boots, changes, dies_at_the_reboot_of, shell, traces
from tests.flows.test_remedies import CURED
from xenpatch.errors import PrecheckRefused, Refused
from xenpatch.prechecks.planning import read_obstacles
from xenpatch.report import RunReport
from xenpatch.xapi.rights import OF_A_RUN, OF_GIVING_UP, read_rights
from xenpatch.xapi.session import Endpoint, open_session
from xenpatch.xapi.survey import read_inventory

ROOT = Path(__file__).parents[2]
TO_PATCH = ROLES.index("pool-admin")
TO_GIVE_UP = ROLES.index("pool-operator")
PASSWORD = "s3cret"


@pytest.fixture
def awkward_pool(prefect_server: object, quick_looks: None) -> Iterator[SimulatedPool]:
    """A pool with everything in the way, and a user of each role."""
    del prefect_server, quick_looks
    users = [User(f"anna-{role}", PASSWORD, (role,)) for role in ROLES]
    with SimulatedPool(Model(hosts=3, vms=9), speed=600, users=users) as sim:
        awkward.make_awkward(sim)
        yield sim
        assert sim.leaks() == []


def block(sim: SimulatedPool, role: str) -> XenServerPool:
    return XenServerPool(addresses=[sim.url], user=f"anna-{role}", password=SecretStr(PASSWORD))


def run_as(sim: SimulatedPool, role: str, folder: Path, *, take_over: bool = False) -> RunReport:
    options = CURED.model_copy(
        update={"backup_folder": folder, "clean": True, "restart_vms": True, "take_over": take_over}
    )
    return patch_pool(block(sim, role), (sim.hotfix,), (sim.manifest,), shell(sim), options)


@pytest.mark.parametrize("role", ROLES[: TO_PATCH + 1])
def test_this_role_is_enough_for_a_run_with_all_its_remedies(
    awkward_pool: SimulatedPool, tmp_path: Path, role: str
) -> None:
    mark = len(awkward_pool.journal.lines)

    run_as(awkward_pool, role, tmp_path)

    assert sorted(boots(awkward_pool)) == ["xs1", "xs2", "xs3"]
    assert list(traces(awkward_pool)) == []
    least = rbac.least_roles(RELEASES["6.0.2"])
    calls = [line["call"] for line in awkward_pool.journal.lines[mark:] if line.get("call")]
    taken = {rbac.HTTP[tuple(call.split())][0] if " " in call else call.lower() for call in calls}
    above = {name for name in taken if least[name] != READ_ONLY}
    assert len(above) > 20
    assert above <= OF_A_RUN.keys()


def test_each_lesser_role_is_refused_before_anything_is_changed(
    awkward_pool: SimulatedPool, tmp_path: Path
) -> None:
    before, mark = awkward.dump(awkward_pool), len(awkward_pool.journal.lines)

    for role in ROLES[TO_PATCH + 1 :]:
        with pytest.raises(PrecheckRefused) as refused:
            run_as(awkward_pool, role, tmp_path)

        (finding,) = [each for each in refused.value.findings if each.check == "rights"]
        first = "http/get_pool_xml_db_sync" if role == "pool-operator" else "http/put_pool_patch_upload"
        said = f"user anna-{role} (role {role}) may not {OF_A_RUN[first]} ({first})"
        assert finding.message.startswith(said)
        assert finding.advice == "log in as root or as a user with the role pool-admin"
    assert changes(awkward_pool, mark) == []
    assert awkward.differences(before, awkward.dump(awkward_pool)) == set()
    assert list(tmp_path.iterdir()) == []


def test_a_run_is_neither_stopped_nor_given_up_by_who_may_not_do_all_that_it_takes(
    awkward_pool: SimulatedPool, tmp_path: Path
) -> None:
    leave_a_run(awkward_pool, tmp_path)
    before, mark = awkward.dump(awkward_pool), len(awkward_pool.journal.lines)

    with pytest.raises(Refused):
        run_as(awkward_pool, "pool-operator", tmp_path, take_over=True)
    with pytest.raises(Refused, match=r"user anna-vm-power-admin \(role vm-power-admin\) may not") as refused:
        abandon_pool(block(awkward_pool, "vm-power-admin"))

    assert str(refused.value).endswith("a user with the role pool-operator. Nothing was changed.")
    assert changes(awkward_pool, mark) == []
    assert awkward.differences(before, awkward.dump(awkward_pool)) == set()
    abandon_pool(block(awkward_pool, ROLES[TO_GIVE_UP]))
    assert list(traces(awkward_pool)) == []


def leave_a_run(sim: SimulatedPool, folder: Path) -> None:
    """A run that ended when its second host was to reboot, with everything as it was then."""
    dies_at_the_reboot_of(sim, folder / "first", "xs2", CURED)


def test_the_least_role_may_look_at_all_that_a_plan_is_made_of(quick_looks: None) -> None:
    del quick_looks
    users = [User("anna", PASSWORD, (READ_ONLY,))]
    with SimulatedPool(Model(hosts=2, vms=2), speed=600, users=users) as sim:
        endpoint = Endpoint((sim.url,), "anna", SecretStr(PASSWORD))
        with open_session(endpoint) as session:
            pool = read_inventory(session)
            assert read_obstacles(session, pool, tuple(host.uuid for host in pool.hosts)) == {}
            assert read_rights(session).roles == (READ_ONLY,)
        assert sim.leaks() == []


def test_the_table_of_rights_names_what_takes_a_role_and_asks_for_no_more_than_the_least_one() -> None:
    least = rbac.least_roles(RELEASES["6.0.2"])

    assert READ_ONLY not in {least[name] for name in OF_A_RUN}
    assert min(ROLES.index(least[name]) for name in OF_A_RUN) == TO_PATCH
    assert min(ROLES.index(least[name]) for name in OF_GIVING_UP) == TO_GIVE_UP


def test_every_message_that_the_library_can_send_and_not_everybody_may_is_in_the_table() -> None:
    least = rbac.least_roles(RELEASES["6.0.2"])
    texts = {
        node.value.lower()
        for path in (ROOT / "xenpatch").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }

    sent = {text for text in texts & least.keys() if least[text] != READ_ONLY}

    assert sent - {"host.call_plugin"} <= OF_A_RUN.keys()  # not sent to 6.0
