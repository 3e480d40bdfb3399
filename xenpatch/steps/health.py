"""Whether the pool is fit to have its next host taken out."""

from __future__ import annotations

from collections.abc import Collection

from xenpatch.errors import PoolUnhealthy, WaitTimeout
from xenpatch.waiting import NotYet, wait_for
from xenpatch.xapi.objects import pool_record
from xenpatch.xapi.session import Session
from xenpatch.xapi.types import HostUuid

LIMIT = 300.0


def await_healthy(session: Session, but: Collection[HostUuid] = ()) -> None:
    """Wait until every host is in service (those in `but` aside), with HA and WLB off.

    After a restart the master takes its members for dead until their next heartbeat, so this waits for a
    while; then it raises PoolUnhealthy.
    """

    def look() -> bool | NotYet:
        wrong = _wrong(session, but)
        return NotYet("; ".join(wrong)) if wrong else True

    try:
        wait_for("the pool to be as healthy as before", look, LIMIT)
    except WaitTimeout as late:
        raise PoolUnhealthy(
            f"{late}. No further host was touched, and every VM runs where it is. Cure this and start again."
        ) from None


def _wrong(session: Session, but: Collection[HostUuid]) -> list[str]:
    pool = pool_record(session)
    metrics = session.read("host_metrics.get_all_records")
    wrong = [
        f"{host['name_label']} is not in service"
        for host in session.read("host.get_all_records").values()
        if host["uuid"] not in but and not (host["enabled"] and metrics.get(host["metrics"], {}).get("live"))
    ]
    wrong += ["high availability is on"] if pool["ha_enabled"] else []
    wrong += ["workload balancing is on"] if pool["wlb_enabled"] else []
    return wrong
