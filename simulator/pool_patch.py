"""pool_patch.*: checking, applying and forgetting uploaded hotfixes.

Source: xapi 6.0.2, xapi_pool_patch.
"""

from dataclasses import replace
from pathlib import Path
from typing import Final

from simulator.call import Call, Ref, XapiError, message
from simulator.forwarding import Agent, call_own_api, contact
from simulator.host_versions import product_version
from simulator.patch_records import add_record, is_applied, synchronise
from simulator.update import UpdateInfo, read_update
from simulator.world import HostRuntime, StampInfo, World

PATCHES: Final = "patch"
"""Where the hosts' files of hotfixes are, below the folder of the pool."""


@message("pool_patch.precheck")
def precheck(call: Call, patch: Ref, host: Ref) -> str:
    """Ask the hotfix whether the host can take it; return what it prints.

    Raises CANNOT_FIND_PATCH [] if the master no longer has the file, and PATCH_PRECHECK_FAILED_*.
    """
    agent = contact(call.world, host)
    update = read_update(_file(call.world, _uuid(call, patch)), call.world.known_hotfixes)
    return _precheck(call, patch, agent, update)


@message("pool_patch.apply")
def apply(call: Call, patch: Ref, host: Ref) -> str:
    """Apply a hotfix to a host, enabled or not, and record it; return what it prints.

    Raises PATCH_ALREADY_APPLIED [patch], what `precheck` raises, and PATCH_APPLY_FAILED [output].
    """
    agent = contact(call.world, host)
    if is_applied(call.db, patch, host):
        raise XapiError("PATCH_ALREADY_APPLIED", patch)
    file = _copy(call.world, _uuid(call, patch), agent.runtime)
    update = read_update(file, call.world.known_hotfixes)
    failure = call.world.fault_for("pool_patch.precheck", [patch, host])
    if failure is not None and failure.error:
        raise XapiError(*failure.error)
    _precheck(call, patch, agent, update)
    return _apply(call, patch, agent, update)


@message("pool_patch.pool_apply")
def pool_apply(call: Call, patch: Ref) -> None:
    """Apply a hotfix to the hosts that lack it, one after another; the first failure ends it."""
    master = Agent.of(call.world, call.host)
    for host in sorted(call.db.rows("host")):
        if not is_applied(call.db, patch, host):
            master.assert_running()
            call_own_api(call, "pool_patch.apply", patch, host)
    call.db.update("pool_patch", patch, pool_applied=True)


@message("pool_patch.clean")
def clean(call: Call, patch: Ref) -> None:
    """Remove the master's file of a hotfix. The record stays; the hosts' copies do too."""
    _remove_file(call.world.hosts[call.world.master], _uuid(call, patch))
    call.db.update("pool_patch", patch, filename="")


@message("pool_patch.destroy")
def destroy(call: Call, patch: Ref) -> None:
    """Forget a hotfix and remove its file; raise PATCH_IS_APPLIED [] if any host has it."""
    with call.db.lock:
        uuid = _uuid(call, patch)
        if any(is_applied(call.db, patch, host) for host in call.db.rows("host")):
            raise XapiError("PATCH_IS_APPLIED")
        call.db.destroy("pool_patch", patch)
    _remove_file(call.world.hosts[call.world.master], uuid)


@message("host_patch.apply")
def apply_host_patch(_call: Call, _record: Ref) -> str:
    """Refuse: patches belong to the pool since Miami."""
    raise XapiError("MESSAGE_DEPRECATED")


@message("host_patch.destroy")
def destroy_host_patch(call: Call, record: Ref) -> None:
    """Forget that a host has a hotfix, until its xapi next starts and reads its stamps."""
    call.db.destroy("host_patch", record)


def patch_folder(world: World, host: Ref) -> Path:
    """Return the host's /var/patch."""
    folder = world.folder / PATCHES / str(world.db.get("host", host)["uuid"])
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _precheck(call: Call, patch: Ref, agent: Agent, update: UpdateInfo) -> str:
    call.clock.sleep(call.world.durations.patch_precheck)
    agent.assert_running()
    found = product_version(call.db, agent.runtime.ref)
    if found not in update.product_versions:
        raise XapiError("PATCH_PRECHECK_FAILED_WRONG_SERVER_VERSION", patch, found, update.required_version)
    return ""


def _apply(call: Call, patch: Ref, agent: Agent, update: UpdateInfo) -> str:
    host = agent.runtime
    call.clock.sleep(call.world.durations.patch_apply)
    failure = call.world.fault_for("patch", [host.ref, patch])
    if failure is not None and failure.fail is not None:
        raise XapiError("PATCH_APPLY_FAILED", failure.fail)
    with call.db.lock:
        agent.assert_running()
        now = call.world.now_at(host.ref)
        add_record(call.db, patch, host.ref, now)
        _install(host, update, now)
        synchronise(call.db, host)
    return "".join(f"{package}\n" for package in update.packages)


def _install(host: HostRuntime, update: UpdateInfo, now: float) -> None:
    """Leave the stamps of the hotfix and of those it contains, and its packages, on the host."""
    stamp = StampInfo(
        update.uuid, update.name_label, update.name_description, update.version, update.guidance, now
    )
    contained = [replace(stamp, uuid=uuid, name_label=name) for name, uuid in update.rolls_up]
    for one in (stamp, *contained):
        host.stamps.setdefault(one.uuid, one)
    renewed = {_package_name(package) for package in update.packages}
    kept = [package for package in host.packages if _package_name(package) not in renewed]
    host.packages[:] = sorted([*kept, *update.packages])


def _package_name(package: str) -> str:
    """The name in name-version-release.arch."""
    return package.rsplit("-", 2)[0]


def _file(world: World, uuid: str) -> Path:
    """The master's file, which slaves fetch."""
    file = world.hosts[world.master].files.get(uuid)
    if file is None or not file.exists():
        raise XapiError("CANNOT_FIND_PATCH")
    return file


def _copy(world: World, uuid: str, host: HostRuntime) -> Path:
    """The host's own file; a slave's stays when the hotfix is cleaned, as in 6.0.x."""
    file = _file(world, uuid)
    if host.ref == world.master:
        return file
    copy = patch_folder(world, host.ref) / world.db.new_uuid()
    copy.hardlink_to(file)
    _remove_file(host, uuid)
    host.files[uuid] = copy
    return copy


def _remove_file(host: HostRuntime, uuid: str) -> None:
    file = host.files.pop(uuid, None)
    if file is not None:
        file.unlink(missing_ok=True)


def _uuid(call: Call, patch: Ref) -> str:
    return str(call.db.get("pool_patch", patch)["uuid"])
