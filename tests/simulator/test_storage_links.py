"""Plugging storage into hosts and CDs into VMs."""

import pytest

from simulator import SimulatedPool
from tests.simulator.api import Api, failure

ISO = "XenServer Tools"


@pytest.fixture
def host(api: Api) -> str:
    return api.named("host", "xs2")


def link(api: Api, host: str, sr: str) -> str:
    (found,) = (
        ref
        for ref, pbd in api.PBD.get_all_records().items()
        if pbd["host"] == host and api.SR.get_name_label(pbd["SR"]) == sr
    )
    return str(found)


def drive(api: Api, vm: str) -> str:
    (found,) = (vbd for vbd in api.VM.get_VBDs(vm) if api.VBD.get_type(vbd) == "CD")
    return str(found)


def disk(api: Api, vm: str) -> str:
    (found,) = (vbd for vbd in api.VM.get_VBDs(vm) if api.VBD.get_type(vbd) == "Disk")
    return str(found)


@pytest.fixture
def disc(pool: SimulatedPool, api: Api) -> str:
    return pool.db.create("VDI", SR=api.named("SR", ISO), name__label="xs-tools.iso", managed=True)


class TestPlugging:
    def test_storage_in_use_is_not_unplugged(self, api: Api, host: str) -> None:
        in_use = failure(api.PBD.unplug, link(api, host, "NFS virtual disk storage"))

        vms = api.guests(host)
        disks = {
            api.VBD.get_VDI(vbd) for vm in vms for vbd in api.VM.get_VBDs(vm) if not api.VBD.get_empty(vbd)
        }
        assert in_use[0] == "VDI_IN_USE"
        assert set(in_use[1:]) == disks

    def test_unused_storage_goes_and_comes(self, api: Api, host: str) -> None:
        local = link(api, host, "Local storage")

        api.PBD.unplug(local)
        assert not api.PBD.get_currently_attached(local)
        api.PBD.unplug(local)
        api.PBD.plug(local)
        assert api.PBD.get_currently_attached(local)

    def test_local_storage_is_plugged_by_one_host_only(
        self, pool: SimulatedPool, api: Api, host: str
    ) -> None:
        other = api.named("host", "xs3")
        local = api.PBD.get_SR(link(api, other, "Local storage"))
        second = pool.db.create("PBD", host=host, SR=local)

        assert failure(api.PBD.plug, second) == ["SR_NOT_SHARABLE", local, other]
        assert not api.PBD.get_currently_attached(second)

    def test_the_links_of_a_dead_host_are_out_of_reach(
        self, pool: SimulatedPool, api: Api, host: str
    ) -> None:
        pool.db.update("host_metrics", api.host.get_metrics(host), live=False)

        assert failure(api.PBD.unplug, link(api, host, "Local storage")) == ["HOST_OFFLINE", host]

    def test_a_plugged_link_is_not_destroyed(self, api: Api, host: str) -> None:
        local = link(api, host, "Local storage")

        assert failure(api.PBD.destroy, local) == ["OPERATION_NOT_ALLOWED", "PBD is currently attached"]
        api.PBD.unplug(local)
        api.PBD.destroy(local)
        assert local not in api.PBD.get_all()

    def test_a_link_unplugged_before_a_reboot_is_plugged_after_it(self, api: Api, host: str) -> None:
        local = link(api, host, "Local storage")
        api.PBD.unplug(local)
        api.host.disable(host)
        api.do("host.reboot", host)
        api.clock.advance(200)

        assert api.PBD.get_currently_attached(local)


class TestDiscs:
    def test_a_disc_goes_in_and_out(self, api: Api, disc: str) -> None:
        cd = drive(api, api.named("VM", "vm-web-1"))

        api.VBD.insert(cd, disc)
        assert api.VBD.get_VDI(cd) == disc
        assert not api.VBD.get_empty(cd)
        assert failure(api.VBD.insert, cd, disc) == ["VBD_NOT_EMPTY", cd]
        api.VBD.eject(cd)
        assert api.VBD.get_VDI(cd) == "OpaqueRef:NULL"
        assert failure(api.VBD.eject, cd) == ["VBD_IS_EMPTY", cd]

    def test_disks_are_no_discs(self, api: Api) -> None:
        vm = api.named("VM", "vm-web-1")
        fixed = disk(api, vm)

        assert failure(api.VBD.eject, fixed) == ["VBD_NOT_REMOVABLE_MEDIA", fixed]
        assert failure(api.VBD.insert, drive(api, vm), api.VBD.get_VDI(fixed))[0] == "VDI_IS_NOT_ISO"

    def test_a_suspended_vm_keeps_its_disc(self, api: Api, disc: str) -> None:
        vm = api.named("VM", "vm-web-1")
        cd = drive(api, vm)
        api.VBD.insert(cd, disc)
        api.do("VM.suspend", vm)

        assert failure(api.VBD.eject, cd) == ["VM_BAD_POWER_STATE", vm, "running", "suspended"]
        assert api.VBD.get_VDI(cd) == disc

    def test_a_drive_allows_what_it_holds(self, api: Api, disc: str) -> None:
        cd = drive(api, api.named("VM", "vm-web-1"))
        api.VBD.insert(cd, disc)

        assert "insert" not in api.VBD.get_allowed_operations(cd)
        assert "eject" in api.VBD.get_allowed_operations(cd)
        assert api.VBD.get_current_operations(cd) == {}
        api.VBD.eject(cd)
        assert "insert" in api.VBD.get_allowed_operations(cd)

    def test_a_drive_of_a_running_vm_comes_and_goes(self, api: Api, disc: str) -> None:
        cd = drive(api, api.named("VM", "vm-web-1"))
        api.VBD.insert(cd, disc)

        assert failure(api.VBD.unplug, cd) == ["DEVICE_ALREADY_DETACHED", cd]
        api.VBD.plug(cd)
        assert failure(api.VBD.plug, cd) == ["DEVICE_ALREADY_ATTACHED", cd]
        api.VBD.unplug(cd)
        assert not api.VBD.get_currently_attached(cd)


class TestDisks:
    def test_a_disk_in_use_starts_no_second_vm(self, pool: SimulatedPool, api: Api) -> None:
        running, off = api.named("VM", "vm-web-1"), api.named("VM", "vm-off-1")
        shared = api.VBD.get_VDI(disk(api, running))
        pool.db.update("VBD", disk(api, off), VDI=shared)

        assert failure(api.do, "VM.start", off, False, False) == ["VDI_IN_USE", shared]
        assert api.VM.get_power_state(off) == "Halted"
        assert api.VM.get_current_operations(off) == {}

    def test_disks_allow_less_while_a_vm_uses_them(self, api: Api) -> None:
        vm = api.named("VM", "vm-off-1")
        image = api.VBD.get_VDI(disk(api, vm))

        api.do("VM.start", vm, False, False)

        assert api.VDI.get_allowed_operations(image) == ["clone", "snapshot"]
        api.do("VM.hard_shutdown", vm)
        assert "copy" in api.VDI.get_allowed_operations(image)
