"""What XenCenter does to a pool with a hotfix, over the XenAPI: after its published source, not a run of it.

Host after host, the master first: disable, Host.evacuate, reboot, enable, and the VMs back one at a time
(xenadmin: HostPlanAction.cs, RestartHostPlanAction.cs, BringBabiesBackAction.cs). It goes without what
XenCenter does beside that: other sessions, its cache, and the plugging of storage. The hotfix is on all hosts
before the first one is emptied.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, Final

from xenpatch.errors import XapiFailure
from xenpatch.hotfix.intake import Hotfix
from xenpatch.updates.pool_patch import PoolPatch
from xenpatch.waiting import NotYet, wait_for
from xenpatch.xapi import tasks
from xenpatch.xapi.inventory import Host, Vm
from xenpatch.xapi.objects import host_ref, vm_ref
from xenpatch.xapi.session import Session
from xenpatch.xapi.survey import read_inventory

POLL: Final = 1.0
"""Seconds between two looks at a task; XenCenter looks ten times as often."""

_REBOOT_POLL: Final = 2.0  # XenCenter: 1
_PAUSE: Final = 5.0  # before each host.enable, and before another try at the first VM
_FIRST_TRIES: Final = 25
_LIMIT: Final = 3600.0


class XenCenter:
    """A client of a pool whose clock is `speed` times as fast as the wall's."""

    def __init__(self, session: Session, speed: float) -> None:
        self._session = session
        self._speed = speed

    def patch(self, hotfix: Hotfix) -> None:
        """Upload, precheck and apply the hotfix, then take the hosts in turn."""
        mechanism, manifest = PoolPatch(), hotfix.manifest
        pool = read_inventory(self._session)
        mechanism.bring(self._session, hotfix)
        for host in pool.hosts:
            mechanism.precheck(self._session, manifest, host)
        mechanism.apply(self._session, manifest, lambda _: None)
        guests = {host.uuid: pool.residents(host.uuid) for host in pool.hosts}
        for host in pool.hosts:
            self._evacuate(host)
            self._reboot(host)
            self._enable(host)
            self._bring_back(host, guests[host.uuid])

    def _evacuate(self, host: Host) -> None:
        ref = host_ref(self._session, host.uuid)
        self._session.call("host.disable", ref)
        self._run("host.evacuate", ref, what=f"{host.name} to be emptied")

    def _reboot(self, host: Host) -> None:
        """Done when the boot time is another one and the host is alive."""
        before = self._record(host)["other_config"]["boot_time"]
        self._session.call("host.reboot", host_ref(self._session, host.uuid))
        while not self._has_booted(host, before):
            self._pause(_REBOOT_POLL)
        wait_for(f"{host.name} to enable itself", lambda: self._in_service(host), 120 / self._speed)

    def _has_booted(self, host: Host, before: str) -> bool:
        record = self._record(host)
        if record["other_config"]["boot_time"] == before:
            return False
        return bool(self._session.read("host_metrics.get_live", record["metrics"]))

    def _in_service(self, host: Host) -> bool | NotYet:
        enabled: bool = self._session.read("host.get_enabled", host_ref(self._session, host.uuid))
        return enabled or NotYet("disabled")

    def _enable(self, host: Host) -> None:
        while isinstance(self._in_service(host), NotYet):
            self._pause()
            self._session.call("host.enable", host_ref(self._session, host.uuid))

    def _bring_back(self, host: Host, guests: Sequence[Vm]) -> None:
        """Only the first VM has more than one try."""
        for place, vm in enumerate(guests):
            for tries_left in reversed(range(_FIRST_TRIES if place == 0 else 1)):
                try:
                    self._migrate(vm, host)
                    break
                except XapiFailure:
                    if not tries_left:
                        raise
                    self._pause()

    def _migrate(self, vm: Vm, host: Host) -> None:
        refs = vm_ref(self._session, vm.uuid), host_ref(self._session, host.uuid)
        self._run("VM.pool_migrate", *refs, {"live": "true"}, what=f"{vm.name} to come home")

    def _run(self, method: str, *args: Any, what: str) -> None:
        tasks.run(self._session, method, *args, what=what, limit=_LIMIT)

    def _record(self, host: Host) -> dict[str, Any]:
        record: dict[str, Any] = self._session.read("host.get_record", host_ref(self._session, host.uuid))
        return record

    def _pause(self, seconds: float = _PAUSE) -> None:
        time.sleep(seconds / self._speed)
