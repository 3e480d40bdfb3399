"""Role-based access control: which user may send which message, touch which key, and use which HTTP path.

A permission is named after what it lets a user do, in lower case: `vm.start`, `http/put_pool_patch_upload`,
or `pool.add_to_other_config/key:folder` where a key has a role of its own. A session gets the permissions of
its user's roles at the login; that of root has no limits. Source: xapi 6.0.2, modules Rbac and Gen_rbac, and
the data model's allowed_roles, map_keys_roles, http_actions and extra_permissions.
"""

from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from functools import cache
from hashlib import md5
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from simulator.call import Ref, XapiError
from simulator.data_model import LOCAL_ROOT, ROLES, Message
from simulator.schema import Release, Schema

if TYPE_CHECKING:
    from simulator.world import World

ANY_TASK: Final = "task.destroy/any"
_KEYED: Final = "vm-operator"
"""The least role for each key that has one of its own."""
_EXTRA: Final = {
    ANY_TASK: "pool-operator",
    "internal/vm.plug_pcidevs": "pool-admin",
    "http/connect_console/host_console": "pool-admin",
    "http/get_vncsnapshot/host_console": "pool-admin",
}
_PATHS: Final = (Path(__file__).parent / "schema" / "http.model").read_text().splitlines()
HTTP: Final = {
    (method, path): (f"http/{name}", role) for method, path, name, role in (line.split() for line in _PATHS)
}
"""What xapi serves, by method and path: the permission that it takes, and the least role that has it."""
_POOL_ADMIN: Final = "0165f154-ba3e-034e-6b27-5d271af109ba"


@cache
def least_roles(release: Release) -> Mapping[str, str]:
    """Return every permission that some role has, with the least of them."""
    messages = [each for cls in Schema.of(release).classes.values() for each in cls.messages.values()]
    found = {
        **{each.wire.lower(): each.role for each in messages},
        **{_with_key(each, key): _KEYED for each in messages for key in _own_keys(each)},
        **dict(HTTP.values()),
        **_EXTRA,
    }
    return {permission: role for permission, role in found.items() if role != LOCAL_ROOT}


def permissions_of(release: Release, roles: Iterable[str]) -> list[str]:
    """Return what users with these roles may do; the names of the roles are among it, as with xapi."""
    having = list(roles)
    found = {name for name, least in least_roles(release).items() if not _holders(least).isdisjoint(having)}
    return sorted({*having, *found})


def permission_of(wanted: Message, args: Sequence[Any]) -> str:
    """Return the permission that a call takes."""
    own = (key for key in _own_keys(wanted) if fnmatchcase(args[1], key))
    return _with_key(wanted, next(own, None))


def _own_keys(message: Message) -> tuple[str, ...]:
    """Return the keys that have a role of their own in a message that adds or removes one."""
    return message.field.keys if message.field and message.generic.endswith("_map") else ()


def _with_key(message: Message, key: str | None) -> str:
    return (message.wire if key is None else f"{message.wire}/key:{key}").lower()


def _holders(least: str) -> frozenset[str]:
    """Return the roles that may do what the least of them may."""
    return frozenset(() if least == LOCAL_ROOT else ROLES[: ROLES.index(least) + 1])


def check(world: "World", session: Ref, permission: str) -> None:
    """Let a session do what takes this permission, or raise RBAC_PERMISSION_DENIED [permission, message].

    Sessions of root and of hosts, and those that are good on one host alone, have no limits.
    """
    row = world.db.get("session", session) if world.db.exists("session", session) else None
    if row is None or row["is_local_superuser"] or permission in row["rbac_permissions"]:
        return
    least = least_roles(world.release).get(permission, LOCAL_ROOT)
    roles = ", ".join(role for role in ROLES if role in _holders(least))
    raise XapiError(
        "RBAC_PERMISSION_DENIED",
        permission,
        f"No permission in user session. (Roles with this permission: {roles})",
    )


def role_uuid(name: str) -> str:
    """Return the uuid of a role or permission, the same in every pool."""
    return _POOL_ADMIN if name == "pool-admin" else str(UUID(bytes=md5(name.encode()).digest()))  # noqa: S324


@cache
def role_ref(name: str) -> Ref:
    """Return the reference of a role or permission, the same in every pool."""
    return Ref(f"OpaqueRef:{role_uuid(name)}")
