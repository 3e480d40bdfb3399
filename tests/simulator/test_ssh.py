"""SSH to a simulated control domain, proved with a client; and what its commands answer."""

import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import paramiko
import pytest

from simulator import dom0, ssh
from simulator.ssh import Dom0Server

PASSWORD = "xenroot"
MODERN_ONLY = {
    "kex": [
        "diffie-hellman-group-exchange-sha1",
        "diffie-hellman-group14-sha1",
        "diffie-hellman-group1-sha1",
    ],
    "keys": ["ssh-rsa"],
}


@dataclass
class Host:
    packages: list[str] = field(
        default_factory=lambda: ["openssl-0.9.8e-22.el5_8.3.i386", "xen-hypervisor-4.1.2-3.i686"]
    )
    boot_id: str = "6f2b2f0e-6d4e-4dc4-9c11-5f7f7b0a2f11"
    free_kib: int = 1818736
    hostname: str = "xs1"


@pytest.fixture
def host() -> Host:
    return Host()


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> paramiko.RSAKey:
    return ssh.host_key(tmp_path_factory.mktemp("keys"), "xs1")


@pytest.fixture
def server(key: paramiko.RSAKey, host: Host) -> Iterator[Dom0Server]:
    server = Dom0Server("127.0.0.2", 0, key=key, check_password=PASSWORD.__eq__, dom0=host)
    server.open()
    yield server
    server.close()


@pytest.fixture
def client(server: Dom0Server, key: paramiko.RSAKey, tmp_path: Path) -> Iterator[paramiko.SSHClient]:
    known_hosts = tmp_path / "known_hosts"
    known_hosts.write_text(ssh.known_hosts_line(server.address, server.port, key) + "\n")
    with paramiko.SSHClient() as client:
        client.load_host_keys(str(known_hosts))
        yield client


def log_in(
    client: paramiko.SSHClient, server: Dom0Server, password: str = PASSWORD, user: str = "root"
) -> None:
    client.connect(
        server.address, server.port, user, password, timeout=10, allow_agent=False, look_for_keys=False
    )


def execute(client: paramiko.SSHClient, command: str) -> tuple[str, str, int]:
    _, stdout, stderr = client.exec_command(command, timeout=10)
    return stdout.read().decode(), stderr.read().decode(), stdout.channel.recv_exit_status()


def test_a_client_that_knows_the_host_key_runs_a_command(
    client: paramiko.SSHClient, server: Dom0Server
) -> None:
    log_in(client, server)
    assert execute(client, "hostname") == ("xs1\n", "", 0)
    assert execute(client, "rpm -q openssl xen") == (
        "openssl-0.9.8e-22.el5_8.3\npackage xen is not installed\n",
        "",
        1,
    )


def test_many_commands_in_a_row_are_all_answered(client: paramiko.SSHClient, server: Dom0Server) -> None:
    log_in(client, server)
    assert {execute(client, "hostname") for _ in range(20)} == {("xs1\n", "", 0)}


def test_the_server_is_an_openssh_4_3(client: paramiko.SSHClient, server: Dom0Server) -> None:
    log_in(client, server)
    transport = client.get_transport()
    assert transport is not None
    assert transport.remote_version == "SSH-2.0-OpenSSH_4.3"
    assert transport.host_key_type == "ssh-rsa"


@pytest.mark.parametrize("kind", ["kex", "keys"])
def test_a_client_with_modern_algorithms_only_cannot_connect(server: Dom0Server, kind: str) -> None:
    with socket.create_connection((server.address, server.port)) as connection:
        transport = paramiko.Transport(connection, disabled_algorithms={kind: MODERN_ONLY[kind]})
        with pytest.raises(paramiko.SSHException, match="Incompatible ssh"):
            transport.start_client(timeout=10)
        transport.close()


@pytest.mark.parametrize(
    "algorithm",
    ["diffie-hellman-group-exchange-sha1", "diffie-hellman-group14-sha1", "diffie-hellman-group1-sha1"],
)
def test_every_key_exchange_of_openssh_4_3_works(server: Dom0Server, algorithm: str) -> None:
    with socket.create_connection((server.address, server.port)) as connection:
        transport = paramiko.Transport(connection)
        transport.get_security_options().kex = (algorithm,)
        transport.connect(username="root", password=PASSWORD)
        assert transport.is_authenticated()
        transport.close()


@pytest.mark.parametrize(("user", "password"), [("root", "wrong"), ("root", ""), ("admin", PASSWORD)])
def test_only_root_with_its_password_may_log_in(
    client: paramiko.SSHClient, server: Dom0Server, user: str, password: str
) -> None:
    with pytest.raises(paramiko.AuthenticationException):
        log_in(client, server, password, user)


def test_a_client_that_knows_another_host_key_does_not_send_its_password(
    server: Dom0Server, tmp_path: Path
) -> None:
    with paramiko.SSHClient() as client:
        other = ssh.host_key(tmp_path, "other")
        client.get_host_keys().add(f"[{server.address}]:{server.port}", "ssh-rsa", other)
        with pytest.raises(paramiko.BadHostKeyException):
            log_in(client, server)


@pytest.mark.parametrize("algorithm", ["ssh-rsa", "rsa-sha2-256"])
def test_an_authorized_key_may_log_in_with_the_signature_of_its_time(
    key: paramiko.RSAKey, host: Host, tmp_path: Path, algorithm: str
) -> None:
    own = ssh.host_key(tmp_path, "admin")
    server = Dom0Server(
        "127.0.0.2", 0, key=key, check_password=lambda _: False, dom0=host, authorized_keys=[own]
    )
    server.open()
    others = {"rsa-sha2-512", "rsa-sha2-256", "ssh-rsa"} - {algorithm}
    with socket.create_connection((server.address, server.port)) as connection:
        transport = paramiko.Transport(connection, disabled_algorithms={"pubkeys": list(others)})
        transport.start_client(timeout=10)
        if algorithm == "ssh-rsa":
            transport.auth_publickey("root", own)
        else:
            with pytest.raises(paramiko.SSHException):
                transport.auth_publickey("root", own)
        assert transport.is_authenticated() == (algorithm == "ssh-rsa")
        transport.close()
    server.close()


def test_shells_sftp_and_forwarding_are_refused(client: paramiko.SSHClient, server: Dom0Server) -> None:
    log_in(client, server)
    transport = client.get_transport()
    assert transport is not None
    with pytest.raises(paramiko.SSHException):
        client.invoke_shell()
    with pytest.raises(paramiko.SSHException):
        client.open_sftp()
    with pytest.raises(paramiko.ChannelException):
        transport.open_channel("direct-tcpip", ("127.0.0.1", 80), ("127.0.0.1", 1))
    with pytest.raises(paramiko.SSHException):
        transport.request_port_forward("127.0.0.1", 0)


def test_closing_cuts_connections_and_opening_again_serves_the_same_port(
    client: paramiko.SSHClient, server: Dom0Server, host: Host
) -> None:
    log_in(client, server)
    port = server.port
    server.close()
    with pytest.raises((paramiko.SSHException, OSError, EOFError)):
        execute(client, "hostname")
    with pytest.raises(OSError, match="refused"):
        socket.create_connection((server.address, port))
    host.boot_id = "another"
    server.open()
    assert server.port == port
    log_in(client, server)
    assert execute(client, "cat /proc/sys/kernel/random/boot_id") == ("another\n", "", 0)


def test_opening_an_open_server_or_closing_a_closed_one_does_nothing(
    client: paramiko.SSHClient, server: Dom0Server
) -> None:
    server.open()
    log_in(client, server)
    server.close()
    server.close()


def test_host_keys_are_made_once_and_stay_private(tmp_path: Path) -> None:
    first = ssh.host_key(tmp_path, "xs1")
    assert ssh.host_key(tmp_path, "xs1") == first
    assert ssh.host_key(tmp_path, "xs2") != first
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}


def test_known_hosts_names_the_port_unless_it_is_the_usual_one(key: paramiko.RSAKey) -> None:
    assert ssh.known_hosts_line("127.0.0.1", 2222, key) == f"[127.0.0.1]:2222 ssh-rsa {key.get_base64()}"
    assert ssh.known_hosts_line("127.0.0.1", 22, key) == f"127.0.0.1 ssh-rsa {key.get_base64()}"


@pytest.mark.parametrize(
    ("command", "output", "status"),
    [
        ("rpm -q openssl", "openssl-0.9.8e-22.el5_8.3\n", 0),
        ("rpm -q openssl-0.9.8e", "openssl-0.9.8e-22.el5_8.3\n", 0),
        ("rpm -q openssl-0.9.8e-22.el5_8.3.i386 openssl.i386", "openssl-0.9.8e-22.el5_8.3\n" * 2, 0),
        (
            r"rpm -q --qf '%{NAME}-%{VERSION}-%{RELEASE}.%{ARCH}\n' openssl",
            "openssl-0.9.8e-22.el5_8.3.i386\n",
            0,
        ),
        (r'rpm -q --queryformat "%{name}\t%{epoch}\n" xen-hypervisor', "xen-hypervisor\t(none)\n", 0),
        (r"rpm --query --queryformat='%{ARCH} ' openssl xen-hypervisor", "i386 i686 ", 0),
        (
            "rpm -q a b openssl",
            "package a is not installed\npackage b is not installed\nopenssl-0.9.8e-22.el5_8.3\n",
            2,
        ),
        ("cat /proc/sys/kernel/random/boot_id", "6f2b2f0e-6d4e-4dc4-9c11-5f7f7b0a2f11\n", 0),
    ],
)
def test_commands_answer_from_the_state_of_the_host(
    host: Host, command: str, output: str, status: int
) -> None:
    assert dom0.run(command, host) == (output, "", status)


@pytest.mark.parametrize(
    ("command", "error"),
    [("rpm -q", "no arguments given for query"), ("rpm -q --qf '%{SHAPE}' openssl", "unknown tag")],
)
def test_rpm_complains_as_it_does(host: Host, command: str, error: str) -> None:
    answer = dom0.run(command, host)
    assert error in answer.stderr
    assert answer.status == 1


@pytest.mark.parametrize("command", ["df -P -k /", "df -P /", "df -Pk /"])
def test_df_answers_in_the_form_of_posix(host: Host, command: str) -> None:
    answer = dom0.run(command, host)
    assert answer.status == 0
    head, line = answer.stdout.splitlines()
    assert head.split() == ["Filesystem", "1024-blocks", "Used", "Available", "Capacity", "Mounted", "on"]
    assert line.split() == ["/dev/sda1", "4128448", "2100000", "1818736", "54%", "/"]


@pytest.mark.parametrize(
    "command",
    [
        "",
        "uptime",
        "reboot",
        "cat /etc/passwd",
        "df -P /var",
        "df -k",
        "hostname evil",
        "rpm -e openssl",
        "rpm openssl",
        "rpm -q openssl; reboot",
        "rpm -q openssl && reboot",
        "rpm -q $(reboot)",
        "rpm -q `reboot`",
        "rpm -q openssl > /etc/passwd",
        "hostname\nreboot",
        "rpm -q 'open",
        "#",
    ],
)
def test_everything_else_is_refused(host: Host, command: str) -> None:
    answer = dom0.run(command, host)
    assert (answer.stdout, answer.status) == ("", 127)
    assert answer.stderr.startswith("command refused by the simulator")
