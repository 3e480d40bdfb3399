"""VM.assert_agile: whether HA could restart a VM on any enabled host.

Source: xapi 6.0.2, module Helpers.
"""

from simulator.call import Call, Ref, XapiError, message
from simulator.database import Database


@message("VM.assert_agile")
def assert_agile(call: Call, vm: Ref) -> None:
    """Raise HA_CONSTRAINT_VIOLATION_SR_NOT_SHARED [SR] or _NETWORK_NOT_SHARED [network] for the first."""
    db = call.db
    with db.lock:
        row = db.get("VM", vm)
        drives = [db.get("VBD", vbd) for vbd in row["VBDs"]]
        for storage in (Ref(db.get("VDI", drive["VDI"])["SR"]) for drive in drives if not drive["empty"]):
            if not (db.get("SR", storage)["shared"] and _everywhere(db, "PBD", "SR", storage)):
                raise XapiError("HA_CONSTRAINT_VIOLATION_SR_NOT_SHARED", storage)
        for network in (Ref(db.get("VIF", vif)["network"]) for vif in row["VIFs"]):
            if not _everywhere(db, "PIF", "network", network):
                raise XapiError("HA_CONSTRAINT_VIOLATION_NETWORK_NOT_SHARED", network)


def _everywhere(db: Database, table: str, field: str, target: Ref) -> bool:
    """Tell whether every enabled host has the target attached."""
    links = db.rows(table).values()
    attached = {link["host"] for link in links if link[field] == target and link["currently_attached"]}
    return {host for host, row in db.rows("host").items() if row["enabled"]} <= attached
