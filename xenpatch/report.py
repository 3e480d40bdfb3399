"""What a run did, for a person and for machines."""

from __future__ import annotations

from dataclasses import dataclass

from xenpatch.plan.markdown import by_host, plain, table
from xenpatch.plan.model import Placement, Plan
from xenpatch.prechecks.finding import Finding
from xenpatch.steps.reboot import Rebooted
from xenpatch.units import span
from xenpatch.xapi.types import HostUuid


@dataclass(frozen=True)
class HostReport:
    """One host of the run: its reboot, its VMs, and what was proved of it. ``seconds`` is its whole turn.

    ``stopped`` names the VMs that were stopped for its reboot and are back as they were.
    """

    host: HostUuid
    name: str
    rebooted: Rebooted | None
    moved_away: int
    brought_home: int
    seconds: float
    proved: tuple[str, ...] = ()
    unchecked: tuple[str, ...] = ()
    stopped: tuple[str, ...] = ()


@dataclass(frozen=True)
class RunReport:
    """A whole run. ``seconds`` is its length by our clock, ``backup`` where the database was saved.

    ``happened`` are the moves that were made. ``earlier_boots`` are the boot times of
    hosts that had the hotfix in effect before this run. ``todo`` is what a manual run leaves to a person, in
    Markdown, and ``task_list`` the file that it is in. ``left`` is what else is to do, as sentences.
    ``saved`` is the file of this report, with a picture of the run beside it.
    """

    pool: str
    hotfix: str
    all_hosts: tuple[str, ...]
    hosts: tuple[HostReport, ...] = ()
    findings: tuple[Finding, ...] = ()
    backup: str | None = None
    seconds: float = 0.0
    earlier_boots: tuple[float, ...] = ()
    placement: Placement = Placement.HOME
    happened: Plan | None = None
    todo: str | None = None
    task_list: str | None = None
    left: tuple[str, ...] = ()
    saved: str | None = None

    @property
    def changed(self) -> bool:
        """Whether the run had anything to do."""
        return self.backup is not None

    @property
    def mixed_seconds(self) -> float:
        """How long hosts of both levels ran side by side, by the master's clock.

        From the first host's boot with the hotfix until the last one without it went down.
        """
        boots = [host.rebooted for host in self.hosts if host.rebooted is not None]
        downs = [boot.down_at for boot in boots if boot.down_at is not None]
        ups = (boot.after if boot.up_at is None else boot.up_at for boot in boots)
        began = [*ups, *self.earlier_boots]
        return max(max(downs) - min(began), 0.0) if downs else 0.0

    @property
    def unchecked(self) -> tuple[str, ...]:
        """Checks that could not be made, each once."""
        return tuple(dict.fromkeys(check for host in self.hosts for check in host.unchecked))

    def summary(self) -> list[str]:
        """The run in a few sentences."""
        total = len(self.all_hosts)
        if not self.changed:
            return [
                (
                    f"{self.hotfix} is fully applied on {self.pool}: all {total} hosts have it and have "
                    "been rebooted since. There was nothing to do and nothing was changed."
                )
            ]
        if self.task_list is not None:
            return [
                (
                    f"{self.hotfix} is applied to all {total} hosts of {self.pool}; no host was rebooted and "
                    f"no VM touched. What is left to do is in {self.task_list}; `xenpatch status` shows how "
                    "far it is."
                )
            ]
        moves = sum(host.moved_away + host.brought_home for host in self.hosts)
        names = ", ".join(host.name for host in self.hosts if host.rebooted is not None) or "no host"
        lines = [
            (
                f"{self.hotfix} is fully applied on {self.pool}: all {total} hosts have it in effect, and "
                f"{_END[self.placement]}. "
                f"This run rebooted and verified {names}, with {moves} live migrations."
            ),
            (
                f"The run took {span(self.seconds)}; hosts of both levels ran side by side for "
                f"{span(self.mixed_seconds)} of the pool's time."
            ),
        ]
        lines += [
            f"{', '.join(host.stopped)} could not leave {host.name}: stopped while it rebooted, with "
            "consent, and back there as before."
            for host in self.hosts
            if host.stopped
        ]
        if self.backup:
            lines.append(
                f"The pool database from before is in {self.backup}; it holds secrets: keep it safe."
            )
        if self.saved:
            lines.append(f"This report, with a picture of the run over time, is in {self.saved}.")
        lines += self.left
        if self.unchecked:
            lines.append(f"Could not be checked: {'; '.join(self.unchecked)}.")
        return lines

    def rows(self) -> list[tuple[str, ...]]:
        """One row a host under `HEADER`."""
        return [
            (
                host.name,
                "rebooted" if host.rebooted and host.rebooted.down_at else "already rebooted",
                str(host.moved_away),
                str(host.brought_home),
                span(host.seconds),
                ", ".join(host.proved),
            )
            for host in self.hosts
        ]

    def markdown(self) -> str:
        """The report as Markdown."""
        if self.todo is not None:
            return self.todo
        text = "\n".join([f"# {plain(self.hotfix)} on {plain(self.pool)}", "", *self.summary(), ""])
        text += f"\n{table(HEADER, self.rows())}" if self.changed else ""
        return text if self.happened is None else f"{text}\n## Who moved where\n\n{by_host(self.happened)}"


_END = {
    Placement.HOME: "every VM is at home",
    Placement.FREE: "the VMs stay on the hosts that took them",
    Placement.AFFINITY: "every VM with a home server is at home, the others stay on the hosts that took them",
}

HEADER = ("host", "reboot", "VMs moved away", "VMs brought home", "time", "proved")
