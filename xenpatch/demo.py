"""`make demo`: a simulated pool of three hosts is patched before your eyes, and stopped again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console

from xenpatch import cli, commands, display
from xenpatch.access import Access, Shell
from xenpatch.errors import Interrupted
from xenpatch.options import PatchOptions

_SPEED = "60"
_HOME = Path(".demo")
_CLOSING = 10.0  # seconds
_GONE = "The simulated pool is stopped; `make demo` begins anew."


def main() -> int:
    """Run the demo and return the exit code; what ends it early becomes a readable message."""
    try:
        _run(Console())
    except (Interrupted, KeyboardInterrupt):
        display.error(Console(stderr=True), "Interrupted:", f"the demo was stopped by Ctrl-C. {_GONE}")
    except Exception as failed:  # noqa: BLE001 - as on the command line
        cli.explain(failed)
        Console(stderr=True).print(f"This was the demo. {_GONE}")
    else:
        return 0
    return 1


def _run(console: Console) -> None:
    _HOME.mkdir(exist_ok=True)
    os.environ.setdefault("PREFECT_HOME", str((_HOME / "prefect").absolute()))
    os.environ.setdefault("XDG_STATE_HOME", str((_HOME / "state").absolute()))
    with tempfile.TemporaryDirectory() as folder, _simulated(Path(folder) / "journal") as pool:
        names = ", ".join(host["name"] for host in pool["hosts"])
        told = f"A simulated XenServer 6.0.2 pool ({names}) runs {_SPEED} times as fast as the clock."
        console.print(told, highlight=False)
        os.environ["XENPATCH_PASSWORD"] = pool["password"]
        os.environ.setdefault("XENPATCH_POLL_SECONDS", "0.5")
        access = Access(pool["url"], None, pool["user"], None, None, legacy=False)
        shell = Shell(Path(pool["known_hosts"]), "root", pool["hosts"][0]["ssh_port"], None, None)
        options = PatchOptions(reboot_limit=600.0, backup_folder=_HOME / "backups")
        job = commands.Job((Path(pool["hotfix"]),), (Path(pool["manifest"]),), options)
        display.report(console, commands.patch(console, access, shell, job))
        console.print()
        display.status(console, commands.read_pool(access))
    console.print("The simulated pool is stopped.")


@contextmanager
def _simulated(journal: Path) -> Iterator[dict[str, Any]]:
    """A simulator in the background."""
    simulate = ("xenpatch", "simulate", "--speed", _SPEED, "--port", "0", "--journal", str(journal))
    with served(*simulate) as pool:
        yield pool


@contextmanager
def served(module: str, *arguments: str) -> Iterator[dict[str, Any]]:
    """A module that serves a simulated pool, in a process of its own until the end of the block.

    What it gives is the module's first line, which says where the pool is.
    """
    with subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-m", module, *arguments],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            line = process.stdout.readline() if process.stdout else ""
            if not line:
                raise SystemExit("The simulator did not start; what it said is above.")
            yield json.loads(line)
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(_CLOSING)
            except subprocess.TimeoutExpired:
                process.kill()


if __name__ == "__main__":
    sys.exit(main())
