"""Questions to control domains over SSH, asked of hosts that speak what XenServer 6.x speaks."""

import base64
import hashlib
import io
import logging
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import paramiko
import pytest
from pydantic import SecretStr

from simulator import dom0 as control_domain
from simulator.dom0 import Answer
from simulator.ssh import Dom0Server, known_hosts_line
from xenpatch.errors import InputError, SshError, Unreachable, Untrusted
from xenpatch.ssh import Dom0, Dom0Access
from xenpatch.ssh_transport import scan_keys

ADDRESS = "127.0.0.1"
PROGRAMS = cast("dict[str, object]", control_domain._PROGRAMS)
PASSWORD = "correct horse"
BOOT_ID = "0f6d0b2c-7f0b-4a38-9d3e-2f1f6f0c9b11"
XEN = "xen-4.1.1-24.x86_64"


@dataclass
class ControlDomain:
    packages: Sequence[str] = (XEN, "kernel-1-1.i386", "kernel-2-1.i386")
    boot_id: str = BOOT_ID
    free_kib: int = 2_000_000
    hostname: str = "xs1"


@dataclass
class Host:
    server: Dom0Server
    key: paramiko.RSAKey
    dom0: ControlDomain
    passwords: list[str] = field(default_factory=list)

    @property
    def known(self) -> str:
        return known_hosts_line(ADDRESS, self.server.port, self.key)

    def access(
        self,
        password: str | None = PASSWORD,
        private_key: str | None = None,
        known_hosts: str | None = None,
    ) -> Dom0Access:
        known = self.known if known_hosts is None else known_hosts
        return Dom0Access("root", secret(password), secret(private_key), known, self.server.port)


def secret(text: str | None) -> SecretStr | None:
    return SecretStr(text) if text is not None else None


@pytest.fixture(scope="module")
def host_key() -> paramiko.RSAKey:
    return paramiko.RSAKey.generate(2048)


@pytest.fixture(scope="module")
def other_key() -> paramiko.RSAKey:
    return paramiko.RSAKey.generate(2048)


@pytest.fixture
def host(host_key: paramiko.RSAKey, other_key: paramiko.RSAKey) -> Iterator[Host]:
    passwords: list[str] = []
    dom0 = ControlDomain()

    def check(password: str) -> bool:
        passwords.append(password)
        return password == PASSWORD

    server = Dom0Server(
        ADDRESS, 0, key=host_key, check_password=check, dom0=dom0, authorized_keys=[other_key]
    )
    server.open()
    yield Host(server, host_key, dom0, passwords)
    server.close()


def as_text(key: paramiko.PKey, passphrase: str | None = None) -> str:
    text = io.StringIO()
    key.write_private_key(text, passphrase)
    return text.getvalue()


def sha256_of(key: paramiko.PKey) -> str:
    return "SHA256:" + base64.b64encode(hashlib.sha256(key.asbytes()).digest()).decode().rstrip("=")


def md5_of(key: paramiko.PKey) -> str:
    return hashlib.md5(key.asbytes(), usedforsecurity=False).hexdigest()


def hang_up(listener: socket.socket) -> None:
    listener.accept()[0].close()


def test_a_host_of_2007_tells_boot_id_free_space_and_packages(host: Host) -> None:
    with host.access().connect(ADDRESS) as dom0:
        assert dom0.boot_id() == BOOT_ID
        assert dom0.free_bytes("/") == 2_000_000 * 1024
        assert dom0.packages(["xen", "kernel", "vncterm"]) == {
            "xen": (XEN,),
            "kernel": ("kernel-1-1.i386", "kernel-2-1.i386"),
            "vncterm": (),
        }


def test_no_packages_asked_for_means_no_question(host: Host) -> None:
    with host.access().connect(ADDRESS) as dom0:
        host.server.close()

        assert dom0.packages([]) == {}


def test_an_unknown_host_is_refused_before_the_password_is_sent(host: Host) -> None:
    with pytest.raises(Untrusted) as refused, host.access(known_hosts="").connect(ADDRESS):
        pass

    assert f"no SSH host key of [127.0.0.1]:{host.server.port} is on record" in str(refused.value)
    assert sha256_of(host.key) in str(refused.value)
    assert "No password was sent" in str(refused.value)
    assert host.passwords == []


def test_a_changed_host_key_is_refused_before_the_password_is_sent(
    host: Host, other_key: paramiko.RSAKey
) -> None:
    recorded = known_hosts_line(ADDRESS, host.server.port, other_key)

    with pytest.raises(Untrusted) as refused, host.access(known_hosts=recorded).connect(ADDRESS):
        pass

    expected, _, offered = str(refused.value).partition("it offers")
    assert sha256_of(other_key) in expected
    assert sha256_of(host.key) in offered
    assert md5_of(other_key) in expected.replace(":", "")
    assert md5_of(host.key) in offered.replace(":", "")
    assert host.passwords == []


def test_a_key_on_record_for_another_port_does_not_count(host: Host) -> None:
    elsewhere = known_hosts_line(ADDRESS, 22, host.key)

    with pytest.raises(Untrusted), host.access(known_hosts=elsewhere).connect(ADDRESS):
        pass


def test_one_of_several_keys_on_record_is_enough(host: Host, other_key: paramiko.RSAKey) -> None:
    both = known_hosts_line(ADDRESS, host.server.port, other_key) + "\n# moved\n\n" + host.known

    with host.access(known_hosts=both).connect(ADDRESS) as dom0:
        assert dom0.boot_id() == BOOT_ID


def test_hashed_names_and_further_names_are_understood(host: Host) -> None:
    name, kind, key = host.known.split()
    hashed = paramiko.HostKeys.hash_host(name)

    for names in (hashed, f"xs1.example,{name}"):
        with host.access(known_hosts=f"{names} {kind} {key} a comment").connect(ADDRESS) as dom0:
            assert dom0.boot_id() == BOOT_ID


def test_the_kind_of_key_on_record_is_asked_for_from_a_host_with_several(host_key: paramiko.RSAKey) -> None:
    listener = socket.create_server((ADDRESS, 0))
    port = listener.getsockname()[1]

    def serve() -> None:
        connection = paramiko.Transport(listener.accept()[0])
        connection.add_server_key(paramiko.ECDSAKey.generate())
        connection.add_server_key(host_key)
        connection.start_server(threading.Event(), paramiko.ServerInterface())

    threading.Thread(target=serve).start()
    access = Dom0Access(
        password=SecretStr(PASSWORD), known_hosts=known_hosts_line(ADDRESS, port, host_key), port=port
    )

    with pytest.raises(SshError, match="refused the password"), access.connect(ADDRESS):
        pass
    listener.close()


def test_a_scan_finds_a_key_of_each_kind_and_logs_in_nowhere(host_key: paramiko.RSAKey) -> None:
    other = paramiko.ECDSAKey.generate()
    listener = socket.create_server((ADDRESS, 0))
    logins: list[bool] = []

    def serve() -> None:
        while True:
            try:
                connection = paramiko.Transport(listener.accept()[0])
            except OSError:
                return
            connection.set_log_channel("tests.ssh.scanned")
            connection.add_server_key(other)
            connection.add_server_key(host_key)
            with suppress(paramiko.SSHException, EOFError):
                connection.start_server(server=paramiko.ServerInterface())
                logins.append(connection.is_authenticated())

    serving = threading.Thread(target=serve)
    serving.start()

    found = scan_keys(ADDRESS, listener.getsockname()[1])

    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    serving.join(30)
    assert {key.get_name(): key for key in found} == {"ecdsa-sha2-nistp256": other, "ssh-rsa": host_key}
    assert not any(logins)


def test_a_wrong_password_is_told_without_showing_it(host: Host) -> None:
    with pytest.raises(SshError) as refused, host.access(password="a wrong one").connect(ADDRESS):
        pass

    assert "127.0.0.1 refused the password of user root" in str(refused.value)
    assert "a wrong one" not in str(refused.value)


def test_a_private_key_goes_before_the_password(host: Host, other_key: paramiko.RSAKey) -> None:
    with host.access(private_key=as_text(other_key)).connect(ADDRESS) as dom0:
        assert dom0.boot_id() == BOOT_ID

    assert host.passwords == []


def test_a_private_key_that_the_host_does_not_know_is_refused(host: Host) -> None:
    access = host.access(private_key=as_text(host.key))

    with pytest.raises(SshError, match="refused the private key of user root"), access.connect(ADDRESS):
        pass


def test_a_host_that_is_down_is_unreachable() -> None:
    with socket.create_server((ADDRESS, 0)) as listener:
        port = listener.getsockname()[1]
    access = Dom0Access(password=SecretStr(PASSWORD), port=port)

    with pytest.raises(Unreachable, match=rf"127\.0\.0\.1, port {port}"), access.connect(ADDRESS):
        pass


def test_what_is_no_ssh_server_is_unreachable() -> None:
    with socket.create_server((ADDRESS, 0)) as listener:
        thread = threading.Thread(target=hang_up, args=(listener,))
        thread.start()
        access = Dom0Access(password=SecretStr(PASSWORD), port=listener.getsockname()[1])

        with pytest.raises(Unreachable, match="does not answer as an SSH server"), access.connect(ADDRESS):
            pass
        thread.join()


def test_failed_connections_leave_no_traceback_in_the_log(
    host: Host, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(SshError), host.access(password="a wrong one").connect(ADDRESS):
        pass
    test_what_is_no_ssh_server_is_unreachable()

    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_a_connection_that_breaks_is_told_with_the_question(host: Host) -> None:
    with host.access().connect(ADDRESS) as dom0:
        host.server.close()

        with pytest.raises(SshError, match="broke off at `cat /proc/sys/kernel/random/boot_id`"):
            dom0.boot_id()


def test_a_command_that_never_ends_is_given_up(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    given_up = threading.Event()
    monkeypatch.setattr(ControlDomain, "boot_id", property(lambda _: given_up.wait() and BOOT_ID))
    with host.access().connect(ADDRESS) as connected:
        impatient = Dom0(ADDRESS, connected._transport, timeout=0.2)

        with pytest.raises(SshError, match=r"did not answer `cat .*` in 0 s"):
            impatient.boot_id()
        given_up.set()


def test_an_endless_answer_is_cut_off(host: Host) -> None:
    host.dom0.boot_id = "x" * 300_000

    with host.access().connect(ADDRESS) as dom0, pytest.raises(SshError, match="more than 262144 bytes"):
        dom0.boot_id()


@pytest.mark.parametrize("boot_id", ["", "no uuid", BOOT_ID + "\nand more"])
def test_a_boot_id_that_is_none_is_refused(host: Host, boot_id: str) -> None:
    host.dom0.boot_id = boot_id

    with host.access().connect(ADDRESS) as dom0, pytest.raises(SshError, match=r"127\.0\.0\.1"):
        dom0.boot_id()


def test_a_command_that_fails_is_told_with_its_exit_code_and_words(host: Host) -> None:
    with host.access().connect(ADDRESS) as dom0, pytest.raises(SshError) as failed:
        dom0.free_bytes("/a folder; reboot")

    assert "`df -P -k '/a folder; reboot'` (exit code 127)" in str(failed.value)
    assert "command refused" in str(failed.value)


def test_packages_that_answer_for_others_are_not_understood(host: Host) -> None:
    with host.access().connect(ADDRESS) as dom0, pytest.raises(SshError, match="no usable answer"):
        dom0.packages(["xen-4.1.1"])


@pytest.mark.parametrize(
    "answer",
    [
        Answer("package xen is not installed\n", "error: cannot open Packages index\n", 1),
        Answer("package xen is not installed\n", status=0),
        Answer("xen 4.1.1-24 x86_64\n", status=1),
        Answer(""),
    ],
)
def test_what_rpm_says_of_itself_must_agree(
    host: Host, answer: Answer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(PROGRAMS, "rpm", lambda _words, _dom0: answer)

    with host.access().connect(ADDRESS) as dom0, pytest.raises(SshError, match="no usable answer to `rpm"):
        dom0.packages(["xen"])


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (f"Filesystem\n/dev/sda1 1 1 {'9' * 5000} 1% /\n", "no usable answer to `df"),
        ("x" * 300_000, "more than 262144 bytes of output"),
    ],
)
def test_numbers_and_outputs_of_absurd_size_are_refused(
    host: Host, monkeypatch: pytest.MonkeyPatch, said: str, words: str
) -> None:
    monkeypatch.setitem(PROGRAMS, "df", lambda _words, _dom0: Answer(said))

    with host.access().connect(ADDRESS) as dom0, pytest.raises(SshError, match=words):
        dom0.free_bytes("/")


def test_warnings_of_rpm_do_not_matter(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    said = Answer("xen 4.1.1-24 x86_64\n", "warning: waiting for transaction lock\n")
    monkeypatch.setitem(PROGRAMS, "rpm", lambda _words, _dom0: said)

    with host.access().connect(ADDRESS) as dom0:
        assert dom0.packages(["xen"]) == {"xen": (XEN,)}


@pytest.mark.parametrize("name", ["", "-a", "xen;reboot", "xen $(reboot)", "../xen", "xen\n"])
def test_what_is_no_name_of_a_package_is_not_sent(host: Host, name: str) -> None:
    with host.access().connect(ADDRESS) as dom0, pytest.raises(InputError, match="no names of packages"):
        dom0.packages(["xen", name])


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("xs1", "line 2 .* `host kind key`"),
        ("xs1 ssh-rsa", "line 2 .* `host kind key`"),
        ("xs1 ssh-rsa AAAA!", "line 2 .* cannot be read"),
        ("xs1 ssh-rsa AAAAB3NzaC1yc2E=", "line 2 .* cannot be read"),
        ("@revoked xs1 ssh-rsa AAAA", "line 2 .* marker or a pattern"),
        ("10.0.0.* ssh-rsa AAAA", "line 2 .* marker or a pattern"),
    ],
)
def test_known_hosts_that_cannot_be_read_are_refused_before_any_contact(line: str, told: str) -> None:
    with pytest.raises(InputError, match=told):
        Dom0Access(password=SecretStr(PASSWORD), known_hosts=f"# hosts\n{line}\n")


def test_a_kind_of_key_that_is_no_longer_spoken_counts_as_not_on_record(host: Host) -> None:
    name, _, key = host.known.split()

    with pytest.raises(Untrusted), host.access(known_hosts=f"{name} ssh-dss {key}").connect(ADDRESS):
        pass


@pytest.mark.parametrize("kind", ["RSA", "ECDSA"])
def test_keys_locked_with_a_passphrase_are_refused_before_any_contact(
    host_key: paramiko.RSAKey, kind: str
) -> None:
    key = host_key if kind == "RSA" else paramiko.ECDSAKey.generate()

    with pytest.raises(InputError, match="locked with a passphrase"):
        Dom0Access(private_key=SecretStr(as_text(key, "passphrase")))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ssh-rsa AAAA root@xs1",
        "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n",
    ],
)
def test_what_is_no_private_key_is_refused_before_any_contact(text: str) -> None:
    with pytest.raises(InputError, match="the SSH private key cannot be read"):
        Dom0Access(private_key=SecretStr(text))


def test_ssh_without_password_and_key_is_refused_before_any_contact() -> None:
    with pytest.raises(InputError, match="needs a password or a private key"):
        Dom0Access()


@pytest.mark.parametrize("folder", ["id_rsa", "id_ed25519"])
def test_keys_in_the_users_own_folder_are_not_tried(
    host: Host, other_key: paramiko.RSAKey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh" / folder).write_text(as_text(other_key))
    monkeypatch.setenv("HOME", str(tmp_path))

    with pytest.raises(SshError), host.access(password="a wrong one").connect(ADDRESS):
        pass
