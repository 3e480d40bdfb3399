"""In which boot a host lacked a hotfix is noted on it, until the run is over."""

from simulator import SimulatedPool
from tests.flows.kit import traces
from tests.steps.test_remedies import RUN, ours
from xenpatch.hotfix.bundle import Bundle
from xenpatch.hotfix.manifest import HotfixUuid, load_manifest
from xenpatch.steps import lifecycle, maintenance
from xenpatch.steps.reboot import note_boot
from xenpatch.xapi.session import Session
from xenpatch.xapi.survey import BOOT, read_inventory


def notes(session: Session) -> list[dict[HotfixUuid, float]]:
    return [dict(host.boots_before) for host in read_inventory(session).hosts]


def test_the_note_of_an_earlier_run_is_replaced_and_ours_outlasts_the_hosts_turn(
    small_pool: SimulatedPool,
) -> None:
    bundle = Bundle((load_manifest(small_pool.manifest),))
    (uuid,) = bundle.uuids
    (host, *_) = small_pool.db.find("host", name__label="xs1")
    small_pool.db.set_in_map("host", host, "other_config", f"{BOOT}{uuid}", "1.")
    with ours(small_pool) as session:
        seen = read_inventory(session)
        for each in seen.hosts:
            note_boot(session, each, bundle)
            maintenance.leave(session, each.uuid)

        assert notes(session) == [{uuid: each.boot_time} for each in seen.hosts]

        lifecycle.give_back(session, RUN, seen)
    assert list(traces(small_pool)) == []
