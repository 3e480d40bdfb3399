"""The command line. Every command ends with one of the exit codes of `EXIT_CODES`."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from typer.core import TyperGroup

from xenpatch import commands, display, pin, saved, simulation
from xenpatch.access import Access, Shell
from xenpatch.acquaintance import Wanted
from xenpatch.errors import InputError, Interrupted, PrecheckRefused, Refused, Stopped, XenpatchError
from xenpatch.options import How, Mode, PatchOptions, Remedies
from xenpatch.plan.document import document
from xenpatch.plan.model import NoRoom, Placement
from xenpatch.prechecks.consent import REASONS
from xenpatch.window import ending

EXIT_CODES: tuple[tuple[type[Exception], int, str], ...] = (
    (InputError, 2, "Bad input:"),
    (Refused, 3, "Refused:"),
    (Stopped, 4, "Stopped:"),
    (Interrupted, 1, "Interrupted:"),
    (XenpatchError, 1, "Failed:"),
    (Exception, 1, "Unexpected error:"),
)


class Commands(TyperGroup):
    """The commands, apart from what Typer would do in its own way."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Let --debug stand anywhere: put it before the command, where it is an option."""
        return super().parse_args(ctx, sorted(args, key=lambda arg: arg != "--debug"))

    def invoke(self, ctx: Any) -> Any:
        """Give Ctrl-C words, before Typer makes a silent exit of it.

        A run that is under way explains itself; all else changes nothing.
        """
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise Interrupted("the command was stopped by Ctrl-C; nothing was changed by it.") from None


app = typer.Typer(
    name="xenpatch",
    cls=Commands,
    help="Patch XenServer pools without an outage.\n\n"
    "Exit codes: 0 done; 1 failed; 2 bad input, nothing was contacted or changed; 3 refused by prechecks, "
    "nothing changed; 4 stopped at a safe boundary, continue later.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
hotfix_app = typer.Typer(help="Look at hotfix files.", no_args_is_help=True)
app.add_typer(hotfix_app, name="hotfix")
blocks_app = typer.Typer(help="What is set up once in the Prefect UI.", no_args_is_help=True)
app.add_typer(blocks_app, name="blocks")

PoolUrl = Annotated[str | None, typer.Option("--pool", metavar="URL", help="Any member of the pool.")]
PoolBlock = Annotated[
    str | None,
    typer.Option("--pool-block", metavar="NAME", help="A saved XenServerPool block instead of --pool."),
]
User = Annotated[
    str, typer.Option(help="Who logs in. The password comes from XENPATCH_PASSWORD or a prompt.")
]
Certificate = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="PEM file of the pool's own certificates: they are pinned."),
]
Ca = Annotated[Path | None, typer.Option(metavar="FILE", help="PEM file of the authority that signed them.")]
Legacy = Annotated[bool, typer.Option("--legacy", help="TLS 1.0 and small keys, as XenServer 6.x speaks.")]
ManifestFile = Annotated[
    Path | None, typer.Option(metavar="FILE", help="The hotfix's manifest; not needed for a known hotfix.")
]

KnownHosts = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="SSH host keys of the hosts; with it, packages are verified over SSH."),
]
SshUser = Annotated[str, typer.Option(help="Who logs in over SSH, with the pool's password or --ssh-key.")]
SshPort = Annotated[int, typer.Option(min=1, max=65535, help="The SSH port of every host.")]
SshKey = Annotated[Path | None, typer.Option(metavar="FILE", help="A private key instead of the password.")]
SshBlock = Annotated[
    str | None, typer.Option(metavar="NAME", help="A saved Dom0SSH block instead of the --ssh options.")
]
TakeOver = Annotated[
    bool, typer.Option("--take-over", help="Have a run that still lives stop, and continue in its place.")
]
WindowEnd = Annotated[
    str | None,
    typer.Option(
        metavar="TIME",
        help="Take no host that would not be done by then, VMs home included: HH:MM, or a date and time.",
    ),
]

PlacementOption = Annotated[
    Placement, typer.Option(help="Which VMs are at home in the end: all, any, or those with an affinity.")
]
WidthOption = Annotated[
    str, typer.Option(metavar="N|auto", help="Hosts out of service at once, where that costs no extra move.")
]
MovesPerHost = Annotated[
    int | None, typer.Option(min=1, max=8, help="Live migrations at once; 4, or 2 on release 6.x.")
]
Squeeze = Annotated[
    bool, typer.Option("--squeeze", help="Where nothing else helps, balloon VMs down to their minimum.")
]


@app.callback()
def options(debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False) -> None:
    """Take the options that go before every command."""
    if debug:
        os.environ["XENPATCH_DEBUG"] = "1"


@hotfix_app.command("check")
def hotfix_check(
    file: Annotated[Path, typer.Argument(help="A .zip or .xsupdate file.")], manifest: ManifestFile = None
) -> None:
    """Verify a hotfix file against what was published; contacts nothing."""
    display.hotfix(Console(), commands.check_hotfix(file, manifest))


@hotfix_app.command("list")
def hotfix_list(
    pool: PoolUrl = None,
    pool_block: PoolBlock = None,
    user: User = "root",
    certificate: Certificate = None,
    ca: Ca = None,
    legacy: Legacy = False,
) -> None:
    """Show the known hotfixes of the pool's version: applied, superseded or missing; changes nothing."""
    access = Access(pool, pool_block, user, certificate, ca, legacy=legacy)
    display.hotfixes(Console(), commands.read_pool(access))


@app.command()
def patch(
    hotfix: Annotated[
        list[Path],
        typer.Option(
            metavar="FILE", help="The .zip or .xsupdate file, or a folder of them. May be given again."
        ),
    ],
    pool: PoolUrl = None,
    pool_block: PoolBlock = None,
    user: User = "root",
    manifest: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            help="The hotfix's manifest; not needed for a known hotfix. May be given again.",
        ),
    ] = None,
    certificate: Certificate = None,
    ca: Ca = None,
    legacy: Legacy = False,
    known_hosts: KnownHosts = None,
    ssh_user: SshUser = "root",
    ssh_port: SshPort = 22,
    ssh_key: SshKey = None,
    ssh_block: SshBlock = None,
    mode: Annotated[
        Mode, typer.Option(help="Who does what follows the apply: the run, or you with a list.")
    ] = Mode.AUTOMATIC,
    task_list: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where --mode manual writes its list.")
    ] = None,
    remedy: Annotated[
        Remedies, typer.Option(help="Put HA, WLB, CDs and the like aside for the time of the run.")
    ] = Remedies.ASK,
    stop: Annotated[
        list[str] | None,
        typer.Option(
            metavar="WHO=HOW",
            help="A VM that cannot move may be stopped while its host reboots. WHO: its name, its uuid, or a "
            f"reason ({', '.join(REASONS)}). HOW: {', '.join(How)}. May be given again.",
        ),
    ] = None,
    placement: PlacementOption = Placement.HOME,
    width: WidthOption = "1",
    moves_per_host: MovesPerHost = None,
    squeeze: Squeeze = False,
    hosts: Annotated[
        str | None,
        typer.Option(
            metavar="A,B", help="Reboot only these hosts now, and the master; the others are left to do."
        ),
    ] = None,
    restart_vms: Annotated[
        bool, typer.Option("--restart-vms", help="Restart VMs, one by one, where a hotfix asks for it.")
    ] = False,
    clean: Annotated[
        bool, typer.Option("--clean", help="Remove the hotfix's files from the hosts after success.")
    ] = False,
    reboot_limit: Annotated[float, typer.Option(min=1, help="Seconds that a reboot may take.")] = 1800.0,
    backup_folder: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Where the pool's database is saved; it holds secrets."),
    ] = None,
    take_over: TakeOver = False,
    window_end: WindowEnd = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the whole plan and change nothing.")
    ] = False,
) -> None:
    """Patch a pool: each host emptied, rebooted, verified, its VMs brought home; the master first."""
    access = Access(pool, pool_block, user, certificate, ca, legacy=legacy)
    shell = Shell(known_hosts, ssh_user, ssh_port, ssh_key, ssh_block)
    how = PatchOptions(
        mode=mode,
        task_list=task_list,
        remedy=remedy,
        stop=commands.consents(stop or []),
        hosts=tuple(name.strip() for name in (hosts or "").split(",") if name.strip()),
        restart_vms=restart_vms,
        clean=clean,
        placement=placement,
        width=commands.most_at_once(width),
        moves_per_host=moves_per_host,
        squeeze=squeeze,
        reboot_limit=reboot_limit,
        backup_folder=backup_folder,
        take_over=take_over,
    )
    window = ending(window_end) if window_end else None
    job = commands.Job(tuple(hotfix), tuple(manifest or ()), how, window)
    console = Console()
    if dry_run:
        commands.dry_run(console, access, shell, job)
    else:
        display.report(console, commands.patch(console, access, shell, job))


@app.command()
def resume(
    pool: PoolUrl = None,
    pool_block: PoolBlock = None,
    user: User = "root",
    certificate: Certificate = None,
    ca: Ca = None,
    legacy: Legacy = False,
    known_hosts: KnownHosts = None,
    ssh_user: SshUser = "root",
    ssh_port: SshPort = 22,
    ssh_key: SshKey = None,
    ssh_block: SshBlock = None,
    take_over: TakeOver = False,
    window_end: WindowEnd = None,
) -> None:
    """Continue the run whose record is on the pool, with its own options; no hotfix file is needed."""
    access = Access(pool, pool_block, user, certificate, ca, legacy=legacy)
    shell = Shell(known_hosts, ssh_user, ssh_port, ssh_key, ssh_block)
    console = Console()
    window = ending(window_end) if window_end else None
    display.report(console, commands.resume(console, access, shell, take_over=take_over, window=window))


@app.command()
def abandon(
    pool: PoolUrl = None,
    pool_block: PoolBlock = None,
    user: User = "root",
    certificate: Certificate = None,
    ca: Ca = None,
    legacy: Legacy = False,
    take_over: TakeOver = False,
) -> None:
    """Give up the run on the pool: VMs home, hosts and what was put aside back, its record removed."""
    access = Access(pool, pool_block, user, certificate, ca, legacy=legacy)
    for line in commands.abandon(Console(), access, take_over=take_over):
        typer.echo(line)


@app.command()
def plan(
    pool: PoolUrl = None,
    pool_block: PoolBlock = None,
    dump: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A saved database (xe pool-dump-database) instead of a pool."),
    ] = None,
    user: User = "root",
    certificate: Certificate = None,
    ca: Ca = None,
    legacy: Legacy = False,
    hotfix: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Reboot only the hosts that need this hotfix, else all."),
    ] = None,
    manifest: ManifestFile = None,
    placement: PlacementOption = Placement.HOME,
    width: WidthOption = "1",
    moves_per_host: MovesPerHost = None,
    squeeze: Squeeze = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document, for machines.")] = False,
    svg: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also write a drawing: who moves where, and when.")
    ] = None,
) -> None:
    """Show who would move where, host by host, and how long it would take; changes nothing."""
    access = Access(pool, pool_block, user, certificate, ca, legacy=legacy)
    how = PatchOptions(
        placement=placement,
        width=commands.most_at_once(width),
        moves_per_host=moves_per_host,
        squeeze=squeeze,
    )
    seen = commands.plan(access, dump, how, hotfix, manifest)
    if svg is not None:
        commands.draw(seen, svg)
    if as_json:
        typer.echo(json.dumps(document(seen), indent=2))
    else:
        display.outlook(Console(), seen)
    if isinstance(seen.found, NoRoom):
        raise typer.Exit(3)


@app.command()
def status(
    pool: PoolUrl = None,
    pool_block: PoolBlock = None,
    user: User = "root",
    certificate: Certificate = None,
    ca: Ca = None,
    legacy: Legacy = False,
) -> None:
    """Show the hosts, what is applied and pending, a run in progress, and VMs away from home."""
    access = Access(pool, pool_block, user, certificate, ca, legacy=legacy)
    display.status(Console(), commands.read_pool(access))


@blocks_app.command("register")
def blocks_register() -> None:
    """Make the types of our blocks known to Prefect, so that its UI has forms for them."""
    for name in saved.register_blocks():
        typer.echo(f"Registered the block type {name}.")


@app.command("pin")
def pin_pool(
    urls: Annotated[list[str], typer.Argument(metavar="URL...", help="Members of the pool; one is enough.")],
    name: Annotated[str, typer.Option(metavar="NAME", help="What the two blocks are called.")],
    user: User = "root",
    legacy: Legacy = False,
    ssh_port: SshPort = 22,
    ssh: Annotated[
        bool, typer.Option("--ssh/--no-ssh", help="Whether SSH host keys are pinned, too.")
    ] = True,
    fingerprint: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SHA256",
            help="What a certificate or SSH key must be, as openssl or ssh-keygen prints it; then nobody is "
            "asked. May be given again.",
        ),
    ] = None,
    save_password: Annotated[
        bool, typer.Option("--save-password", help="Keep the password in the block, too; else it is not.")
    ] = False,
) -> None:
    """Show certificates and SSH keys of a pool's hosts, and save them in blocks once they are confirmed."""
    wanted = Wanted(tuple(urls), user, legacy, ssh_port if ssh else None)
    for line in pin.pin_and_save(Console(), wanted, name, fingerprint or (), with_password=save_password):
        typer.echo(line)


@app.command()
def simulate(
    hosts: Annotated[int, typer.Option(min=1, max=64, help="How many hosts.")] = 3,
    vms: Annotated[int, typer.Option(min=0, max=4000, help="How many running VMs.")] = 12,
    release: Annotated[str, typer.Option(help="The XenServer release that is simulated.")] = "6.0.2",
    dump: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A real pool's database (xe pool-dump-database) instead."),
    ] = None,
    speed: Annotated[
        float, typer.Option(min=0.01, help="How many simulated seconds pass in a second.")
    ] = 60.0,
    port: Annotated[
        int,
        typer.Option(min=0, max=65532, help="HTTP; TLS, legacy TLS and SSH follow it. 0 finds free ones."),
    ] = 8080,
    faults: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Faults, a YAML or JSON list of rules.")
    ] = None,
    journal: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where to write what happens, JSON lines.")
    ] = None,
    folder: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Where keys and the sample hotfix stay from start to start."),
    ] = None,
) -> None:
    """Serve a simulated pool on the loopback network until Ctrl-C; one JSON line says when and where."""
    simulation.simulate(
        simulation.Simulation(hosts, vms, release, dump, speed, port, faults, journal, folder), sys.stdout
    )


def main() -> None:
    """Run the command line; errors become one readable block on stderr and an exit code."""
    try:
        app()
    except Exception as raised:
        sys.exit(explain(raised))


def explain(raised: Exception) -> int:
    """Print the error and return its exit code; with --debug, the traceback too."""
    console = Console(stderr=True)
    code, title = next((code, title) for kind, code, title in EXIT_CODES if isinstance(raised, kind))
    if isinstance(raised, PrecheckRefused):
        display.findings(console, raised.findings)
    display.error(console, title, _words(raised))
    if os.environ.get("XENPATCH_DEBUG"):
        console.print_exception()
    return code


def _words(raised: Exception) -> str:
    if isinstance(raised, XenpatchError):
        return str(raised)
    return (
        f"{type(raised).__name__}: {raised}. This is a fault of xenpatch; `xenpatch status` shows what state "
        "the pool is in, and --debug shows the traceback."
    )


if __name__ == "__main__":
    main()
