"""Users of a directory: who may do what. The facts are those of the data model of xapi 6.0.2."""

from collections.abc import Iterator

import pytest
import XenAPI

from simulator import ManualClock, Model, SimulatedPool, User
from simulator.data_model import ROLES
from tests.simulator.api import Api, failure
from tests.simulator.raw import request

LEAST_ROLES = {
    "VM.get_all_records": "read-only",
    "event.from": "read-only",
    "task.cancel": "read-only",
    "host.get_log": "read-only",
    "subject.get_roles": "read-only",
    "VM.clean_shutdown": "vm-operator",
    "VBD.eject": "vm-operator",
    "pool.set_tags": "vm-operator",
    "VM.add_to_other_config/key:folder": "vm-operator",
    "VM.add_to_other_config": "vm-admin",
    "VM.provision": "vm-admin",
    "VM.pool_migrate": "vm-power-admin",
    "VM.start_on": "vm-power-admin",
    "host.evacuate": "pool-operator",
    "host.reboot": "pool-operator",
    "pool.enable_ha": "pool-operator",
    "pool.add_to_other_config": "pool-operator",
    "pool.remove_from_other_config/key:xencenter.customfields.*": "vm-operator",
    "VM.set_ha_restart_priority": "pool-operator",
    "pool_patch.pool_apply": "pool-operator",
    "secret.get_value": "pool-operator",
    "network.set_other_config": "pool-operator",
    "task.destroy/any": "pool-operator",
    "http/put_pool_patch_upload": "pool-operator",
    "http/get_pool_xml_db_sync": "pool-admin",
    "subject.add_to_roles": "pool-admin",
}
OF_ROOT_ALONE = {"session.change_password", "VMPP.create_alert"}
USERS = [User(role, "s3cret", (role,)) for role in ROLES]


@pytest.fixture
def pool(clock: ManualClock) -> Iterator[SimulatedPool]:
    with SimulatedPool(Model(hosts=2, vms=2), clock=clock, users=[*USERS, User("nobody", "x", ())]) as pool:
        yield pool


class As(Api):
    """The session of a user who is named after a role."""

    def __init__(self, pool: SimulatedPool, user: str) -> None:
        self.user = user
        assert isinstance(pool.clock, ManualClock)
        super().__init__(pool.url, pool.clock)

    def log_in(self) -> None:
        self.session.login_with_password(self.user, "s3cret")


def permissions(api: Api) -> set[str]:
    return set(api.session.xenapi.session.get_rbac_permissions(api.session._session))


def test_each_role_has_its_permissions_and_those_of_the_roles_below(pool: SimulatedPool) -> None:
    of = {role: permissions(As(pool, role)) for role in ROLES}

    for place, role in enumerate(ROLES):
        least = {name.lower() for name, least in LEAST_ROLES.items() if ROLES.index(least) >= place}
        assert of[role] & {name.lower() for name in LEAST_ROLES} == least
        assert all(of[role] - {role} > of[lesser] - {lesser} for lesser in ROLES[place + 1 :])
    assert not of["pool-admin"] & {name.lower() for name in OF_ROOT_ALONE}


def test_a_session_tells_whose_it_is_and_in_which_role(pool: SimulatedPool) -> None:
    api = As(pool, "vm-admin")

    record = api.session.xenapi.session.get_record(api.session._session)

    assert (record["auth_user_name"], record["is_local_superuser"]) == ("vm-admin", False)
    assert set(ROLES) & set(record["rbac_permissions"]) == {"vm-admin"}
    assert api.subject.get_record(record["subject"])["other_config"]["subject-name"] == "vm-admin"
    assert record["auth_user_sid"] in api.session.xenapi.session.get_all_subject_identifiers()


def test_root_has_no_limits_and_lists_no_permissions(api: Api) -> None:
    record = api.session.xenapi.session.get_record(api.session._session)

    assert (record["is_local_superuser"], record["rbac_permissions"]) == (True, [])
    api.pool.add_to_other_config(api.pool.get_all()[0], "key", "value")


def test_a_call_above_the_role_is_refused_with_the_permission_that_it_takes(pool: SimulatedPool) -> None:
    api = As(pool, "vm-operator")
    vm = api.named("VM", "vm-web-1")

    refused = failure(api.VM.pool_migrate, vm, api.named("host", "xs2"), {})

    having = "pool-admin, pool-operator, vm-power-admin"
    why = f"No permission in user session. (Roles with this permission: {having})"
    assert refused == ["RBAC_PERMISSION_DENIED", "vm.pool_migrate", why]
    assert pool.journal.calls("VM.pool_migrate")[0]["result"] == "RBAC_PERMISSION_DENIED"


def test_an_asynchronous_call_is_refused_in_its_task(pool: SimulatedPool) -> None:
    api = As(pool, "vm-operator")

    task = api.begin("host.disable", api.named("host", "xs1"))

    with pytest.raises(XenAPI.Failure) as refused:
        api.finish(task)
    assert refused.value.details[:2] == ["RBAC_PERMISSION_DENIED", "host.disable"]


def test_some_keys_of_a_map_take_a_lesser_role(pool: SimulatedPool) -> None:
    api = As(pool, "vm-operator")
    (of_pool,) = api.pool.get_all()

    api.pool.add_to_other_config(of_pool, "folder", "/racks")
    api.pool.add_to_other_config(of_pool, "XenCenter.CustomFields.owner", "us")
    api.pool.remove_from_other_config(of_pool, "folder")

    denied = [
        failure(api.pool.add_to_other_config, of_pool, "Folder", "x"),
        failure(api.pool.remove_from_other_config, of_pool, "XenCenter"),
        failure(api.pool.set_other_config, of_pool, {"folder": "x"}),
    ]
    assert [each[:2] for each in denied] == [
        ["RBAC_PERMISSION_DENIED", f"pool.{verb}_other_config"] for verb in ("add_to", "remove_from", "set")
    ]


def test_a_path_above_the_role_is_forbidden_and_the_clients_task_says_why(pool: SimulatedPool) -> None:
    api = As(pool, "vm-admin")
    task = api.task.create("upload", "")

    answer = request(
        pool, "PUT", f"/pool_patch_upload?session_id={api.session._session}&task_id={task}", "body"
    )

    assert answer.status == 403
    assert api.task.get_error_info(task)[:2] == ["RBAC_PERMISSION_DENIED", "http/put_pool_patch_upload"]


@pytest.mark.parametrize(("role", "status"), [("pool-operator", 403), ("pool-admin", 200)])
def test_only_a_pool_admin_gets_the_database(pool: SimulatedPool, role: str, status: int) -> None:
    api = As(pool, role)

    assert request(pool, "GET", f"/pool/xmldbdump?session_id={api.session._session}").status == status


def test_a_user_of_no_role_or_of_a_wrong_password_or_no_longer_admitted_is_not_let_in() -> None:
    users = [User("anna", "s3cret", ("read-only",)), User("nobody", "x", ())]
    with SimulatedPool(Model(hosts=1, vms=0), speed=1000, users=users) as pool:
        session = XenAPI.Session(pool.url)

        assert failure(session.login_with_password, "anna", "guess")[:2] == [
            "SESSION_AUTHENTICATION_FAILED",
            "anna",
        ]
        assert failure(session.login_with_password, "nobody", "x")[:2] == [
            "RBAC_PERMISSION_DENIED",
            "session.login_with_password",
        ]
        for subject in pool.db.rows("subject"):
            pool.db.destroy("subject", subject)
        assert failure(session.login_with_password, "anna", "s3cret")[0] == "SESSION_AUTHENTICATION_FAILED"


def test_a_new_role_is_good_from_the_next_login_on(pool: SimulatedPool, api: Api) -> None:
    reader = As(pool, "read-only")
    session = reader.session._session
    subject = api.session.xenapi.session.get_record(session)["subject"]
    (admin,) = api.role.get_by_name_label("vm-admin")

    api.subject.add_to_roles(subject, admin)

    assert "vm.provision" not in permissions(reader)
    reader.log_in()
    assert "vm.provision" in permissions(reader)
    assert failure(api.subject.add_to_roles, subject, admin) == ["ROLE_ALREADY_EXISTS"]
    assert "vm.provision" in api.subject.get_permissions_name_label(subject)
    api.subject.remove_from_roles(subject, admin)
    assert failure(api.subject.remove_from_roles, subject, admin) == ["ROLE_NOT_FOUND"]


def test_without_the_licence_for_it_no_role_is_given_and_each_subject_is_a_pool_admin(
    pool: SimulatedPool, api: Api
) -> None:
    (of_pool,) = pool.db.rows("pool")
    pool.db.update("pool", of_pool, restrictions={"restrict_rbac": "true"})

    made = api.subject.create({"subject_identifier": "S-1-5", "other_config": {}})

    (admin,) = api.role.get_by_name_label("pool-admin")
    assert api.subject.get_roles(made) == [admin]
    assert failure(api.subject.add_to_roles, made, admin) == ["LICENCE_RESTRICTION"]


def test_roles_are_listed_with_their_permissions(api: Api) -> None:
    roles = api.role.get_all_records_where("subroles<>[]")

    assert {row["name_label"] for row in roles.values()} == set(ROLES)
    holders = api.role.get_by_permission_name_label("host.reboot")
    assert {api.role.get_name_label(each) for each in holders} == {"pool-admin", "pool-operator"}
    (operator,) = api.role.get_by_name_label("pool-operator")
    assert "host.reboot" in api.role.get_permissions_name_label(operator)
    assert api.role.get_uuid(api.role.get_by_name_label("pool-admin")[0]).startswith("0165f154")


def test_users_end_their_own_tasks_and_operators_those_of_others(pool: SimulatedPool) -> None:
    admin, other = As(pool, "vm-admin"), As(pool, "vm-operator")
    task = admin.task.create("mine", "")

    refused = failure(other.task.destroy, task)
    As(pool, "vm-admin").task.cancel(task)
    As(pool, "pool-operator").task.destroy(task)

    assert refused[:2] == ["RBAC_PERMISSION_DENIED", "task.destroy/any"]


def test_a_role_that_there_is_not_is_refused() -> None:
    with pytest.raises(ValueError, match="root-admin"):
        SimulatedPool(users=[User("anna", "s3cret", ("root-admin",))])
