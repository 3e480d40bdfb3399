"""No password and no session reference leaves the process: runs of every kind, told at the highest level."""

from __future__ import annotations

import io
import logging
import os
import pty
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import paramiko
import pytest
from prefect.settings import PREFECT_HOME
from pydantic import SecretStr

from blocks import Dom0SSH, XenServerPool
from flows.abandon_pool import abandon_pool
from flows.patch_pool import patch_pool
from flows.resume_pool import resume_pool
from simulator import FaultRule, Model, SimulatedPool, User
from simulator.call import Ref
from simulator.database import Change
from tests.flows import awkward
from tests.flows.test_remedies import CURED
from xenpatch.errors import LoginRefused, PoolError, SshError, XenpatchError

ROOT_PASSWORD, USER_PASSWORD, WLB_PASSWORD, WRONG_PASSWORD = (
    "p4ss-of-r00t",
    "p4ss-of-4nna",
    "p4ss-of-wlb",
    "n0-p4ss",
)
LOGGERS = (
    "paramiko",
    "xenpatch",
    "xenpatch.ssh.wire",
    "http.client",
    "urllib3",
    "ssl",
    "prefect",
    "simulator",
)
Run = Callable[[], object]


class Everything:
    """What was logged, raised, printed and written while a pool was patched."""

    def __init__(self, sim: SimulatedPool) -> None:
        self.sessions: set[Ref] = set()
        self.keys: list[str] = []
        self.told: dict[str, str] = {}
        self.files: list[Path] = []
        sim.db.watch(self._note)

    def _note(self, change: Change) -> None:
        if change.table == "session":
            self.sessions.add(change.ref)

    def fails(self, kind: type[BaseException], run: Run) -> None:
        """Run what must fail, and keep its traceback with all that the variables held."""
        with pytest.raises(kind) as failed:
            run()
        self.told[f"traceback {len(self.told)} of {kind.__name__}"] = with_locals(failed.value)

    def secrets(self) -> set[str]:
        """What must be nowhere."""
        passwords = {ROOT_PASSWORD, USER_PASSWORD, WLB_PASSWORD, WRONG_PASSWORD}
        return passwords | {*self.keys} | {ref.removeprefix("OpaqueRef:") for ref in self.sessions}

    def leaks(self) -> dict[str, set[str]]:
        """Where secrets are: the name of what holds them, and a few words around each."""
        texts = self.told | {
            str(file): file.read_bytes().decode("latin-1") for file in self.files if file.is_file()
        }
        found = {
            name: {
                text[max(0, at - 120) : at + 50]
                for secret in self.secrets()
                if (at := text.find(secret)) >= 0
            }
            for name, text in texts.items()
        }
        return {name: words for name, words in found.items() if words}


def with_locals(error: BaseException) -> str:
    return "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    """Everything that is logged at any level, tracebacks with the variables of each frame."""

    class WithLocals(logging.Formatter):
        def formatException(self, ei: object) -> str:  # noqa: N802 - the name of logging
            assert isinstance(ei, tuple)
            return with_locals(ei[1])

    text = io.StringIO()
    handler = logging.StreamHandler(text)
    handler.setFormatter(WithLocals("%(name)s %(message)s"))
    before = {name: logging.getLogger(name).level for name in ("", *LOGGERS)}
    for name in before:
        logging.getLogger(name).setLevel(logging.DEBUG)
        logging.getLogger(name).addHandler(handler)
    yield text
    for name, level in before.items():
        logging.getLogger(name).setLevel(level)
        logging.getLogger(name).removeHandler(handler)


@pytest.fixture
def sim(recording_server: Path, quick_looks: None, tmp_path: Path) -> Iterator[SimulatedPool]:
    """A pool with a CD in the way, a user beside root, and a WLB server with a password.

    Its seed is its own: in backups of other tests, a session's reference here would be that of any object.
    """
    del recording_server, quick_looks
    users = [User("anna", USER_PASSWORD, ("pool-admin",))]
    journal = tmp_path / "journal.jsonl"
    with SimulatedPool(
        Model(hosts=2, vms=3, seed=5), speed=600, password=ROOT_PASSWORD, users=users, journal=journal
    ) as pool:
        awkward.insert_local_cd(pool, "vm-web-1")
        secret = pool.db.create("secret", value=WLB_PASSWORD)
        pool.db.update("pool", pool.world.pool, wlb_password=secret, wlb_enabled=True, wlb_url="wlb")
        yield pool


def pool_of(sim: SimulatedPool, password: str = USER_PASSWORD) -> XenServerPool:
    return XenServerPool(addresses=[sim.url], user="anna", password=SecretStr(password))


def ssh_of(sim: SimulatedPool, password: str = ROOT_PASSWORD) -> Dom0SSH:
    secret = SecretStr(password)
    return Dom0SSH(known_hosts=sim.known_hosts.read_text(), password=secret, port=sim.hosts[0].ssh_port)


def breaks(sim: SimulatedPool, call: str, **do: object) -> None:
    sim.faults.add(FaultRule.from_dict({"call": call, "do": do, "times": 1}))


@pytest.mark.timeout(300)
def test_nothing_secret_is_logged_raised_stored_or_written(
    sim: SimulatedPool,
    recording_server: Path,
    logged: io.StringIO,
    capfd: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    seen = Everything(sim)
    options = CURED.model_copy(update={"backup_folder": tmp_path / "backups"})
    pool = pool_of(sim)
    pool.save("secrets", overwrite=True)

    def patch(pool: XenServerPool = pool, ssh: Dom0SSH | None = None) -> None:
        patch_pool(pool, (sim.hotfix,), (sim.manifest,), ssh or ssh_of(sim), options)

    seen.fails(LoginRefused, lambda: patch(pool_of(sim, WRONG_PASSWORD)))
    seen.fails(SshError, lambda: patch(ssh=ssh_of(sim, WRONG_PASSWORD)))
    key = io.StringIO()
    paramiko.RSAKey.generate(2048).write_private_key(key)
    seen.keys = key.getvalue().splitlines()[1:-1]
    with_key = Dom0SSH(
        known_hosts=sim.known_hosts.read_text(),
        private_key=SecretStr(key.getvalue()),
        port=sim.hosts[0].ssh_port,
    )
    seen.fails(SshError, lambda: patch(ssh=with_key))
    breaks(sim, "PUT /pool_patch_upload", error=["INTERNAL_ERROR", "no"])
    seen.fails(PoolError, patch)
    breaks(sim, "VM.pool_migrate", drop="after")
    breaks(sim, "host.reboot", error=["SESSION_INVALID", "OpaqueRef:no"])
    breaks(sim, "host.disable", error=["INTERNAL_ERROR", "no"])
    seen.fails(XenpatchError, patch)
    resume_pool(pool, ssh_of(sim))
    seen.fails(XenpatchError, lambda: abandon_pool(pool))

    seen.told |= {"log": logged.getvalue(), "printed": "".join(capfd.readouterr())}
    folders = (tmp_path, Path(os.environ["XDG_STATE_HOME"]), PREFECT_HOME.value(), recording_server.parent)
    seen.files = [file for folder in folders for file in folder.rglob("*")]
    assert len(seen.sessions) > 20
    leaks = seen.leaks()
    backups = {name for name in leaks if Path(name).parent.name == "backups"}
    assert {name: words for name, words in leaks.items() if name not in backups} == {}
    assert backups
    assert {words for name in backups for words in leaks[name] if WLB_PASSWORD not in words} == set()


def test_a_password_that_is_typed_is_neither_shown_nor_told_to_other_processes(sim: SimulatedPool) -> None:
    command = [sys.executable, "-m", "xenpatch", "status", "--pool", sim.url, "--user", "anna"]
    environment = {name: value for name, value in os.environ.items() if name != "XENPATCH_PASSWORD"}
    process, terminal = pty.fork()
    if process == 0:
        os.execve(command[0], command, environment)
    shown = b""
    while not shown.endswith(b"Password of anna on " + sim.url.encode() + b": "):
        shown += os.read(terminal, 1)
    os.write(terminal, USER_PASSWORD.encode() + b"\n")
    seen = b""
    while part := _read(terminal):
        seen += b"".join(Path(f"/proc/{process}/{name}").read_bytes() for name in ("cmdline", "environ"))
        shown += part
    _, status = os.waitpid(process, 0)

    assert (os.waitstatus_to_exitcode(status), b"Every VM is at home" in shown) == (0, True)
    assert USER_PASSWORD.encode() not in shown + seen
    assert b"status" in seen


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # as Linux says that the other side has closed it
        return b""


@pytest.mark.parametrize("password", [USER_PASSWORD, WRONG_PASSWORD])
def test_the_command_line_tells_no_password_even_when_it_debugs(sim: SimulatedPool, password: str) -> None:
    breaks(sim, "host.get_all_records", error=["INTERNAL_ERROR"])
    environment = os.environ | {"XENPATCH_PASSWORD": password, "PREFECT_LOGGING_LEVEL": "DEBUG"}
    told = subprocess.run(
        [sys.executable, "-m", "xenpatch", "--debug", "status", "--pool", sim.url, "--user", "anna"],
        env=environment,
        capture_output=True,
        check=False,
    )

    assert told.returncode == 1
    assert b"Traceback" in told.stderr
    assert password.encode() not in told.stdout + told.stderr
