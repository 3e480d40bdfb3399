"""Everything that a person can get wrong: exit code 2, a message of its own, nothing contacted."""

from pathlib import Path

import pytest

from simulator.hotfix import make_sample
from tests.cli.test_commands import xenpatch

CERTIFICATE = "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n"
NOBODY = "https://127.0.0.1:9"


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Paths that the cases below name."""
    folder = tmp_path_factory.mktemp("sample")
    made = make_sample(folder, "6.0.2")
    (folder / "text").write_text("no certificate\n")
    (folder / "damaged.pem").write_text(CERTIFICATE.format("AAAA"))
    (folder / "key.pem").write_text("-----BEGIN RSA PRIVATE KEY-----\n" + CERTIFICATE.format("AAAA"))
    (folder / "rules").write_text("- {call: host.reboot, do: {explode: true}}\n")
    (folder / "nowhere").write_text("- {call: host.explode, do: {drop: after}}\n")
    (folder / "mapping").write_text("call: host.reboot\n")
    (folder / "broken.yaml").write_text(made.manifest.read_text() + "colour: red\n")
    (folder / "empty").mkdir()
    (folder / "cut.zip").write_bytes(made.archive.read_bytes()[:-100])
    names = {path.name: str(path) for path in folder.iterdir()}
    return names | {"zip": str(made.archive), "yaml": str(made.manifest), "folder": str(folder)}


PATCH = ("patch", "--hotfix", "{zip}", "--manifest", "{yaml}")

TO = ("--pool", NOBODY)
FILE = ("patch", *TO, "--hotfix")

CASES = {
    "no pool": (PATCH, "give either --pool URL or --pool-block NAME"),
    "two pools": ((*PATCH, *TO, "--pool-block", "b"), "give either --pool URL or --pool-block NAME"),
    "unusable URL": ((*PATCH, "--pool", "ftp://x"), "is not of the form https://HOST"),
    "password in clear": ((*PATCH, "--pool", "http://xs1.example"), "would send the root password"),
    "unknown block": ((*PATCH, "--pool-block", "nowhere"), "no saved XenServerPool block named 'nowhere'"),
    "no hotfix": ((*FILE, "nowhere.zip"), "nowhere.zip does not exist"),
    "hotfix is a folder": (("hotfix", "check", "{folder}"), "is a directory"),
    "hotfix cut short": ((*FILE, "{cut.zip}", "--manifest", "{yaml}"), "damaged"),
    "unknown key in the manifest": ((*FILE, "{zip}", "--manifest", "{broken.yaml}"), "colour"),
    "no certificate file": ((*PATCH, *TO, "--certificate", "nowhere.pem"), "nowhere.pem cannot be read"),
    "certificate is no PEM": ((*PATCH, *TO, "--certificate", "{text}"), "is not PEM text"),
    "private key beside a certificate": ((*PATCH, *TO, "--certificate", "{key.pem}"), "holds a private key"),
    "damaged certificate": ((*PATCH, *TO, "--certificate", "{damaged.pem}"), "certificate 1 of those"),
    "damaged CA": (("status", *TO, "--ca", "{damaged.pem}"), "certificate 1 of those given is damaged"),
    "bad known_hosts": ((*PATCH, *TO, "--known-hosts", "{text}"), "line 1"),
    "no such option": ((*PATCH, *TO, "--force"), "No such option"),
    "too many moves": ((*PATCH, *TO, "--moves-per-host", "99"), "less than or equal to 8"),
    "no way to stop a VM": ((*PATCH, *TO, "--stop", "vm-1=gently"), "is not WHO=HOW"),
    "two ways to stop a VM": (
        (*PATCH, *TO, "--stop", "a=suspend", "--stop", "a=shutdown"), "says two things of 'a'",
    ),
    "no hotfix in the folder": (("patch", *TO, "--hotfix", "{empty}"), "holds no .zip or .xsupdate"),
    "no time": ((*PATCH, *TO, "--window-end", "soon"), "is neither HH:MM nor a date and time"),
    "a window that has closed": ((*PATCH, *TO, "--window-end", "2020-01-01"), "has passed"),
    "unknown mode": ((*PATCH, *TO, "--mode", "magic"), "'magic' is not one of"),
    "list without a pool": (("hotfix", "list"), "give either --pool URL or --pool-block NAME"),
    "unknown release": (("simulate", "--port", "0", "--release", "9.9"), "release 9.9 cannot be simulated"),
    "no dump": (("simulate", "--port", "0", "--dump", "nowhere.xml"), "nowhere.xml"),
    "dump is no database": (("simulate", "--port", "0", "--dump", "{text}"), "no pool can be simulated so"),
    "unknown fault": (("simulate", "--port", "0", "--faults", "{rules}"), "do must be one of"),
    "fault of no call": (("simulate", "--port", "0", "--faults", "{nowhere}"), "no call of this release"),
    "faults are no list": (("simulate", "--port", "0", "--faults", "{mapping}"), "are not a list of rules"),
    "check without a file": (("hotfix", "check"), "Missing argument"),
    "pin without a name": (("pin", NOBODY), "Missing option '--name'"),
    "pin under a name that no block can have": (("pin", NOBODY, "--name", "My Pool"), "named 'My Pool'"),
    "pin in clear": (("pin", "http://127.0.0.1", "--name", "lab"), "no certificate to pin; use https"),
    "pin with nobody to ask": (("pin", NOBODY, "--name", "lab"), "nobody can be asked whether"),
    "pin by MD5": (("pin", NOBODY, "--name", "lab", "--fingerprint", "d4:1d"), "'d4:1d' is no SHA-256"),
    "status without a pool": (("status",), "give either --pool URL or --pool-block NAME"),
}  # fmt: skip


@pytest.mark.usefixtures("prefect_server")
@pytest.mark.parametrize("case", CASES)
def test_bad_input_is_told_and_nothing_is_contacted(
    case: str, sample: dict[str, str], tmp_path: Path
) -> None:
    args, words = CASES[case]
    filled = [_fill(arg, sample) for arg in args]

    found = xenpatch(*filled, password="secret-of-the-pool", folder=tmp_path)

    said = " ".join(found.stderr.split())
    assert (found.returncode, found.stdout) == (2, "")
    assert words in said
    assert "Traceback" not in said
    assert "secret-of-the-pool" not in said


def test_without_a_terminal_a_missing_password_is_bad_input(sample: dict[str, str], tmp_path: Path) -> None:
    found = xenpatch(*(_fill(arg, sample) for arg in PATCH), "--pool", NOBODY, folder=tmp_path)

    assert found.returncode == 2
    assert "set XENPATCH_PASSWORD" in found.stderr


def _fill(arg: str, sample: dict[str, str]) -> str:
    return sample[arg[1:-1]] if arg.startswith("{") else arg
