"""What the user who is logged in may do (XenAPI class session; xapi's module Rbac).

root may do everything. A user of a directory has the permissions of the roles that were given to it, by name
in lower case: `host.disable`, or `http/put_pool_patch_upload` for a path.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from xenpatch.errors import Refused
from xenpatch.xapi.session import Session

ROLES: Final = ("pool-admin", "pool-operator", "vm-power-admin", "vm-admin", "vm-operator", "read-only")
"""Those that XenServer has, in falling order."""

OF_A_RUN: Final[Mapping[str, str]] = {
    "http/put_pool_patch_upload": "upload the hotfix",
    "pool_patch.precheck": "have the hosts check the hotfix",
    "pool_patch.destroy": "take the upload back",
    "pool.add_to_other_config": "write the run record",
    "pool.remove_from_other_config": "remove the run record",
    "host.add_to_other_config": "write down whose home a host is",
    "host.remove_from_other_config": "forget whose home a host was",
    "http/get_pool_xml_db_sync": "save the pool's database",
    "pool.disable_ha": "put high availability aside",
    "pool.enable_ha": "bring high availability back",
    "pool.set_ha_host_failures_to_tolerate": "bring high availability back",
    "pool.set_wlb_enabled": "put workload balancing aside",
    "vm.add_to_other_config": "bring automatic starts back",
    "vm.remove_from_other_config": "put automatic starts aside",
    "vbd.eject": "take CDs out of drives",
    "vbd.insert": "put CDs back",
    "pbd.plug": "attach storage",
    "pool_patch.pool_apply": "apply the hotfix",
    "pool_patch.apply": "apply the hotfix",
    "host.disable": "take hosts out of service",
    "vm.pool_migrate": "move VMs",
    "vm.clean_shutdown": "shut VMs down",
    "vm.hard_shutdown": "shut VMs down",
    "vm.suspend": "suspend VMs",
    "host.reboot": "reboot hosts",
    "host.restart_agent": "restart toolstacks",
    "host.enable": "put hosts back into service",
    "vm.start_on": "start VMs again",
    "vm.resume_on": "resume VMs",
    "vm.pause": "pause VMs again",
    "vm.unpause": "wake paused VMs",
    "vm.clean_reboot": "restart VMs",
    "pool_patch.clean": "remove the hotfix's files",
}
"""What a run does that not everybody may, roughly in its order: the permission and what it is for."""

OF_GIVING_UP: Final[Mapping[str, str]] = {
    name: what for name, what in OF_A_RUN.items() if not name.startswith(("http/", "pool_patch."))
}
"""The same of `xenpatch abandon`, which touches no hotfix and makes no backup."""


@dataclass(frozen=True)
class Rights:
    """A user's name, roles and permissions; ``permissions`` is None for root, who has no limits."""

    user: str
    roles: tuple[str, ...] = ()
    permissions: frozenset[str] | None = None

    def lacks(self, needed: Mapping[str, str]) -> str | None:
        """In words what is needed and not there; None when nothing is missing."""
        missing = [name for name in needed if self.permissions is not None and name not in self.permissions]
        if not missing:
            return None
        first, others = missing[0], len(missing) - 1
        more = f", nor do {others} more of {len(needed)} things that it takes" if others else ""
        role = f"role {', '.join(self.roles)}" if self.roles else "no known role"
        return f"user {self.user} ({role}) may not {needed[first]} ({first}){more}"


def read_rights(session: Session) -> Rights:
    """Whose session it is, and what its user may do."""
    record = session.read("session.get_record", session.ref)
    if record["is_local_superuser"]:
        return Rights(record["auth_user_name"])
    permissions = frozenset(record["rbac_permissions"])
    return Rights(record["auth_user_name"], tuple(_in_order(permissions)), permissions)


def _in_order(permissions: frozenset[str]) -> Iterable[str]:
    """The roles: xapi lists them beside what they permit (6.0.2, Xapi_session.get_permissions)."""
    return (role for role in ROLES if role in permissions)


def require(session: Session, needed: Mapping[str, str], least: str) -> None:
    """Raise Refused unless the user may do all that is needed, as root and the ``least`` role may."""
    if (lacking := read_rights(session).lacks(needed)) is not None:
        raise Refused(f"{lacking}. Log in as root or as a user with the role {least}. Nothing was changed.")
