"""What a pool and its control domains say of themselves when they are only greeted: nothing is changed."""

from __future__ import annotations

from collections.abc import Iterator

from xenpatch.errors import PoolError, SshError
from xenpatch.ssh import Dom0Access
from xenpatch.xapi.inventory import Host, Inventory
from xenpatch.xapi.rights import OF_A_RUN, Rights, read_rights
from xenpatch.xapi.session import Endpoint, open_session
from xenpatch.xapi.survey import read_inventory


def ping_pool(endpoint: Endpoint) -> str:
    """Log in, and say in lines what the pool is, who its master is, and whether the user may patch it.

    Raises what a session raises: Unreachable, Untrusted, LoginRefused, XapiFailure.
    """
    with open_session(endpoint) as session:
        pool, rights = read_inventory(session), read_rights(session)
    return "\n".join([_headline(pool), *_hosts(pool), _user(rights)])


def ping_dom0(endpoint: Endpoint, ssh: Dom0Access) -> str:
    """Log in to each host of the pool over SSH, and say a line about each.

    Raises what a session raises, and SshError if any host did not prove its key or let the user in.
    """
    with open_session(endpoint) as session:
        pool = read_inventory(session)
    lines = {host.name: _greeted(host, ssh) for host in pool.hosts}
    told = "\n".join(line for line, _ in lines.values())
    if failed := [name for name, (_, well) in lines.items() if not well]:
        raise SshError(f"{', '.join(failed)} cannot be asked over SSH; nothing was changed.\n{told}")
    return told


def _headline(pool: Inventory) -> str:
    versions = sorted({host.product_version for host in pool.hosts})
    hosts = "1 host" if len(pool.hosts) == 1 else f"{len(pool.hosts)} hosts"
    return f"{pool.name}: XenServer {' and '.join(versions)}, {hosts}"


def _hosts(pool: Inventory) -> Iterator[str]:
    for host in pool.hosts:
        marks = (
            ("master", host.uuid == pool.master),
            ("disabled", not host.enabled),
            ("not reachable", not host.live),
        )
        yield f"{host.name}: {', '.join([host.address, *(word for word, holds in marks if holds)])}"


def _user(rights: Rights) -> str:
    role = f"role {', '.join(rights.roles)}" if rights.permissions is not None else "no limits"
    return rights.lacks(OF_A_RUN) or f"user {rights.user} ({role}) may do all that a run does"


def _greeted(host: Host, ssh: Dom0Access) -> tuple[str, bool]:
    """What is to be said of the host, and whether all was well."""
    try:
        with ssh.connect(host.address) as dom0:
            calls_itself = dom0.hostname()
    except PoolError as failed:
        return f"{host.name}: {failed}", False
    well = f"{host.address} shows its key, lets {ssh.user} in, and is called {calls_itself}"
    return f"{host.name}: {well}", True
