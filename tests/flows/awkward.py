"""A pool with everything in a run's way at once, and its database as rows that can be compared."""

from __future__ import annotations

import base64
import urllib.request
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import XenAPI

from simulator import SimulatedPool
from xenpatch.xapi.sexpr import parse_map

NULL = "OpaqueRef:NULL"
HA_VM, WITH_CD, WITH_TOOLS, LOCAL, BARE, SUSPENDED, PAUSED = (
    "vm-web-1", "vm-db-1", "vm-app-1", "vm-web-2", "vm-db-2", "vm-app-2", "vm-web-3",
)  # fmt: skip


def vm(sim: SimulatedPool, name: str) -> str:
    """The reference of the VM of that name."""
    (found,) = [
        ref
        for ref, row in sim.db.rows("VM").items()
        if row["name__label"] == name and not row["is_a_snapshot"]
    ]
    return found


@contextmanager
def client(sim: SimulatedPool) -> Iterator[Any]:
    """A plain XenAPI session, as any other administrator has."""
    session = XenAPI.Session(sim.url)
    session.login_with_password(sim.user, sim.password)
    try:
        yield session.xenapi
    finally:
        session.logout()


def make_awkward(sim: SimulatedPool) -> None:
    """HA, WLB, CDs in drives, a local disk, no drivers, automatic start, a suspended and a paused VM."""
    insert_local_cd(sim, WITH_CD)
    insert_tools_cd(sim, WITH_TOOLS)
    give_local_disk(sim, LOCAL)
    take_drivers(sim, BARE)
    with client(sim) as api:
        api.VM.clean_shutdown(vm(sim, BARE))
        api.VM.start_on(vm(sim, BARE), api.host.get_by_name_label("xs2")[0], False, False)
    (pool,) = sim.db.rows("pool")
    sim.db.update("pool", pool, wlb_enabled=True, wlb_url="wlb.example.com:8012")
    sim.db.set_in_map("VM", vm(sim, LOCAL), "other_config", "auto_poweron", "true")
    with client(sim) as api:
        api.VM.suspend(vm(sim, SUSPENDED))
        api.VM.pause(vm(sim, PAUSED))
        enable_ha(api, vm(sim, HA_VM))


def enable_ha(api: Any, protected: str) -> None:
    """Have HA on for one failure, with one VM protected."""
    (shared,) = api.SR.get_by_name_label("NFS virtual disk storage")
    (pool,) = api.pool.get_all()
    api.VM.set_ha_restart_priority(protected, "restart")
    api.pool.enable_ha([shared], {"timeout": "60"})
    api.pool.set_ha_host_failures_to_tolerate(pool, "1")


def home(sim: SimulatedPool, name: str) -> str:
    """The host that a VM is on."""
    return str(sim.db.get("VM", vm(sim, name))["resident_on"])


def pbd(sim: SimulatedPool, host: str, sr: str) -> str:
    """How the host of that name reaches the SR of that name: the PBD."""
    (where,), (what,) = sim.db.find("host", name__label=host), sim.db.find("SR", name__label=sr)
    (found,) = sim.db.find("PBD", host=where, SR=what)
    return str(found)


def insert_local_cd(sim: SimulatedPool, name: str) -> str:
    """Put the disc of a host's own drive into a VM's; the VDI."""
    host = home(sim, name)
    drives = [ref for ref, row in sim.db.rows("SR").items() if row["type"] == "udev"]
    (sr,) = [row["SR"] for row in sim.db.rows("PBD").values() if row["host"] == host and row["SR"] in drives]
    return _insert(sim, name, sr, "rescue disc")


def insert_tools_cd(sim: SimulatedPool, name: str) -> str:
    """Put the tools CD into a VM's drive; the VDI."""
    (sr,) = [ref for ref, row in sim.db.rows("SR").items() if "xenserver_tools_sr" in row["other_config"]]
    return _insert(sim, name, sr, "xs-tools.iso")


def _insert(sim: SimulatedPool, name: str, sr: str, label: str) -> str:
    disc = sim.db.create(
        "VDI", name__label=label, SR=sr, type="user", managed=True, read_only=True, virtual_size=1 << 20
    )
    sim.db.update("VBD", drive(sim, name), VDI=disc, empty=False, currently_attached=True)
    return str(disc)


def drive(sim: SimulatedPool, name: str) -> str:
    """The CD drive of a VM."""
    (found,) = [
        vbd for vbd in sim.db.get("VM", vm(sim, name))["VBDs"] if sim.db.get("VBD", vbd)["type"] == "CD"
    ]
    return str(found)


def give_local_disk(sim: SimulatedPool, name: str) -> None:
    """Give a VM a disk on the local storage of the host that it is on."""
    local = [ref for ref, row in sim.db.rows("SR").items() if row["type"] == "lvm"]
    (sr,) = [
        row["SR"]
        for row in sim.db.rows("PBD").values()
        if row["host"] == home(sim, name) and row["SR"] in local
    ]
    disk = sim.db.create(
        "VDI", name__label=f"{name} 1", SR=sr, type="user", managed=True, virtual_size=1 << 30
    )
    sim.db.create(
        "VBD", VM=vm(sim, name), VDI=disk, device="xvdb", userdevice="1", type="Disk", mode="RW",
        currently_attached=True, metrics=sim.db.create("VBD_metrics"),
    )  # fmt: skip


def take_drivers(sim: SimulatedPool, name: str) -> None:
    """Make a VM a fully virtualised one without PV drivers."""
    sim.db.update("VM", vm(sim, name), HVM__boot_policy="BIOS order", guest_metrics=NULL)
    with client(sim) as api:
        api.VM.update_allowed_operations(vm(sim, name))


Rows = dict[tuple[str, str], dict[str, str]]


def dump(sim: SimulatedPool) -> Rows:
    """The pool's database as it is saved (`xe pool-dump-database`): table and reference, then the fields."""
    request = urllib.request.Request(f"{sim.url}/pool/xmldbdump")
    secret = base64.b64encode(f"{sim.user}:{sim.password}".encode()).decode()
    request.add_header("Authorization", f"Basic {secret}")
    with urllib.request.urlopen(request) as answer:
        tree = ET.fromstring(answer.read())
    return {
        (table.attrib["name"], row.attrib["ref"]): dict(row.attrib)
        for table in tree.iter("table")
        for row in table.iter("row")
        if table.attrib["name"] not in ("session", "task")
    }


DERIVED = frozenset({"__mtime", "__ctime", "allowed_operations"})
"""What the server computes of a row, and when it did."""


def differences(before: Rows, after: Rows) -> set[str]:
    """What differs: "table.field", of a map "table.field[key]", and "+table" or "-table" for a row.

    The order in a set does not count.
    """
    found = {f"+{table}" for table, _ in after.keys() - before.keys()}
    found |= {f"-{table}" for table, _ in before.keys() - after.keys()}
    for key in before.keys() & after.keys():
        old, new = before[key], after[key]
        for field in (old.keys() | new.keys()) - DERIVED:
            found |= {f"{key[0]}.{field}{part}" for part in _parts(old.get(field, ""), new.get(field, ""))}
    return found


def _parts(old: str, new: str) -> Iterator[str]:
    if old == new:
        return
    try:
        was, now = parse_map(old), parse_map(new)
        yield from (f"[{key}]" for key in was.keys() | now.keys() if was.get(key) != now.get(key))
    except ValueError:
        if sorted(old.split()) != sorted(new.split()) and _members(old) != _members(new):
            yield ""


def _members(text: str) -> set[str]:
    return set(text.strip("()").split())
