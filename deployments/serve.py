"""`make server`: Prefect with everything that is needed to patch a simulated pool from its UI.

Starts a server, a worker and a simulated pool on the loopback network, deploys flows and automations, and
saves blocks for the pool. State is kept in the folder that is given, `.server` unless told otherwise.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import socket
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NoReturn

import typer

from deployments.parts import ROOT, Parts
from xenpatch.errors import InputError, XenpatchError
from xenpatch.waiting import NotYet, wait_for

SPEED: Final = "60"
WORK_POOL: Final = "xenpatch"

_PREFERRED_PORT: Final = 4200
_STARTUP: Final = 120.0  # seconds; a tenth of it is enough on a machine that has nothing else to do
_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_GUIDE: Final = """
Ready after {seconds:.0f} s. Everything listens on this machine alone; Ctrl-C ends all of it.

  Prefect      {url}/v2
  patch_pool   {url}/v2/deployments/deployment/{deployment}/run
  the pool     {hosts}: a simulated XenServer 6.0.2, {speed} times as fast as the clock
  state        {home}

Open the second address. The form is filled in: the pool, its SSH access, its sample hotfix. Click Submit,
then View run: host after host is emptied, rebooted and verified. The tab Artifacts holds findings, plan and
report.
"""


class _Told(BaseException):
    """A signal asks for the end."""


def main() -> int:
    """Serve until a signal, and return the exit code."""
    home = Path(sys.argv[1]).absolute() if sys.argv[1:] else ROOT / ".server"
    for number in _SIGNALS:
        signal.signal(number, _end)
    try:
        with _alone_in(home), Parts(home / "logs") as parts:
            try:
                _serve(home, parts)
            finally:
                _hear_nothing_more()
    except _Told:
        typer.echo("Everything is ended. `make server` starts it again, with its earlier runs.")
        return 0
    except XenpatchError as failed:
        typer.echo(f"{failed}\nEverything else that was started is ended, too.", err=True)
        return 2 if isinstance(failed, InputError) else 1


def _serve(home: Path, parts: Parts) -> NoReturn:
    began = time.monotonic()
    url = f"http://127.0.0.1:{_free_port()}"
    _set_up(home, url)
    parts.start("Prefect server", "prefect", "server", "start")
    simulate = ("xenpatch", "simulate", "--port", "0", "--speed", SPEED, "--folder", str(home / "pool"))
    pool = json.loads(parts.start("simulated pool", *simulate, ready=True).said())
    _await("the Prefect server", lambda: _answers(f"{url}/api/health"), parts)

    from deployments import prepare  # noqa: PLC0415 - Prefect reads the environment when it is imported

    prepare.crash_what_was_left()
    prepare.make_work_pool(WORK_POOL)
    worker = ("worker", "start", "--pool", WORK_POOL, "--type", "process", "--name", "local")
    parts.start("worker", "prefect", *worker)
    deploy = ("deploy", "--prefect-file", "deployments/prefect.yaml", "--all")
    parts.run("deployment", "prefect", "--no-prompt", *deploy)
    deployment = prepare.fill_in(prepare.save_blocks(pool), pool)
    _await("the worker", lambda: prepare.is_worked_on(WORK_POOL), parts)

    hosts = ", ".join(host["name"] for host in pool["hosts"])
    told = {"url": url, "deployment": deployment, "hosts": hosts, "speed": SPEED, "home": home}
    typer.echo(_GUIDE.format(seconds=time.monotonic() - began, **told))
    while True:
        time.sleep(0.5)
        parts.check()


def _set_up(home: Path, url: str) -> None:
    """Let this process and those that it starts know this server alone, whatever Prefect was told before."""
    for name in [name for name in os.environ if name.startswith("PREFECT_")]:
        del os.environ[name]
    os.environ |= {
        "DO_NOT_TRACK": "1",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
        "PREFECT_HOME": str(home / "prefect"),
        "PREFECT_API_URL": f"{url}/api",
        "PREFECT_SERVER_API_HOST": "127.0.0.1",
        "PREFECT_SERVER_API_PORT": url.rpartition(":")[2],
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
        "PREFECT_WORKER_QUERY_SECONDS": "2",
        "XENPATCH_HOME": str(ROOT),
        "XDG_STATE_HOME": str(home / "state"),
    }
    os.environ.pop("XENPATCH_PASSWORD", None)
    os.environ.setdefault("XENPATCH_POLL_SECONDS", "0.5")


def _hear_nothing_more() -> None:
    """Nobody who asks again shortens the end, since nothing must be left."""
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def _end(*_: object) -> NoReturn:
    """Begin the end."""
    _hear_nothing_more()
    typer.echo("\nEnding the worker with its runs, the simulated pool and the server ...")
    raise _Told


@contextmanager
def _alone_in(home: Path) -> Iterator[None]:
    """Two servers on one database would do each other harm. Raises InputError."""
    home.mkdir(parents=True, exist_ok=True)
    with (home / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(
                f"another `make server` is at work in {home}. Nothing was started; end that one first."
            ) from None
        yield


def _free_port() -> int:
    """Prefect's own port, or another one if somebody has it."""
    for port in (_PREFERRED_PORT, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                typer.echo(f"Port {port} is taken, perhaps by another Prefect server: another one is used.")
                continue
            return int(probe.getsockname()[1])
    raise InputError("there is no free port on 127.0.0.1. Nothing was started.")


def _await(what: str, look: Callable[[], bool], parts: Parts) -> None:
    """Wait until it is there; raise PartEnded when a part ends meanwhile, WaitTimeout in the end."""

    def seen() -> bool | NotYet:
        parts.check()
        return look() or NotYet("it is not there yet")

    wait_for(what, seen, _STARTUP, tell=False, of_the_pool=False)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as reply:  # noqa: S310 - our own address
            return bool(reply.status == 200)
    except (urllib.error.URLError, TimeoutError, ConnectionError):
        return False


if __name__ == "__main__":
    sys.exit(main())
