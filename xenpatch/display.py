"""How findings, plans, reports and pools look on a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from rich.console import Console
from rich.markup import escape
from rich.measure import Measurement
from rich.table import Column, Table

from xenpatch import record
from xenpatch.guidance.pending import pending
from xenpatch.guidance.tasks import sentences as words_of
from xenpatch.hotfix.catalogue import listed, standings
from xenpatch.hotfix.intake import Hotfix
from xenpatch.plan import words
from xenpatch.plan.forecast import Forecast
from xenpatch.plan.model import NoRoom, Plan
from xenpatch.plan.outlook import Outlook
from xenpatch.prechecks.finding import Finding, Severity
from xenpatch.report import HEADER, RunReport
from xenpatch.steps.foresight import foresee
from xenpatch.steps.lifecycle import away
from xenpatch.xapi.inventory import Host, Inventory

_ENDLESS = 10_000
"""Characters that no line has."""

_COLOURS = {Severity.BLOCKS: "red", Severity.WARNS: "yellow", Severity.INFORMS: "cyan"}


def hotfix(console: Console, found: Hotfix) -> None:
    """Name and uuid, and every file with its sums as published and as found."""
    console.print(f"[bold]{found.manifest.name}[/]  uuid {found.manifest.uuid}")
    for check in found.files:
        console.print(
            f"\n{escape(check.name)} ({check.role.value}, {check.actual.size} bytes)", highlight=False
        )
        for sum_name in ("md5", "sha256"):
            expected = getattr(check.expected, sum_name, None) or "not published"
            console.print(f"  {sum_name:6} expected {expected}", highlight=False)
            console.print(f"  {'':6} actual   {getattr(check.actual, sum_name)}", highlight=False)
    console.print(
        "\n[green]The file is as published.[/] MD5 shows damage, not forgery: the host checks the signature."
    )


def findings(console: Console, found: Sequence[Finding]) -> None:
    """One line a finding, those that block first."""
    for severity in Severity:
        for finding in found:
            if finding.severity is severity:
                line = f"[{_COLOURS[severity]}]{severity.value:8}[/] [bold]{escape(finding.subject)}[/] "
                advice = f" [dim]({escape(finding.help)})[/]" if finding.help else ""
                console.print(f"{line}{escape(finding.message)}{advice}", highlight=False, soft_wrap=True)


def plan(console: Console, planned: Plan, pool: Inventory) -> None:
    """The plan in words, what it costs, and its steps as a table."""
    console.print(f"[bold]Plan:[/] {words.headline(planned)}", highlight=False)
    for sentence in words.sentences(planned, pool.master):
        console.print(escape(sentence), highlight=False, soft_wrap=True)
    _steps(console, planned, foresee(planned))


def outlook(console: Console, seen: Outlook) -> None:
    """What the plan costs and its steps, or why there is none; VMs that a person has to stop, and remarks."""
    console.print(f"[bold]{escape(seen.pool.name)}[/]  uuid {seen.pool.uuid}", highlight=False)
    if isinstance(seen.found, NoRoom):
        for sentence in words.impossible(seen.found):
            console.print(escape(sentence), highlight=False, soft_wrap=True)
    elif seen.found.turns:
        _steps(console, seen.found, seen.forecast)
    else:
        console.print("There is nothing to do: no host needs a reboot, and every VM is at home.")
    for line in [*(one.sentence() for one in seen.staying), *seen.notes]:
        console.print(f"[yellow]![/] {escape(line)}", highlight=False, soft_wrap=True)


def _steps(console: Console, planned: Plan, seen: Forecast | None) -> None:
    for name, value in words.header(planned, seen):
        console.print(f"  {name:9}{escape(value)}", highlight=False, soft_wrap=True)
    console.print()
    _whole(console, _table(words.HEADER, words.rows(planned, seen, planned.master)))


def report(console: Console, result: RunReport) -> None:
    """What the run did."""
    if result.changed and result.todo is None:
        console.print(_table(HEADER, result.rows()))
    if result.todo is not None:
        console.print(escape(result.todo), highlight=False, soft_wrap=True)
    for sentence in result.summary():
        console.print(escape(sentence), highlight=False, soft_wrap=True)


def hotfixes(console: Console, pool: Inventory) -> None:
    """Every hotfix of the pool's version that is known, and how the pool stands to it."""
    version = pool.host(pool.master).product_version
    found = list(standings(version, [host.patches for host in pool.hosts]))
    console.print(f"[bold]{escape(pool.name)}[/]  XenServer {escape(version)}", highlight=False)
    rows = [
        (
            each.hotfix.name,
            f"{each.state}{' by ' if each.by else ''}{', '.join(each.by)}",
            each.hotfix.article,
            each.hotfix.uuid,
        )
        for each in found
    ]
    _whole(console, _table(("hotfix", "state", "article", "uuid"), rows))
    unknown = {
        patch.name for host in pool.hosts for patch in host.patches.values() if listed(patch.uuid) is None
    }
    if unknown:
        names = ", ".join(sorted(unknown))
        console.print(f"Applied, but not in the list of known hotfixes: {escape(names)}", highlight=False)


def status(console: Console, pool: Inventory) -> None:
    """The hosts, the run in progress, and the VMs away from home."""
    console.print(f"[bold]{escape(pool.name)}[/]  uuid {pool.uuid}", highlight=False)
    header = ("host", "version", "state", "booted", "hotfixes applied", "reboot pending")
    console.print(_table(header, [_host_row(pool, host) for host in pool.hosts]))
    console.print(_run_line(pool), highlight=False, soft_wrap=True)
    for line in words_of(pending(pool)):
        console.print(escape(line), highlight=False, soft_wrap=True)
    strays = away(pool)
    for vm, home in strays:
        console.print(f"{escape(vm.name)} is away from home, which is {escape(home.name)}", highlight=False)
    if not strays:
        console.print("Every VM is at home.", highlight=False)


def error(console: Console, title: str, message: str) -> None:
    """One readable block."""
    console.print(f"[bold red]{title}[/] {escape(message)}", emoji=False, highlight=False, soft_wrap=True)


def _host_row(pool: Inventory, host: Host) -> tuple[str, ...]:
    state = "in service" if host.enabled else "disabled"
    booted = datetime.fromtimestamp(host.boot_time, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    pending = [patch.name for uuid, patch in host.patches.items() if host.reboot_pending(uuid)]
    return (
        f"{host.name} (master)" if host.uuid == pool.master else host.name,
        host.product_version,
        state if host.live else "not reachable",
        booted if host.boot_time else "unknown",
        ", ".join(sorted(patch.name for patch in host.patches.values())) or "none",
        f"since {', '.join(sorted(pending))}" if pending else "no",
    )


def _run_line(pool: Inventory) -> str:
    held = record.held_by(pool.other_config)
    if held is None:
        return "No run in progress."
    reason = record.stop_reason(pool.other_config)
    state = f"has stopped ({reason}); start again to continue it" if reason else "is in progress"
    owner = record.owner(pool.other_config)
    return escape(f"Run {owner} of {held.hotfix_name}, started {held.started} by {held.by}, {state}.")


def _whole(console: Console, table: Table) -> None:
    """Print a table; where there is no terminal, in a file or a pipe, with no line broken."""
    wide = console if console.is_terminal else Console(file=console.file, width=_ENDLESS)
    needed = Measurement.get(wide, wide.options, table).maximum
    wide.print(table, width=min(needed, wide.width))


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    columns = (Column(name, overflow="fold") for name in header)
    table = Table(*columns, box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    for row in rows:
        table.add_row(*map(escape, row))
    return table
