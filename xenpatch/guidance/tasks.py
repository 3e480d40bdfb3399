"""The list of tasks for a person, in Markdown: what to do in which order, with the commands that do it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from xenpatch.guidance.pending import HostTask, Pending, VmTask
from xenpatch.hotfix.manifest import Guidance
from xenpatch.plan.staying import staying
from xenpatch.xapi.inventory import Inventory, PowerState, Vm

_HEADINGS: Final = {
    Guidance.RESTART_HOST: "Reboot these hosts, in this order",
    Guidance.RESTART_XAPI: "Restart the toolstack of these hosts, in this order",
    Guidance.RESTART_HVM: "Restart these fully virtualised VMs",
    Guidance.RESTART_PV: "Restart these paravirtualised VMs",
}
_WORDS: Final = {
    Guidance.RESTART_HOST: (
        "Go on to the next host when this one is enabled again and has its VMs back. Until the last one is "
        "done, the pool is a mixture of updated and non-updated hosts, which is not supported for general "
        "operation."
    ),
    Guidance.RESTART_XAPI: "VMs run on meanwhile. Go on to the next host when this one is enabled again.",
    Guidance.RESTART_HVM: "Each when its users can do without it.",
    Guidance.RESTART_PV: "Each when its users can do without it.",
}


def markdown(pool: Inventory, todo: Pending, hotfixes: Sequence[str]) -> str:
    """The whole list; nothing but a sentence where nothing is to do."""
    title = f"# {', '.join(hotfixes)} on {pool.name}: what is left to do"
    if not todo:
        return f"{title}\n\nNothing: all is in effect.\n"
    intro = (
        f"{', '.join(hotfixes)} {'are' if len(hotfixes) > 1 else 'is'} applied to every host. No VM was "
        "touched and no host restarted; until that is done, not every host and VM is updated. "
        "`xenpatch status` shows what is left."
    )
    before, after = _beside(pool, todo)
    parts = [title, intro, *before, *_hosts(pool, todo), *_vms(todo), *after]
    return "\n\n".join(parts) + "\n"


def _beside(pool: Inventory, todo: Pending) -> tuple[list[str], list[str]]:
    """What works against reboots is off before the first one, and on again after the last."""
    off, on = [], []
    if pool.ha_enabled:
        off.append("xe pool-ha-disable")
        on.append(f"xe pool-ha-enable heartbeat-sr-uuids={','.join(pool.ha.srs)}")
        failures = f"ha-host-failures-to-tolerate={pool.ha.failures}"
        on.append(f"xe pool-param-set uuid={pool.uuid} {failures}")
    if pool.wlb_enabled:
        off.append(f"xe pool-param-set uuid={pool.uuid} wlb-enabled=false")
        on.append(f"xe pool-param-set uuid={pool.uuid} wlb-enabled=true")
    if not (off and todo.of(Guidance.RESTART_HOST)):
        return [], []
    return [f"## Before the first reboot\n\n{_code(off)}"], [f"## After the last one\n\n{_code(on)}"]


def _hosts(pool: Inventory, todo: Pending) -> Iterator[str]:
    for guidance in (Guidance.RESTART_HOST, Guidance.RESTART_XAPI):
        tasks = todo.of(guidance)
        if tasks:
            yield f"## {_HEADINGS[guidance]}\n\n{_WORDS[guidance]}"
        for number, task in enumerate(tasks, 1):
            master = ", the master: before any other" if task.host.uuid == pool.master else ""
            commands = _reboot(pool, task) if guidance is Guidance.RESTART_HOST else _toolstack(task)
            yield f"### {number}. {task.host.name}{master}\n\n{_code(commands)}"


def _vms(todo: Pending) -> Iterator[str]:
    for guidance in (Guidance.RESTART_HVM, Guidance.RESTART_PV):
        tasks = [task for task in todo.vms if task.guidance is guidance]
        if tasks:
            commands = [line for task in tasks for line in _restart(task)]
            yield f"## {_HEADINGS[guidance]}\n\n{_WORDS[guidance]}\n\n{_code(commands)}"


def _reboot(pool: Inventory, task: HostTask) -> Iterator[str]:
    """VMs that cannot be moved are suspended for the reboot, or shut down if they cannot be."""
    host, stuck = task.host, {one.vm: one.reason for one in staying(pool)}
    residents = pool.residents(host.uuid)
    yield f"xe host-disable uuid={host.uuid}"
    for vm in residents:
        if vm.uuid in stuck:
            yield f"# {vm.name} cannot be moved: {stuck[vm.uuid]}"
            yield f"xe {_stop(vm)} uuid={vm.uuid}"
    yield f"xe host-evacuate uuid={host.uuid}"
    yield f"xe host-reboot uuid={host.uuid}"
    yield "# wait until this says true:"
    yield f"xe host-param-get uuid={host.uuid} param-name=enabled"
    for vm in residents:
        yield f"# {vm.name} comes home"
        if vm.uuid not in stuck:
            yield f"xe vm-migrate uuid={vm.uuid} host-uuid={host.uuid} live=true"
        elif _stop(vm) == "vm-suspend":
            yield f"xe vm-resume uuid={vm.uuid} on={host.uuid}"
        else:
            yield f"xe vm-start uuid={vm.uuid} on={host.uuid}"


def _stop(vm: Vm) -> str:
    able = vm.cannot_suspend is None and vm.power_state is PowerState.RUNNING
    return "vm-suspend" if able else "vm-shutdown"


def _toolstack(task: HostTask) -> Iterator[str]:
    yield f"# in the control domain of {task.host.name} ({task.host.address})"
    yield "xe-toolstack-restart"


def _restart(task: VmTask) -> Iterator[str]:
    yield f"# {task.vm.name} on {task.host.name}"
    yield f"xe vm-reboot uuid={task.vm.uuid}"


def _code(lines: Iterator[str] | Sequence[str]) -> str:
    return "\n".join(["```", *lines, "```"])


def sentences(todo: Pending) -> Iterator[str]:
    """What is left to do, a line each."""
    for task in todo.hosts:
        what = "reboot" if task.guidance is Guidance.RESTART_HOST else "restart the toolstack of"
        yield f"To do: {what} {task.host.name}, for {', '.join(task.hotfixes)} to take effect there."
    for vm_task in todo.vms:
        yield (
            f"To do: restart {vm_task.vm.name} on {vm_task.host.name}, for {', '.join(vm_task.hotfixes)} to "
            "take effect in it."
        )
