"""How findings, plans, reports and pools look on a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from xenpatch import record
from xenpatch.hotfix.intake import Hotfix
from xenpatch.plan import words
from xenpatch.plan.model import Plan
from xenpatch.prechecks.finding import Finding, Severity
from xenpatch.report import HEADER, RunReport
from xenpatch.steps.lifecycle import away
from xenpatch.xapi.inventory import Host, Inventory

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
                advice = f" [dim]({escape(finding.advice)})[/]" if finding.advice else ""
                console.print(f"{line}{escape(finding.message)}{advice}", highlight=False, soft_wrap=True)


def plan(console: Console, planned: Plan, pool: Inventory) -> None:
    """The plan in words and as a table."""
    console.print(f"[bold]Plan:[/] {words.headline(planned)}", highlight=False)
    for sentence in words.sentences(planned, pool.master):
        console.print(escape(sentence), highlight=False, soft_wrap=True)
    console.print(_table(words.HEADER, words.rows(planned)))


def report(console: Console, result: RunReport) -> None:
    """What the run did."""
    if result.changed:
        console.print(_table(HEADER, result.rows()))
    for sentence in result.summary():
        console.print(escape(sentence), highlight=False, soft_wrap=True)


def status(console: Console, pool: Inventory) -> None:
    """The hosts, the run in progress, and the VMs away from home."""
    console.print(f"[bold]{escape(pool.name)}[/]  uuid {pool.uuid}", highlight=False)
    header = ("host", "version", "state", "booted", "hotfixes applied", "reboot pending")
    console.print(_table(header, [_host_row(pool, host) for host in pool.hosts]))
    console.print(_run_line(pool), highlight=False, soft_wrap=True)
    strays = away(pool)
    for vm, home in strays:
        console.print(f"{escape(vm.name)} is away from home, which is {escape(home.name)}", highlight=False)
    if not strays:
        console.print("Every VM is at home.", highlight=False)


def error(console: Console, title: str, message: str) -> None:
    """One readable block."""
    console.print(f"[bold red]{title}[/] {escape(message)}", highlight=False, soft_wrap=True)


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


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    table = Table(*header, box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    for row in rows:
        table.add_row(*map(escape, row))
    return table
