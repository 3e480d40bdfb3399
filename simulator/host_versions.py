"""Product versions of hosts, which differ only while a pool is being upgraded.

Source: xapi 6.0.2, helpers.
"""

from simulator.call import Ref, XapiError
from simulator.database import Database


def version_of(db: Database, host: Ref) -> tuple[int, ...]:
    """Return a host's product version, to compare."""
    return tuple(int(part) for part in product_version(db, host).split("."))


def product_version(db: Database, host: Ref) -> str:
    """Return a host's product version as text, such as 6.0.2."""
    return str(db.get("host", host)["software_version"]["product_version"])


def upgrade_in_progress(db: Database) -> bool:
    """Tell whether the pool is in rolling upgrade mode."""
    return any(
        pool["other_config"].get("rolling_upgrade_in_progress") == "true" for pool in db.rows("pool").values()
    )


def assert_not_older(db: Database, source: Ref, target: Ref) -> None:
    """During a rolling upgrade, raise NOT_SUPPORTED_DURING_UPGRADE [] if a VM would go to an older host."""
    if upgrade_in_progress(db) and version_of(db, target) < version_of(db, source):
        raise XapiError("NOT_SUPPORTED_DURING_UPGRADE")


def assert_newest(db: Database, host: Ref) -> None:
    """During a rolling upgrade, raise NOT_SUPPORTED_DURING_UPGRADE [] for a host older than another."""
    if upgrade_in_progress(db) and version_of(db, host) < max(
        version_of(db, other) for other in db.rows("host")
    ):
        raise XapiError("NOT_SUPPORTED_DURING_UPGRADE")
