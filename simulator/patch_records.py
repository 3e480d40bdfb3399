"""Which hotfixes a host has: its stamp files in /var/patch/applied, and the database's records of them.

Source: xapi 6.0.2, xapi_pool_patch (update_db).
"""

from simulator.call import Ref
from simulator.database import Database
from simulator.dates import epoch, iso8601
from simulator.world import HostRuntime, StampInfo, World


def seed_stamps(world: World) -> None:
    """Give each host the stamps that its records in a loaded database tell of."""
    for row in world.db.rows("host_patch").values():
        if row["host"] in world.hosts and world.db.exists("pool_patch", row["pool_patch"]):
            patch = world.db.get("pool_patch", row["pool_patch"])
            world.hosts[row["host"]].stamps[patch["uuid"]] = StampInfo(
                patch["uuid"],
                patch["name__label"],
                patch["name__description"],
                patch["version"],
                tuple(patch["after_apply_guidance"]),
                epoch(row["timestamp_applied"]),
            )


def synchronise(db: Database, host: HostRuntime) -> None:
    """Let the host's records tell exactly what its stamps do; patches unknown to the pool become known."""
    with db.lock:
        stamps = {known_patch(db, stamp): stamp for stamp in host.stamps.values()}
        records = {db.get("host_patch", record)["pool_patch"]: record for record in _records(db, host.ref)}
        for patch, stamp in stamps.items():
            if patch not in records:
                add_record(db, patch, host.ref, stamp.applied_at)
        for patch, record in records.items():
            if patch not in stamps:
                db.destroy("host_patch", record)


def known_patch(db: Database, stamp: StampInfo) -> Ref:
    """Return the pool_patch of this uuid, made without a file if there is none."""
    found = db.find("pool_patch", uuid=stamp.uuid)
    if found:
        return found[0]
    return db.create(
        "pool_patch",
        uuid=stamp.uuid,
        name__label=stamp.name_label,
        name__description=stamp.name_description,
        version=stamp.version,
        after_apply_guidance=list(stamp.guidance),
    )


def add_record(db: Database, patch: Ref, host: Ref, applied_at: float) -> None:
    """Record that the host has the patch, by the host's clock."""
    db.create("host_patch", host=host, pool_patch=patch, applied=True, timestamp_applied=iso8601(applied_at))


def is_applied(db: Database, patch: Ref, host: Ref) -> bool:
    """Tell whether the host's records hold the patch."""
    return any(db.get("host_patch", record)["pool_patch"] == patch for record in _records(db, host))


def _records(db: Database, host: Ref) -> list[Ref]:
    return db.find("host_patch", host=host)
