"""What several hotfixes ask of a host together."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from tests.plan.pools import pool
from xenpatch.hotfix.bundle import Bundle
from xenpatch.hotfix.manifest import Guidance, HotfixUuid, Manifest, Package, known_manifests
from xenpatch.xapi.inventory import AppliedPatch, Host

APPLIED = datetime(2026, 11, 1, tzinfo=UTC)
BEFORE, AFTER = APPLIED.timestamp() - 60, APPLIED.timestamp() + 60


def manifest(name: str, *guidance: Guidance) -> Manifest:
    uuid = HotfixUuid(f"00000000-0000-0000-0000-{name:0>12}")
    changes = {"name": f"X{name}", "uuid": uuid, "guidance": guidance}
    return known_manifests()[0].model_copy(update=changes)


def host(*applied: Manifest, booted: float = BEFORE, started: float = BEFORE) -> Host:
    patches = {each.uuid: AppliedPatch(each.uuid, each.name, APPLIED) for each in applied}
    (made,) = pool({"xs1": 16}, {}).hosts
    return replace(made, patches=patches, boot_time=booted, agent_start_time=started)


BOOT, TOOLS, NOTHING = (
    manifest("1", Guidance.RESTART_HOST),
    manifest("2", Guidance.RESTART_XAPI),
    manifest("3"),
)


@pytest.mark.parametrize(
    ("here", "lacking", "waiting", "reboots"),
    [
        (host(), [BOOT, TOOLS, NOTHING], [], True),
        (host(BOOT, TOOLS, NOTHING), [], [BOOT, TOOLS], True),
        (host(BOOT, TOOLS, NOTHING, booted=AFTER, started=AFTER), [], [], False),
        (host(BOOT, NOTHING, booted=AFTER, started=AFTER), [TOOLS], [], False),
        (host(BOOT, TOOLS, NOTHING, booted=AFTER), [], [TOOLS], False),
    ],
    ids=["new", "all applied", "all in effect", "one more for the toolstack", "an old toolstack"],
)
def test_a_host_is_asked_for_no_more_than_its_hotfixes_need(
    here: Host, lacking: list[Manifest], waiting: list[Manifest], *, reboots: bool
) -> None:
    bundle = Bundle((BOOT, TOOLS, NOTHING))

    assert list(bundle.lacking(here)) == lacking
    assert list(bundle.waiting(here)) == waiting
    assert bundle.to_reboot(here) is reboots
    assert bundle.to_do(here) is bool(lacking or waiting)


def test_the_order_of_its_hotfixes_makes_no_other_bundle() -> None:
    assert Bundle((BOOT, TOOLS)).key == Bundle((TOOLS, BOOT)).key != Bundle((BOOT,)).key


def test_of_a_package_that_several_bring_the_last_one_counts() -> None:
    def with_package(version: str) -> Manifest:
        package = Package(name="xen", version=version, release="1", arch="i686")
        component = BOOT.components[0].model_copy(update={"packages": (package,)})
        return BOOT.model_copy(update={"components": (component,)})

    (package,) = Bundle((with_package("1.0"), with_package("2.0"))).packages

    assert package.version == "2.0"


def test_the_record_keeps_a_bundle_whole() -> None:
    for known in [*known_manifests(), TOOLS]:
        assert Bundle.parse(Bundle((known,)).text()) == Bundle((known,))
