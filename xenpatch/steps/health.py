"""Whether the pool is fit to have its next host taken out."""

from __future__ import annotations

from xenpatch.errors import PoolUnhealthy, WaitTimeout
from xenpatch.waiting import NotYet, wait_for
from xenpatch.xapi.inventory import Inventory
from xenpatch.xapi.session import Session
from xenpatch.xapi.survey import read_inventory
from xenpatch.xapi.types import HostUuid

LIMIT = 300.0


def await_healthy(session: Session, but: HostUuid | None = None) -> Inventory:
    """The pool, once every host is in service (`but` aside), with HA and WLB off.

    After a restart the master takes its members for dead until their next heartbeat, so this waits for a
    while; then it raises PoolUnhealthy.
    """

    def look() -> Inventory | NotYet:
        pool = read_inventory(session)
        wrong = [
            f"{host.name} is not in service"
            for host in pool.hosts
            if not (host.live and host.enabled) and host.uuid != but
        ]
        wrong += ["high availability is on"] if pool.ha_enabled else []
        wrong += ["workload balancing is on"] if pool.wlb_enabled else []
        return NotYet("; ".join(wrong)) if wrong else pool

    try:
        return wait_for("the pool to be as healthy as before", look, LIMIT)
    except WaitTimeout as late:
        raise PoolUnhealthy(
            f"{late}. No further host was touched, and every VM runs where it is. Cure this and start again."
        ) from None
