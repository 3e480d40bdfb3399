"""Users of a directory that a pool has joined, their roles, and the messages of role and subject.

Source: xapi 6.0.2, modules Xapi_role and Xapi_subject. A pool that is licensed for it (Enterprise) gives
subjects roles; without the licence each subject is a pool-admin.
"""

from typing import TYPE_CHECKING

from simulator import rbac
from simulator.call import Call, Ref, XapiError, message
from simulator.data_model import ROLES
from simulator.database import Row, Stamped
from simulator.model import User

if TYPE_CHECKING:
    from simulator.world import World

_ROLES_ALONE, _PERMISSIONS_ALONE = "subroles<>[]", "subroles=[]"


def admit(world: "World") -> None:
    """Put in the roles, which are the same in every pool, and the subjects that the users log in as."""
    release = world.release
    names = {role: rbac.permissions_of(release, [role]) for role in ROLES}
    for name in (*rbac.least_roles(release), *ROLES):
        subroles = [rbac.role_ref(each) for each in names.get(name, ()) if each != name]
        row = {
            "uuid": rbac.role_uuid(name),
            "name__label": name,
            "name__description": "" if subroles else "A basic permission",
            "subroles": subroles,
        }
        world.db.tables["role"].rows[rbac.role_ref(name)] = Stamped(row, 0, 0)
    for user in world.users:
        _subject(world, user)


def _subject(world: "World", user: User) -> None:
    if unknown := set(user.roles) - set(ROLES):
        raise ValueError(f"{user.name} has roles that there are not: {', '.join(sorted(unknown))}")
    world.db.create(
        "subject",
        subject_identifier=user.sid,
        other_config={"subject-name": user.name},
        roles=[rbac.role_ref(role) for role in user.roles],
    )
    for host in world.db.rows("host"):
        world.db.update("host", host, external_auth_type="AD", external_auth_service_name="example.com")


@message("role.get_all_records_where")
def get_all_records_where(call: Call, expr: str) -> dict[Ref, Row]:
    """Return the roles alone, the permissions alone, or for any other query all: xapi knows these two."""
    wanted = {_ROLES_ALONE: (True,), _PERMISSIONS_ALONE: (False,)}.get(expr, (True, False))
    return {ref: row for ref, row in call.db.rows("role").items() if bool(row["subroles"]) in wanted}


@message("role.get_permissions")
def get_permissions(call: Call, self: Ref) -> list[Ref]:
    """Return the permissions of a role; that of a permission is itself."""
    return list(call.db.get("role", self)["subroles"]) or [self]


@message("role.get_permissions_name_label")
def get_permissions_name_label(call: Call, self: Ref) -> list[str]:
    """Return the names of the permissions of a role."""
    return [str(call.db.get("role", each)["name__label"]) for each in get_permissions(call, self)]


@message("role.get_by_permission")
def get_by_permission(call: Call, permission: Ref) -> list[Ref]:
    """Return the roles that have a permission."""
    return [ref for ref, row in call.db.rows("role").items() if permission in row["subroles"]]


@message("role.get_by_permission_name_label")
def get_by_permission_name_label(call: Call, label: str) -> list[Ref]:
    """Return the roles that have the permission of that name."""
    return get_by_permission(call, rbac.role_ref(label))


@message("subject.create")
def create(call: Call, record: Row) -> Ref:
    """Let a user or group of the directory in, without a role; SUBJECT_ALREADY_EXISTS [] if it is in."""
    if call.db.find("subject", subject_identifier=record["subject_identifier"]):
        raise XapiError("SUBJECT_ALREADY_EXISTS")
    row = {**record} if _unlicensed(call) else {**record, "roles": []}
    return call.db.create("subject", **row)


@message("subject.add_to_roles")
def add_to_roles(call: Call, self: Ref, role: Ref) -> None:
    """Give a subject a role, good from its next login on; ROLE_NOT_FOUND [], ROLE_ALREADY_EXISTS []."""
    _assert_licensed(call)
    if not call.db.exists("role", role):
        raise XapiError("ROLE_NOT_FOUND")
    if role in call.db.get("subject", self)["roles"]:
        raise XapiError("ROLE_ALREADY_EXISTS")
    call.db.add_to_set("subject", self, "roles", role)


@message("subject.remove_from_roles")
def remove_from_roles(call: Call, self: Ref, role: Ref) -> None:
    """Take a role from a subject; ROLE_NOT_FOUND [] if it does not have it."""
    _assert_licensed(call)
    if role not in call.db.get("subject", self)["roles"]:
        raise XapiError("ROLE_NOT_FOUND")
    call.db.remove_from_set("subject", self, "roles", role)


@message("subject.get_permissions_name_label")
def get_permissions_of_subject(call: Call, self: Ref) -> list[str]:
    """Return the names of all permissions that a subject's roles give it."""
    roles = call.db.get("subject", self)["roles"]
    return sorted({name for role in roles for name in get_permissions_name_label(call, role)})


def _unlicensed(call: Call) -> bool:
    restrictions: Row = call.db.get("pool", call.world.pool)["restrictions"]
    return bool(restrictions.get("restrict_rbac") == "true")


def _assert_licensed(call: Call) -> None:
    if _unlicensed(call):
        raise XapiError("LICENCE_RESTRICTION")
