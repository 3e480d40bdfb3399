"""The fault matrix: each kind of changing call, and each boot, meets each fault in a run of its own.

The run must end done, or stop with a message that names what it is about, what was not touched and what to
do, with every VM running; once the fault is gone, the next run must end it as if nothing had happened.

    python -m tests.faults.matrix [--every N] [--jobs N]
"""

from __future__ import annotations

import argparse
import re
import sys
import time
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from typing import Final

from simulator import Fault
from simulator.boot import begin_power_on
from simulator.faults import Faults
from simulator.world import Phase
from tests.crash.case import LIMIT, Case, case, serving
from tests.faults.kinds import BOOTS, KINDS, NEVER, SLOW, TROUBLES, Kind, Trouble
from tests.flows.kit import places, traces
from xenpatch.record import KEY
from xenpatch.waiting import NotYet, wait_for

CELLS: Final = tuple((kind, trouble) for trouble in TROUBLES for kind in KINDS) + tuple(
    (boot, NEVER) for boot in BOOTS
)

_SPEED: Final = {"XENPATCH_POOL_SPEED": "600", "XENPATCH_HEARTBEAT_SECONDS": "0.5"}
_TOLD: Final = {
    "whom it is about": re.compile(r"xs[123]|vm-\w+-\d|Simulated pool|run record|SAMPLE602X001"),
    "what was not touched": re.compile(
        r"[Nn]o (further |other )?(host|VM)|[Nn]othing (more )?(was|is)|not touched|[Ee]very (other )?VM"
    ),
    "what to do": re.compile(r"[Ss]tart(ing)? again|`?xenpatch (status|resume|abandon)|[Cc]ure|[Ll]ook at"),
}


class Seen(Faults):
    """Knows how often the fault was met."""

    def __init__(self, kind: Kind, trouble: Trouble) -> None:
        super().__init__([trouble.of(kind)])
        self.met = 0

    def match(self, call: str, names: Collection[str] = (), texts: Collection[str] = ()) -> Fault | None:
        """As any other fault."""
        found = super().match(call, names, texts)
        self.met += found is not None
        return found


@dataclass(frozen=True)
class Outcome:
    """How a run ended that met a fault: ``wrong`` is empty where that is as it should be.

    ``late`` says that a key which the run had taken away again was written once more after its end.
    """

    kind: Kind
    trouble: Trouble
    code: int
    said: str
    wrong: tuple[str, ...]
    seconds: float
    late: bool = False

    @property
    def ended(self) -> str:
        """In a word or two, for the table."""
        if self.wrong:
            return "WRONG"
        if self.late:
            return "done, then its key"
        return "done" if self.code == 0 else "stopped, then done"


def met(kind: Kind, trouble: Trouble) -> Outcome:
    """Have a run meet the fault, lift it, and have another run end what is left."""
    began = time.monotonic()
    faults = Seen(kind, trouble)
    with case(faults) as made:
        code, said = _run(made, "first", _patch(made))
        faults.clear()
        _settle(made, trouble)
        wrong = [] if faults.met else ["the fault was not met"]
        late = code == 0 and _came_late(made, kind, trouble)
        wrong += made.wrong() if code == 0 else _well_stopped(made, code, said)
        if code:
            again, last = _run(made, "second", ("resume",) if _has_record(made) else _patch(made))
            wrong += [f"the next run failed: {last}"] if again else []
            wrong += made.wrong()
    return Outcome(kind, trouble, code, said, tuple(wrong), time.monotonic() - began, late)


def _came_late(made: Case, kind: Kind, trouble: Trouble) -> bool:
    """Whether the call took effect after the end of the run, and wrote its key; if so, take it away."""
    late = [key for key in traces(made.sim) if kind.key and key.startswith(kind.key)]
    if not late or not trouble.do.delay:
        return False
    for ref, host in made.sim.db.rows("host").items():
        kept = {key: text for key, text in host["other_config"].items() if key not in late}
        made.sim.db.update("host", ref, other_config=kept)
    return True


def run(cells: Sequence[tuple[Kind, Trouble]], jobs: int) -> Iterator[Outcome]:
    """All of them, several at once, in their order."""
    with ThreadPoolExecutor(jobs) as pool:
        yield from pool.map(lambda cell: met(*cell), cells)


def _patch(made: Case) -> tuple[object, ...]:
    files = ("--hotfix", made.sim.hotfix, "--manifest", made.sim.manifest)
    how = ("--remedy", "all", "--stop", "storage=suspend", "--backup-folder", made.folder / "backups")
    return ("patch", *files, *how)


def _run(made: Case, home: str, arguments: Sequence[object]) -> tuple[int, str]:
    """The exit code of a command, and what it said at its end."""
    process: BaseProcess = made.command(home, _SPEED, *arguments)
    process.join(LIMIT)
    if process.exitcode is None:
        process.kill()
        return -1, f"it did not end in {LIMIT:.0f} s"
    return process.exitcode, made.last_said(home)


def _settle(made: Case, trouble: Trouble) -> None:
    """Switch on what is off, and wait until what was sent has had its effect and every host serves."""
    world = made.sim.world
    until = world.clock.now() + (SLOW if trouble.do.delay else 0.0)
    for ref, host in world.hosts.items():
        if trouble is NEVER and host.phase is Phase.DOWN:
            begin_power_on(world, ref)

    def look() -> bool | NotYet:
        busy = any(row["status"] == "pending" for row in made.sim.db.rows("task").values())
        up = all(host.phase is Phase.UP for host in world.hosts.values())
        return True if up and not busy and world.clock.now() >= until else NotYet("busy")

    wait_for("the pool to be quiet", look, LIMIT, tell=False)


def _has_record(made: Case) -> bool:
    return any(KEY in row["other_config"] for row in made.sim.db.rows("pool").values())


def _well_stopped(made: Case, code: int, said: str) -> Iterator[str]:
    """What is wrong with how a run has stopped."""
    if code not in (1, 3):
        yield f"exit code {code}"
    if "Traceback" in said or "fault of xenpatch" in said:
        yield "it crashed"
    yield from (f"it does not say {what}" for what, words in _TOLD.items() if not words.search(said))
    for name in made.before.keys() - places(made.sim).keys():
        if name not in said:
            yield f"{name} does not run, and it is not said"


def table(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """Lines of Markdown: how runs ended, a row for each kind; then what those said that stopped."""
    troubles = list(dict.fromkeys(outcome.trouble.name for outcome in outcomes))
    ended = {(outcome.kind, outcome.trouble.name): outcome.ended for outcome in outcomes}
    yield f"| call | {' | '.join(troubles)} |"
    yield "|---" * (len(troubles) + 1) + "|"
    for kind in dict.fromkeys(outcome.kind for outcome in outcomes):
        cells = [ended.get((kind, name), "") for name in troubles]
        yield f"| `{kind.call}` {kind.purpose} | {' | '.join(cells)} |"
    yield ""
    said: dict[str, list[str]] = {}
    for outcome in outcomes:
        if outcome.code:
            said.setdefault(outcome.said, []).append(f"{outcome.kind.name}, {outcome.trouble.name}")
    for message, where in said.items():
        yield f"- {message} ({'; '.join(where)})"


def main() -> int:
    """Print the table, and what is wrong."""
    parser = argparse.ArgumentParser(description="Have runs meet every fault at every changing call.")
    parser.add_argument("--every", type=int, default=1, help="only every Nth")
    parser.add_argument("--jobs", type=int, default=4, help="how many at once")
    parser.add_argument("--only", default="", help="only calls whose names begin so")
    given = parser.parse_args()
    outcomes = []
    with serving():
        cells = [cell for cell in CELLS if cell[0].name.startswith(given.only)]
        for outcome in run(cells[:: given.every], given.jobs):
            outcomes.append(outcome)
            told = (
                f"{outcome.kind.name:60} {outcome.trouble.name:22} {outcome.seconds:4.0f} s  {outcome.ended}"
            )
            print(" ".join((told, *outcome.wrong)), file=sys.stderr, flush=True)  # noqa: T201 - a command
    print("\n".join(table(outcomes)))  # noqa: T201 - a command
    return 1 if any(outcome.wrong for outcome in outcomes) else 0


if __name__ == "__main__":
    sys.exit(main())
