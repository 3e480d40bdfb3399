"""What the commands do, apart from how they are typed and shown."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar

from rich.console import Console

from xenpatch import display
from xenpatch.access import Access, Shell
from xenpatch.errors import InputError, Interrupted, SettingsUnavailable
from xenpatch.hotfix.choice import Wanted, choose
from xenpatch.hotfix.intake import Hotfix, verify
from xenpatch.hotfix.manifest import HotfixUuid, load_manifest
from xenpatch.options import WIDEST, How, Mode, PatchOptions, Remedies
from xenpatch.plan import words
from xenpatch.plan.model import NoRoom
from xenpatch.plan.outlook import Outlook, hosts_to_reboot, look_ahead
from xenpatch.plan.picture import svg
from xenpatch.plan.scene import planned
from xenpatch.plan.staying import staying
from xenpatch.prechecks.finding import blocking, remedies
from xenpatch.record import RunId, require
from xenpatch.report import RunReport
from xenpatch.steps.boundary import foretell
from xenpatch.steps.foresight import learnt
from xenpatch.window import Window, enter, now
from xenpatch.xapi.dump import read_pool as read_dump
from xenpatch.xapi.inventory import Inventory
from xenpatch.xapi.types import VmUuid

if TYPE_CHECKING:
    from blocks import Dom0SSH, XenServerPool
    from xenpatch.prechecks.picture import Picture

T = TypeVar("T")


@dataclass(frozen=True)
class Job:
    """What is to be patched with what, and how."""

    hotfixes: tuple[Path, ...]
    manifests: tuple[Path, ...]
    options: PatchOptions
    window: Window | None = None

    def verified(self) -> Wanted:
        """The files, in their order, and why some are left out. Raises HotfixError, InputError."""
        return choose(self.hotfixes, self.manifests, verify)


def check_hotfix(file: Path, manifest: Path | None) -> Hotfix:
    """Verify a hotfix file; raise HotfixError."""
    return verify(file, load_manifest(manifest) if manifest else None)


def read_pool(access: Access) -> Inventory:
    """The pool as it is now."""
    from xenpatch.xapi.session import open_session  # noqa: PLC0415
    from xenpatch.xapi.survey import read_inventory  # noqa: PLC0415

    with open_session(access.pool().endpoint()) as session:
        return read_inventory(session)


def most_at_once(width: str) -> Literal["auto"] | int:
    """How many hosts `--width` means. Raises InputError."""
    if width == "auto":
        return "auto"
    if width.isascii() and width.isdecimal() and len(width) <= 2 and 1 <= int(width) <= WIDEST:
        return int(width)
    raise InputError(f"--width is a number of hosts from 1 to {WIDEST}, or auto; {width!r} is neither.")


def consents(given: Sequence[str]) -> dict[str, How]:
    """What `--stop WHO=HOW` allows. Raises InputError."""
    found: dict[str, How] = {}
    for text in given:
        who, equals, how = text.rpartition("=")
        if not (who and equals) or how not in tuple(How):
            raise InputError(
                f"--stop {text!r} is not WHO=HOW, HOW being one of {', '.join(How)}. Nothing was contacted."
            )
        if found.setdefault(who, How(how)) != how:
            raise InputError(f"--stop says two things of {who!r}. Nothing was contacted.")
    return found


def plan(
    access: Access, dump: Path | None, options: PatchOptions, hotfix: Path | None, manifest: Path | None
) -> Outlook:
    """What a run would be like, on the pool as it is or as it was saved; changes nothing."""
    if sum(given is not None for given in (access.url, access.block, dump)) != 1:
        raise InputError("give one of --pool URL, --pool-block NAME and --dump FILE. Nothing was contacted.")
    wanted = check_hotfix(hotfix, manifest).manifest.uuid if hotfix else None
    refused: dict[VmUuid, str] = {}
    notes: tuple[str, ...] = ()
    if dump is not None:
        saved = read_dump(dump)
        pool, notes = saved.pool, saved.remarks()
    else:
        pool, refused = _ask(access, wanted)
    return look_ahead(
        pool,
        hosts_to_reboot(pool, wanted),
        options.policy(pool.release),
        staying(pool, refused),
        learnt(pool.uuid),
        notes,
    )


def _ask(access: Access, hotfix: HotfixUuid | None) -> tuple[Inventory, dict[VmUuid, str]]:
    """The pool as it is, and the VMs that it would not move, with its reasons; room is for the plan."""
    from xenpatch.prechecks.planning import ROOM_CODES, read_obstacles  # noqa: PLC0415
    from xenpatch.xapi.session import open_session  # noqa: PLC0415
    from xenpatch.xapi.survey import read_inventory  # noqa: PLC0415

    with open_session(access.pool().endpoint()) as session:
        pool = read_inventory(session)
        found = read_obstacles(session, pool, hosts_to_reboot(pool, hotfix))
    ours = ROOM_CODES | {"HOST_NOT_LIVE", "HOST_DISABLED", "NO_HOSTS_AVAILABLE"}
    return pool, {vm: obstacle.code for vm, obstacle in found.items() if obstacle.code not in ours}


def draw(seen: Outlook, file: Path) -> None:
    """Write the plan as a drawing. Raises InputError if it cannot be written there."""
    if isinstance(seen.found, NoRoom) or seen.times is None:
        return
    title = f"{seen.pool.name}: {words.headline(seen.found)}"
    try:
        file.write_text(svg(planned(seen.found, seen.times), seen.pool.master, title), encoding="utf-8")
    except OSError as failed:
        raise InputError(
            f"the drawing {file} cannot be written: {failed.strerror}. Nothing was changed."
        ) from None


def dry_run(console: Console, access: Access, shell: Shell, job: Job) -> None:
    """Look at everything that can be looked at without a change, and print findings and plan."""
    from xenpatch.steps.precheck import refuse_if_blocked  # noqa: PLC0415

    within = enter(job.window, now()) if job.window else None
    wanted = job.verified()
    pool = access.pool()
    picture = _look(pool, shell.ssh(pool), wanted, job.options)
    cured = job.options.remedy is Remedies.ALL
    display.findings(console, refuse_if_blocked(picture, cured=cured))
    if job.options.mode is Mode.MANUAL:
        console.print(
            f"The run would apply {picture.bundle.name} to every host, touch no VM and no host, and write "
            "down what is left to do."
        )
    elif not isinstance(picture.plan, NoRoom):
        display.plan(console, picture.plan, picture.pool)
        if within is not None and picture.plan.turns:
            console.print(foretell(picture.plan, within))
    console.print("Dry run: nothing was changed.")


def patch(console: Console, access: Access, shell: Shell, job: Job) -> RunReport:
    """Run the flow in this process, with a live view."""
    wanted = job.verified()
    pool = access.pool()
    ssh = shell.ssh(pool)
    from flows.patch_pool import patch_pool  # noqa: PLC0415

    folders = {name: _absolute(getattr(job.options, name)) for name in ("backup_folder", "task_list")}
    options = _asked(console, pool, ssh, wanted, job.options).model_copy(update=folders)
    hotfixes, manifests = _all_absolute(job.hotfixes), _all_absolute(job.manifests)
    return _watched(console, lambda: patch_pool(pool, hotfixes, manifests, ssh, options, window=job.window))


def resume(
    console: Console, access: Access, shell: Shell, *, take_over: bool, window: Window | None
) -> RunReport:
    """Continue the run on the pool in this process, with a live view."""
    display.status(console, _held(access, "resume"))
    pool = access.pool()
    ssh = shell.ssh(pool)
    from flows.resume_pool import resume_pool  # noqa: PLC0415

    return _watched(console, lambda: resume_pool(pool, ssh, take_over=take_over, window=window))


def abandon(console: Console, access: Access, *, take_over: bool) -> tuple[str, ...]:
    """Give up the run on the pool; what became of it, as sentences."""
    display.status(console, _held(access, "abandon"))
    pool = access.pool()
    from flows.abandon_pool import abandon_pool  # noqa: PLC0415

    return _watched(console, lambda: abandon_pool(pool, take_over=take_over))


def _held(access: Access, verb: str) -> Inventory:
    """The pool, which a run must hold; raise Refused before anything is started."""
    pool = read_pool(access)
    require(pool.other_config, verb)
    return pool


def _watched(console: Console, run: Callable[[], T]) -> T:
    """Run a flow with a live view, and tell what may end it from outside."""
    from xenpatch.live import show  # noqa: PLC0415

    if "PREFECT_API_URL" not in os.environ:
        console.print("Prefect starts a server of its own for this run; that takes some seconds.")
    try:
        with show(console):
            return run()
    except RuntimeError as lost:
        if "Failed to reach API" not in str(lost):
            raise
        raise SettingsUnavailable(
            f"Prefect's API at {os.environ.get('PREFECT_API_URL', 'its profile')} cannot be reached. "
            "Start it, or unset PREFECT_API_URL to run with a server of its own. No pool was contacted."
        ) from None
    except KeyboardInterrupt:
        raise Interrupted(
            "the run was interrupted; no further step is begun, and every VM runs where it is. A host may be "
            "out of service and VMs away from home: `xenpatch status` shows them. `xenpatch resume` "
            "continues it, `xenpatch abandon` gives it up."
        ) from None


def _asked(
    console: Console, pool: XenServerPool, ssh: Dom0SSH | None, wanted: Wanted, options: PatchOptions
) -> PatchOptions:
    """The options, once a person at a terminal has said whether remedies are to be made."""
    if options.remedy is not Remedies.ASK or not sys.stdin.isatty():
        return options
    from xenpatch.prechecks import check  # noqa: PLC0415

    findings = check(_look(pool, ssh, wanted, options))
    if not remedies(findings) or blocking(findings, cured=True):
        return options
    display.findings(console, findings)
    answer = console.input("Put this aside for the time of the run, and back after it? [y/N] ", markup=False)
    chosen = Remedies.ALL if answer.strip().lower() in ("y", "yes") else Remedies.NONE
    return options.model_copy(update={"remedy": chosen})


def _look(pool: XenServerPool, ssh: Dom0SSH | None, wanted: Wanted, options: PatchOptions) -> Picture:
    """Look at the pool for a person, who has no run there."""
    from xenpatch.steps.precheck import look  # noqa: PLC0415
    from xenpatch.xapi.session import open_session  # noqa: PLC0415

    dom0 = ssh.access(pool) if ssh else None
    with open_session(pool.endpoint()) as session:
        return look(session, RunId("nobody"), wanted, dom0, options)


def _absolute(path: Path | None) -> Path | None:
    """Of use to whoever starts the run again from Prefect, in a folder of his own."""
    return path.absolute() if path else None


def _all_absolute(paths: Sequence[Path]) -> tuple[Path, ...]:
    return tuple(path.absolute() for path in paths)
