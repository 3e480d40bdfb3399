"""Checking, applying, cleaning and destroying hotfixes."""

from pathlib import Path

import pytest

from simulator import Fault, FaultRule, SimulatedPool
from simulator.hotfix import SampleHotfix, make_sample
from tests.simulator.api import Api, failure
from tests.simulator.uploads import upload


@pytest.fixture
def sample(tmp_path: Path) -> SampleHotfix:
    return make_sample(tmp_path, "6.0.2")


@pytest.fixture
def patch(pool: SimulatedPool, api: Api, sample: SampleHotfix) -> str:
    return upload(pool, api, sample.update)


@pytest.fixture
def host(api: Api) -> str:
    return api.named("host", "xs2")


def applied_to(api: Api, patch: str) -> set[str]:
    records = api.pool_patch.get_host_patches(patch)
    return {api.host.get_name_label(api.host_patch.get_host(record)) for record in records}


def reboot(api: Api, host: str) -> None:
    api.host.disable(host)
    api.do("host.reboot", host)
    api.clock.advance(200)


class TestPrecheck:
    def test_a_host_of_the_right_version_passes_with_an_empty_output(
        self, api: Api, patch: str, host: str
    ) -> None:
        assert api.do("pool_patch.precheck", patch, host) == "<value/>"

    def test_a_wrong_version_is_told_with_the_pattern_of_the_right_ones(
        self, pool: SimulatedPool, api: Api, tmp_path: Path, host: str
    ) -> None:
        other = upload(pool, api, make_sample(tmp_path, "6.1.0").update)

        assert failure(api.do, "pool_patch.precheck", other, host) == [
            "PATCH_PRECHECK_FAILED_WRONG_SERVER_VERSION",
            other,
            "6.0.2",
            r"^(6\.1\.0)$",
        ]

    def test_a_host_that_has_the_hotfix_passes_too(self, api: Api, patch: str, host: str) -> None:
        api.do("pool_patch.apply", patch, host)

        assert api.do("pool_patch.precheck", patch, host) == "<value/>"

    @pytest.mark.parametrize("name", ["xs1", "xs2"])
    def test_a_cleaned_hotfix_cannot_be_found(self, api: Api, patch: str, name: str) -> None:
        api.pool_patch.clean(patch)

        error = failure(api.do, "pool_patch.precheck", patch, api.named("host", name))

        assert error == ["CANNOT_FIND_PATCH"]

    def test_a_dead_host_cannot_be_asked(self, pool: SimulatedPool, api: Api, patch: str, host: str) -> None:
        pool.db.update("host_metrics", api.host.get_metrics(host), live=False)

        assert failure(api.do, "pool_patch.precheck", patch, host) == ["HOST_OFFLINE", host]

    def test_unknown_references_are_named_with_their_class(self, api: Api, patch: str, host: str) -> None:
        nothing = "OpaqueRef:nothing"

        assert failure(api.do, "pool_patch.precheck", nothing, host) == [
            "HANDLE_INVALID",
            "pool_patch",
            nothing,
        ]
        assert failure(api.do, "pool_patch.precheck", patch, nothing) == ["HANDLE_INVALID", "host", nothing]


class TestApply:
    def test_it_is_recorded_by_the_hosts_clock(self, api: Api, patch: str, host: str) -> None:
        output = api.do("pool_patch.apply", patch, host)

        (record,) = (api.host_patch.get_record(each) for each in api.host.get_patches(host))
        assert "xen-device-model" in output
        assert record["pool_patch"] == patch
        assert record["host"] == host
        assert record["applied"] is True
        assert record["timestamp_applied"].value == api.host.get_servertime(host).value
        assert (record["name_label"], record["version"], record["size"]) == ("", "", "0")
        assert api.pool_patch.get_pool_applied(patch) is False

    def test_it_takes_time_for_the_check_and_the_script(self, api: Api, patch: str, host: str) -> None:
        began = api.clock.now()

        api.do("pool_patch.apply", patch, host)

        assert api.clock.now() - began == pytest.approx(23, abs=1)

    def test_an_enabled_host_with_vms_is_no_hindrance(self, api: Api, patch: str, host: str) -> None:
        vms = api.guests(host)

        api.do("pool_patch.apply", patch, host)

        assert api.host.get_enabled(host)
        assert api.guests(host) == vms

    def test_a_second_time_is_refused_and_nothing_runs(self, api: Api, patch: str, host: str) -> None:
        api.do("pool_patch.apply", patch, host)
        began = api.clock.now()

        assert failure(api.do, "pool_patch.apply", patch, host) == ["PATCH_ALREADY_APPLIED", patch]
        assert api.clock.now() - began < 2
        assert len(api.host.get_patches(host)) == 1

    def test_a_failing_script_leaves_nothing(
        self, pool: SimulatedPool, api: Api, patch: str, host: str
    ) -> None:
        pool.faults.add(FaultRule("patch", Fault(fail="rpm: no space left on device"), object="xs2"))
        packages = list(pool.world.hosts[pool.world.master].packages)

        error = failure(api.do, "pool_patch.apply", patch, host)

        assert error == ["PATCH_APPLY_FAILED", "rpm: no space left on device"]
        assert api.host.get_patches(host) == []
        assert [each.packages for each in pool.world.hosts.values()] == [packages] * 3
        api.do("pool_patch.apply", patch, host)
        assert applied_to(api, patch) == {"xs2"}

    def test_the_check_is_made_again(self, pool: SimulatedPool, api: Api, patch: str, host: str) -> None:
        pool.faults.add(
            FaultRule("pool_patch.precheck", Fault(error=("PATCH_PRECHECK_FAILED_VM_RUNNING", patch)))
        )

        assert failure(api.do, "pool_patch.apply", patch, host) == ["PATCH_PRECHECK_FAILED_VM_RUNNING", patch]
        assert api.host.get_patches(host) == []

    def test_its_packages_replace_older_ones(
        self, pool: SimulatedPool, api: Api, sample: SampleHotfix, patch: str, host: str
    ) -> None:
        (runtime,) = (each for ref, each in pool.world.hosts.items() if ref == host)
        runtime.packages[:] = ["openssl-0.9.8e-12.el5.i386", "bash-3.2-24.el5.i386"]

        api.do("pool_patch.apply", patch, host)

        assert runtime.packages == sorted([*sample.info.packages, "bash-3.2-24.el5.i386"])

    def test_a_host_that_goes_down_meanwhile_gets_no_record(self, api: Api, patch: str, host: str) -> None:
        api.begin("host.restart_agent", host)

        assert failure(api.do, "pool_patch.apply", patch, host) == ["CANNOT_CONTACT_HOST", host]
        assert api.host.get_patches(host) == []

    def test_what_it_rolls_up_is_recorded_as_well(
        self, pool: SimulatedPool, api: Api, tmp_path: Path, host: str
    ) -> None:
        contained = ("XS602E004", "b5a4e5d5-2f0f-4c5e-9a55-6f3a4b8f0001")
        rollup = make_sample(tmp_path, "6.0.2", number=2, rolls_up=[contained])

        api.do("pool_patch.apply", upload(pool, api, rollup.update), host)

        known = api.pool_patch.get_by_uuid(contained[1])
        assert applied_to(api, known) == {"xs2"}
        assert api.pool_patch.get_name_label(known) == "XS602E004"
        assert api.pool_patch.get_size(known) == "0"
        assert failure(api.do, "pool_patch.apply", known, host) == ["PATCH_ALREADY_APPLIED", known]
        assert failure(api.do, "pool_patch.apply", known, api.named("host", "xs3")) == ["CANNOT_FIND_PATCH"]


class TestPoolApply:
    def test_all_hosts_get_it_one_after_another(self, api: Api, patch: str) -> None:
        api.do("pool_patch.pool_apply", patch)

        assert applied_to(api, patch) == {"xs1", "xs2", "xs3"}
        assert api.pool_patch.get_pool_applied(patch) is True
        stamps = [
            api.host_patch.get_timestamp_applied(record).value
            for record in api.pool_patch.get_host_patches(patch)
        ]
        assert len(set(stamps)) == 3

    def test_the_first_failure_ends_it_and_what_is_done_stays(
        self, pool: SimulatedPool, api: Api, patch: str
    ) -> None:
        pool.faults.add(FaultRule("patch", Fault(fail="boom"), skip=1))

        assert failure(api.do, "pool_patch.pool_apply", patch) == ["PATCH_APPLY_FAILED", "boom"]
        assert len(applied_to(api, patch)) == 1
        assert api.pool_patch.get_pool_applied(patch) is False
        api.do("pool_patch.pool_apply", patch)
        assert len(applied_to(api, patch)) == 3
        assert api.pool_patch.get_pool_applied(patch) is True

    def test_it_succeeds_where_nothing_is_left_to_do(self, api: Api, patch: str) -> None:
        for host in api.host.get_all():
            api.do("pool_patch.apply", patch, host)

        assert api.do("pool_patch.pool_apply", patch) == ""
        assert api.pool_patch.get_pool_applied(patch) is True

    def test_an_unreachable_host_ends_it(self, pool: SimulatedPool, api: Api, patch: str) -> None:
        last = max(api.host.get_all())
        pool.db.update("host_metrics", api.host.get_metrics(last), live=False)

        assert failure(api.do, "pool_patch.pool_apply", patch) == ["HOST_OFFLINE", last]
        assert len(applied_to(api, patch)) == 2


class TestForgetting:
    def test_cleaning_keeps_the_record_and_can_be_done_twice(self, api: Api, patch: str) -> None:
        api.pool_patch.clean(patch)
        api.pool_patch.clean(patch)

        assert api.pool_patch.get_all() == [patch]

    def test_a_hotfix_that_no_host_has_is_forgotten(self, pool: SimulatedPool, api: Api, patch: str) -> None:
        api.pool_patch.destroy(patch)

        assert api.pool_patch.get_all() == []
        assert not [path for path in (pool.world.folder / "patch").rglob("*") if path.is_file()]

    def test_one_that_a_host_has_is_not(self, api: Api, patch: str, host: str) -> None:
        api.do("pool_patch.apply", patch, host)

        assert failure(api.pool_patch.destroy, patch) == ["PATCH_IS_APPLIED"]
        assert api.pool_patch.get_all() == [patch]

    def test_there_is_no_pool_clean_before_6_1(self, api: Api, patch: str) -> None:
        assert failure(api.pool_patch.pool_clean, patch) == [
            "MESSAGE_METHOD_UNKNOWN",
            "pool_patch.pool_clean",
        ]

    def test_the_call_of_single_hosts_is_deprecated(self, api: Api, patch: str, host: str) -> None:
        api.do("pool_patch.apply", patch, host)
        (record,) = api.host.get_patches(host)

        assert failure(api.do, "host_patch.apply", record) == ["MESSAGE_DEPRECATED"]


class TestStamps:
    def test_records_survive_a_reboot(self, api: Api, patch: str, host: str) -> None:
        api.do("pool_patch.apply", patch, host)
        (record,) = api.host.get_patches(host)
        before = api.host_patch.get_record(record)

        reboot(api, host)

        assert api.host.get_patches(host) == [record]
        assert (
            api.host_patch.get_record(record)["timestamp_applied"].value == before["timestamp_applied"].value
        )

    def test_a_lost_record_is_restored_with_its_old_time(self, api: Api, patch: str, host: str) -> None:
        api.do("pool_patch.apply", patch, host)
        (record,) = api.host.get_patches(host)
        applied = api.host_patch.get_timestamp_applied(record).value
        api.host_patch.destroy(record)
        assert applied_to(api, patch) == set()

        reboot(api, host)

        (restored,) = api.host.get_patches(host)
        assert restored != record
        assert api.host_patch.get_timestamp_applied(restored).value == applied

    def test_a_record_without_a_stamp_goes(
        self, pool: SimulatedPool, api: Api, patch: str, host: str
    ) -> None:
        pool.db.create("host_patch", host=host, pool_patch=patch, applied=True)
        assert applied_to(api, patch) == {"xs2"}

        reboot(api, host)

        assert applied_to(api, patch) == set()

    def test_a_reboot_is_pending_until_boot_time_passes_the_time_of_the_patch(
        self, api: Api, patch: str, host: str
    ) -> None:
        api.do("pool_patch.apply", patch, host)
        (record,) = api.host.get_patches(host)
        applied = api.host_patch.get_timestamp_applied(record)

        def booted() -> float:
            return float(api.host.get_other_config(host)["boot_time"])

        patched = float(api.clock.now())
        assert applied.value == api.host.get_servertime(host).value
        assert booted() < patched
        reboot(api, host)
        assert booted() > patched
