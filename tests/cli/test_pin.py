"""What a pool's hosts show is compared before anybody logs in, then saved in blocks."""

import io
import os
import pty
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from prefect.settings import PREFECT_API_URL
from pydantic import SecretStr
from rich.console import Console

from blocks import Dom0SSH, XenServerPool, held
from simulator import Model, SimulatedPool
from simulator.call import Ref
from simulator.listener import HttpListener
from simulator.pool import PORTS
from simulator.tls import Certificates, make_certificates, modern_context
from tests.cli.test_commands import xenpatch
from tests.simulated import Simulated
from xenpatch import display
from xenpatch.acquaintance import Wanted, get_to_know
from xenpatch.errors import Unreachable, Untrusted
from xenpatch.host_keys import HostKeys
from xenpatch.identity import Identity
from xenpatch.pin import Blocks, by_fingerprints, show
from xenpatch.xapi.tls import certificates, fingerprint

pytestmark = pytest.mark.usefixtures("prefect_server")
NAMES = ("xs1", "xs2")


@pytest.fixture
def sim(simulated: Simulated) -> SimulatedPool:
    return simulated(Model(hosts=2, vms=0))


@pytest.fixture(autouse=True)
def password(monkeypatch: pytest.MonkeyPatch, sim: SimulatedPool) -> Iterator[str]:
    monkeypatch.setenv(held.VARIABLE, sim.password)
    yield sim.password
    held.remember(None)


def wanted(sim: SimulatedPool, url: str) -> Wanted:
    return Wanted((url,), "root", legacy=False, ssh_port=sim.hosts[0].ssh_port)


def to(sim: SimulatedPool, url: str, name: str, *more: str) -> tuple[str, ...]:
    return ("pin", url, "--name", name, "--ssh-port", str(sim.hosts[0].ssh_port), *more)


def fingerprints(sim: SimulatedPool) -> list[str]:
    """Those of both certificates, then the SSH keys of both hosts."""
    shown = [fingerprint(der) for der in certificates(sim.certificate.read_text())]
    return shown + [entry.key.fingerprint for entry in HostKeys.parse(sim.known_hosts.read_text()).entries]


def given(fingerprints: list[str]) -> list[str]:
    return [part for each in fingerprints for part in ("--fingerprint", each)]


def logins(sim: SimulatedPool, *hosts: str) -> int:
    """How many were tried on these hosts, or on any."""
    calls = (line for line in sim.journal.lines if line.get("call") == "session.login_with_password")
    return sum(not hosts or line["host"] in hosts for line in calls)


def give(sim: SimulatedPool, host: Ref, own: Certificates) -> None:
    """Give a host a certificate of its own, for TLS of today; those of a simulated pool have one for all."""
    listener = sim.world.hosts[host].listeners[PORTS.index("tls")]
    assert isinstance(listener, HttpListener)
    listener._tls = modern_context(own)


def at_a_terminal(args: tuple[str, ...], answers: str) -> tuple[int, str]:
    """The exit code and all that a person reads, who types these answers."""
    master, slave = pty.openpty()
    surroundings = os.environ | {"COLUMNS": "200", "PREFECT_API_URL": str(PREFECT_API_URL.value())}
    os.write(master, answers.encode())
    with subprocess.Popen(
        [sys.executable, "-m", "xenpatch", *args],
        env=surroundings,
        stdin=slave,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        said, _ = process.communicate(timeout=100)
    os.close(slave)
    os.close(master)
    return process.returncode, said


def test_a_person_compares_host_after_host_and_both_blocks_work(sim: SimulatedPool, password: str) -> None:
    code, said = at_a_terminal(to(sim, sim.legacy_tls_url, "lab", "--legacy"), "y\nyes\n")

    assert code == 0, said
    legacy, first, second = fingerprints(sim)[1:]
    assert said.count(f"SHA256 Fingerprint={legacy}") == 2
    assert said.index(first) < said.index("[y/N]") < said.index(second)
    assert "xs2 (127.0.0.2)" in said
    assert "openssl x509 -in /etc/xensource/xapi-ssl.pem -noout -fingerprint -sha256" in said
    assert password not in said
    pool, ssh = XenServerPool.load("lab"), Dom0SSH.load("lab")
    assert isinstance(pool, XenServerPool)
    assert isinstance(ssh, Dom0SSH)
    assert (pool.addresses, pool.legacy, pool.password) == (
        [sim.legacy_tls_url, sim.legacy_tls_url.replace("127.0.0.1", "127.0.0.2")], True, None,
    )  # fmt: skip
    assert "xs1: 127.0.0.1, master" in pool.ping()
    assert all(f"{name}: 127.0.0." in ssh.ping(pool) for name in NAMES)


def test_fingerprints_are_shown_letter_by_letter() -> None:
    with_cd = next(bytes([i]) for i in range(256) if ":CD:" in fingerprint(bytes([i])))
    shown = Identity("xs1", "https://127.0.0.1:443", with_cd, ())
    out, err = io.StringIO(), io.StringIO()

    show(Console(file=out), [shown])
    display.error(Console(file=err), "Failed:", shown.lines()[0])

    assert fingerprint(with_cd) in out.getvalue()
    assert fingerprint(with_cd) in err.getvalue()


def test_before_a_yes_nobody_logs_in_and_nothing_is_saved(sim: SimulatedPool) -> None:
    code, said = at_a_terminal(to(sim, sim.tls_url, "refused"), "n\n")

    assert code == 3
    assert "not confirmed. Nothing was saved, and no password was sent there." in " ".join(said.split())
    assert logins(sim) == 0
    with pytest.raises(ValueError, match="Unable to find block document"):
        XenServerPool.load("refused")


def test_fingerprints_that_are_given_answer_for_a_person(sim: SimulatedPool, password: str) -> None:
    args = to(sim, sim.tls_url, "given", "--save-password", *given(fingerprints(sim)))

    found = xenpatch(*args, password=password)

    assert found.returncode == 0, found.stderr
    assert "Saved the XenServer Pool block 'given'." in found.stdout
    pool = XenServerPool.load("given")
    assert isinstance(pool, XenServerPool)
    assert pool.password is not None
    assert pool.password.get_secret_value() == password


def test_a_host_that_shows_something_else_ends_the_command_with_words(
    sim: SimulatedPool, password: str
) -> None:
    certificate, *others = fingerprints(sim)

    found = xenpatch(*to(sim, sim.tls_url, "other", *given(others)), password=password)

    assert (found.returncode, found.stdout) == (1, "")
    assert "shows a certificate that is not among the fingerprints given. Nothing was saved" in found.stderr
    assert certificate in found.stderr
    assert logins(sim) == 0


def test_pinning_again_changes_what_was_pinned_and_keeps_the_rest(sim: SimulatedPool) -> None:
    XenServerPool(addresses=["https://old"], password=SecretStr("kept")).save("again")
    known, _ = get_to_know(wanted(sim, sim.tls_url), by_fingerprints(fingerprints(sim)))

    said = Blocks.find("again").save(known, with_password=False)

    assert said == (
        "Changed the XenServer Pool block 'again'.",
        "Saved the XenServer Dom0 SSH block 'again'.",
    )
    pool = XenServerPool.load("again")
    assert isinstance(pool, XenServerPool)
    assert pool.addresses[0] == sim.tls_url
    assert pool.password == SecretStr("kept")


def test_a_password_does_not_stay_for_another_user(sim: SimulatedPool) -> None:
    XenServerPool(addresses=["https://old"], user="anna", password=SecretStr("of anna")).save("moved")
    known, _ = get_to_know(wanted(sim, sim.tls_url), by_fingerprints(fingerprints(sim)))

    Blocks.find("moved").save(known, with_password=False)

    pool = XenServerPool.load("moved")
    assert isinstance(pool, XenServerPool)
    assert (pool.user, pool.password) == ("root", None)


def test_a_member_that_is_not_the_master_leads_to_it_and_nobody_logs_in_there_before_a_yes(
    sim: SimulatedPool, tmp_path: Path
) -> None:
    other = make_certificates(tmp_path, ["127.0.0.1"])
    give(sim, sim.world.master, other)
    asked: list[tuple[str, str, int]] = []

    def confirm(shown: Sequence[Identity]) -> Sequence[Identity]:
        (host,) = shown
        asked.append((host.address, fingerprint(host.certificate), logins(sim, "xs1")))
        return shown

    known, _ = get_to_know(wanted(sim, sim.tls_url.replace("127.0.0.1", "127.0.0.2")), confirm)

    (own,) = certificates(other.modern_cert.read_text())
    assert asked == [("127.0.0.2", fingerprints(sim)[0], 0), ("127.0.0.1", fingerprint(own), 0)]
    assert [host.name for host in known.hosts.values()] == ["xs1", "xs2"]
    assert len(certificates(known.certificates())) == 2


@pytest.mark.parametrize(("missing", "what"), [(0, "certificate"), (2, "SSH host key"), (3, "SSH host key")])
def test_a_fingerprint_that_was_not_given_is_named(sim: SimulatedPool, missing: int, what: str) -> None:
    compared = fingerprints(sim)
    wrong = compared.pop(missing)

    with pytest.raises(Untrusted, match=f"shows a {what} that is not among") as refused:
        get_to_know(wanted(sim, sim.tls_url), by_fingerprints(compared))

    assert wrong in str(refused.value)


def test_without_ssh_the_certificates_alone_are_pinned(sim: SimulatedPool) -> None:
    printed = f"sha256 Fingerprint={fingerprints(sim)[0].lower()}"

    known, _ = get_to_know(
        Wanted((sim.tls_url,), "root", legacy=False, ssh_port=None), by_fingerprints([printed])
    )

    assert Blocks.find("tls-only").save(known, with_password=False) == (
        "Saved the XenServer Pool block 'tls-only'.",
    )


def test_a_host_that_cannot_be_reached_is_named_with_what_could_be_wrong(sim: SimulatedPool) -> None:
    trusted = by_fingerprints(fingerprints(sim))

    with pytest.raises(Unreachable, match=r"127\.0\.0\.1:9 cannot be reached"):
        get_to_know(wanted(sim, "https://127.0.0.1:9"), trusted)
    with pytest.raises(Unreachable, match="allow it with the legacy setting"):
        get_to_know(Wanted((sim.legacy_tls_url,), "root", legacy=False, ssh_port=None), trusted)
    with pytest.raises(Unreachable, match=r"no SSH connection to 127\.0\.0\.1, port 9"):
        get_to_know(Wanted((sim.tls_url,), "root", legacy=False, ssh_port=9), trusted)
