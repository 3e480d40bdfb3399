"""The rows of a made pool, as a pool that has run for a month has them."""

from dataclasses import dataclass, field
from itertools import count
from typing import Any, Final

from simulator import memory
from simulator.call import NULL, Ref
from simulator.database import Database
from simulator.dates import iso8601
from simulator.model import DOM0_MEMORY, GIB, HOST_OVERHEAD, VM_OVERHEAD, Model
from simulator.schema import Release

_CPU_FEATURES: Final = "0098e3fd-bfebfbff-00000001-28100800"
_UPTIME: Final = 30 * 86400
"""Seconds since the hosts booted."""


def fill(db: Database, model: Model, release: Release, now: float) -> None:
    """Put the model's rows into an empty database, with times that count back from `now`."""
    _Maker(db, model, release, int(now)).make()


def add_host(db: Database, release: Release, now: float, name: str) -> Ref:
    """Add the rows of a further host, like those of a made pool, to one; it has no VM."""
    (shared,), (tools,) = db.find("SR", type="nfs"), db.find("SR", name__label="XenServer Tools")
    (network,) = db.find("network", bridge="xenbr0")
    number = len(db.rows("host")) + 1
    macs = count(256 * number)
    return _Maker(db, Model(), release, int(now), [], shared, tools, network, macs).host(number, name)


def software_version(release: Release) -> dict[str, str]:
    """Return what a host of a release says of itself."""
    short = ".".join(release.name.split(".")[:2])
    return {
        "product_version": release.name,
        "product_version_text": short,
        "product_version_text_short": short,
        "product_brand": "XenServer",
        "build_number": release.build,
        "dbv": "2010.0521",
        "xapi": "1.3",
        "xen": "4.1.2",
        "linux": f"2.6.32.12-0.7.1.xs{release.name}.542.170665xen",
        "xencenter_min": "1.9",
        "xencenter_max": "1.9",
        "network_backend": "openvswitch",
        "package-linux": "installed",
        "xs:main": f"XenServer Pack, version {release.name}, build {release.build}",
    }


@dataclass
class _Maker:
    db: Database
    model: Model
    release: Release
    now: int
    hosts: list[Ref] = field(default_factory=list)
    shared: Ref = NULL
    tools: Ref = NULL
    network: Ref = NULL
    macs: "count[int]" = field(default_factory=lambda: count(1))

    def make(self) -> None:
        self.network = self.create("network", "Pool-wide network associated with eth0", bridge="xenbr0")
        self.shared = self.sr("NFS virtual disk storage", "nfs", shared=True)
        tools = {"xenserver_tools_sr": "true", "xensource_internal": "true"}
        self.tools = self.sr("XenServer Tools", "iso", shared=True, content="iso", other_config=tools)
        self.hosts = [self.host(number, name) for number, name in enumerate(self.model.host_names(), 1)]
        self.db.create(
            "pool",
            name_label="Simulated pool",
            master=self.hosts[0],
            default_SR=self.shared,
            suspend_image_SR=self.shared,
            crash_dump_SR=self.shared,
        )
        for place, name in enumerate(self.model.vm_names()):
            self.running_vm(name, place + 1, self.hosts[place % len(self.hosts)])
        for number in range(1, self.model.halted_vms + 1):
            self.vm(f"vm-off-{number}")
        for number in range(1, self.model.templates + 1):
            self.vm(f"Template {number}", is_a_template=True, other_config={"default_template": "true"})
        if self.model.vms:
            self.snapshot(self.model.vm_names()[0])
        for host in self.hosts:
            metrics = self.db.get("host", host)["metrics"]
            self.db.update("host_metrics", metrics, memory__free=memory.free(self.db, host))

    def create(self, table: str, name: str, **fields: Any) -> Ref:
        return self.db.create(table, name__label=name, **fields)

    def sr(self, name: str, kind: str, *, shared: bool, content: str = "", **fields: Any) -> Ref:
        return self.create(
            "SR",
            name,
            type=kind,
            shared=shared,
            content_type=content,
            physical_size=2048 * GIB,
            physical_utilisation=256 * GIB,
            **fields,
        )

    def host(self, number: int, name: str) -> Ref:
        booted = self.now - _UPTIME
        host = self.create(
            "host",
            name,
            name__description="Default install of XenServer",
            hostname=name,
            address=f"10.0.0.{number}",
            API_version__major=1,
            API_version__minor=10,
            API_version__vendor="XenSource",
            enabled=True,
            edition="enterprise-xd",
            license_params={"sku_type": "enterprise-xd", "version": self.release.name, "grace": "no"},
            software_version=software_version(self.release) | {"hostname": name},
            capabilities=["xen-3.0-x86_64", "xen-3.0-x86_32p", "hvm-3.0-x86_32", "hvm-3.0-x86_64", ""],
            cpu_info={
                "cpu_count": "4",
                "vendor": "GenuineIntel",
                "features": _CPU_FEATURES,
                "speed": "2660.066",
            },
            chipset_info={"iommu": "true"},
            memory__overhead=HOST_OVERHEAD,
            metrics=self.db.create(
                "host_metrics",
                live=True,
                memory__total=self.model.host_memory,
                last_updated=iso8601(self.now),
            ),
            other_config={
                "boot_time": f"{booted}.",
                "agent_start_time": f"{booted + 100}.",
                "iscsi_iqn": f"iqn.2012-01.com.example:{name}",
            },
            suspend_image_sr=self.shared,
            crash_dump_sr=self.shared,
            sched_policy="credit",
        )
        self.host_hardware(host, number)
        self.host_storage(host, number)
        self.control_domain(host, name)
        return host

    def host_hardware(self, host: Ref, number: int) -> None:
        for cpu in range(4):
            self.db.create(
                "host_cpu", host=host, number=cpu, vendor="GenuineIntel", speed=2660, family=6, model=30
            )
        metrics = self.db.create(
            "PIF_metrics", carrier=True, speed=1000, duplex=True, last_updated=iso8601(self.now)
        )
        self.db.create(
            "PIF",
            host=host,
            network=self.network,
            device="eth0",
            MAC=self.mac(),
            MTU=1500,
            VLAN=-1,
            physical=True,
            management=True,
            currently_attached=True,
            ip_configuration_mode="Static",
            IP=f"10.0.0.{number}",
            netmask="255.255.255.0",
            gateway="10.0.0.254",
            bond_slave_of=NULL,
            VLAN_master_of=NULL,
            metrics=metrics,
        )

    def host_storage(self, host: Ref, number: int) -> None:
        self.plug(host, self.shared, server="nfs.example.com", serverpath="/export/pool")
        self.plug(host, self.tools, location="/opt/xensource/packages/iso", legacy_mode="true")
        self.plug(
            host, self.sr("Local storage", "lvm", shared=False, content="user"), device=f"/dev/sda{number}"
        )
        dvd = self.sr("DVD drives", "udev", shared=False, content="iso", sm_config={"type": "cd"})
        self.plug(host, dvd, location="/dev/xapi/cd")

    def plug(self, host: Ref, sr: Ref, **device_config: str) -> None:
        self.db.create("PBD", host=host, SR=sr, device_config=device_config, currently_attached=True)

    def control_domain(self, host: Ref, name: str) -> None:
        self.create(
            "VM",
            f"Control domain on host: {name}",
            name__description="The domain which manages physical devices and manages other domains",
            is_control_domain=True,
            power_state="Running",
            resident_on=host,
            affinity=host,
            domid=0,
            domarch="x32",
            **self.memory(DOM0_MEMORY),
            VCPUs__max=4,
            VCPUs__at_startup=4,
            metrics=self.vm_metrics(DOM0_MEMORY, VCPUs__number=4),
            other_config={"is_system_domain": "true"},
        )

    def running_vm(self, name: str, domid: int, host: Ref) -> None:
        self.vm(
            name,
            power_state="Running",
            resident_on=host,
            affinity=host,
            domid=domid,
            domarch="x64",
            last_boot_CPU_flags={"vendor": "GenuineIntel", "features": _CPU_FEATURES},
            guest_metrics=self.db.create(
                "VM_guest_metrics",
                PV_drivers_version={"major": "6", "minor": "0", "micro": "2", "build": "53456"},
                PV_drivers_up_to_date=True,
                os_version={
                    "name": "CentOS release 5.7 (Final)",
                    "distro": "centos",
                    "major": "5",
                    "minor": "7",
                },
                networks={"0/ip": f"10.0.1.{domid}"},
                live=True,
                last_updated=iso8601(self.now),
            ),
        )

    def vm(self, name: str, **fields: Any) -> Ref:
        running = fields.get("power_state") == "Running"
        size = self.model.vm_memory_gib * GIB
        given: dict[str, Any] = {
            "actions__after_shutdown": "destroy",
            "actions__after_reboot": "restart",
            "actions__after_crash": "restart",
            "domid": -1,
            "PV__bootloader": "pygrub",
            "HVM__shadow_multiplier": 1.0,
            "VCPUs__max": 1,
            "VCPUs__at_startup": 1,
            "memory__overhead": VM_OVERHEAD,
            "suspend_SR": self.shared,
            "metrics": self.vm_metrics(size if running else 0, VCPUs__number=int(running)),
        }
        vm = self.create("VM", name, **given | self.memory(size) | fields)
        self.disk(vm, name, attached=running)
        self.cd_drive(vm)
        self.interface(vm, attached=running)
        return vm

    def memory(self, size: int) -> dict[str, int]:
        return {
            f"memory__{name}": size for name in ("static_max", "dynamic_max", "dynamic_min", "target")
        } | {"memory__static_min": size // 2}

    def vm_metrics(self, memory: int, **fields: Any) -> Ref:
        started = iso8601(self.now - _UPTIME + 600) if memory else iso8601(0)
        return self.db.create(
            "VM_metrics", memory__actual=memory, start_time=started, last_updated=iso8601(self.now), **fields
        )

    def disk(self, vm: Ref, name: str, *, attached: bool) -> None:
        sizes = {"virtual_size": 8 * GIB, "physical_utilisation": 2 * GIB}
        vdi = self.create("VDI", f"{name} 0", SR=self.shared, type="system", managed=True, **sizes)
        self.vbd(
            vm,
            VDI=vdi,
            device="xvda",
            userdevice="0",
            type="Disk",
            bootable=True,
            currently_attached=attached,
        )

    def cd_drive(self, vm: Ref) -> None:
        self.vbd(vm, device="xvdd", userdevice="3", type="CD", mode="RO", empty=True, unpluggable=True)

    def vbd(self, vm: Ref, **fields: Any) -> None:
        self.db.create("VBD", VM=vm, **{"mode": "RW", "metrics": self.db.create("VBD_metrics"), **fields})

    def interface(self, vm: Ref, *, attached: bool) -> None:
        metrics = self.db.create("VIF_metrics")
        self.db.create(
            "VIF", VM=vm, network=self.network, device="0", MAC=self.mac(), MTU=1500, metrics=metrics,
            currently_attached=attached,
        )  # fmt: skip

    def snapshot(self, name: str) -> None:
        origin = self.db.find("VM", name__label=name)[0]
        taken = iso8601(self.now - 86400)
        self.vm(
            f"{name} before the upgrade",
            is_a_template=True,
            is_a_snapshot=True,
            snapshot_of=origin,
            snapshot_time=taken,
        )

    def mac(self) -> str:
        number = next(self.macs)
        return f"00:16:3e:00:{number >> 8:02x}:{number & 255:02x}"
