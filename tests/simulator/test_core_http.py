"""HTTP around the calls: what is served where, to whom, and for how long a connection lasts."""

import base64
import socket
import ssl
from pathlib import Path

import pytest
import XenAPI

from simulator import Fault, FaultRule, SimulatedPool
from simulator.dump import load
from tests.simulator import raw
from tests.simulator.api import Api
from tests.simulator.raw import Answer, log_in, request, value

DUMP = "/pool/xmldbdump"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 404),
        ("GET", "/no/such/file", 404),
        ("PUT", "/no/such/path", 403),
        ("CONNECT", "/no/such/path", 403),
        ("DELETE", "/", 501),
        ("OPTIONS", "/", 501),
    ],
)
def test_what_is_not_served_has_its_page(pool: SimulatedPool, method: str, path: str, status: int) -> None:
    answer = request(pool, method, path)

    assert answer.status == status
    assert answer.headers["content-type"] == "text/html"
    assert answer.headers["connection"] == "close"


def test_what_the_release_serves_and_the_simulator_does_not_says_so(pool: SimulatedPool) -> None:
    answer = request(pool, "GET", "/host_backup?session_id=x")

    assert answer.status == 500
    assert "NOT_IMPLEMENTED: [ GET /host_backup ]" in answer.body


class TestCalls:
    def test_a_call_of_more_than_300_kib_is_refused(self, pool: SimulatedPool) -> None:
        largest = 300 * 1024 - len(raw.xml("no.such", value("")))

        assert request(pool, "POST", "/", raw.xml("no.such", value("x" * largest))).status == 200
        assert request(pool, "POST", "/", raw.xml("no.such", value("x" * (largest + 1)))).status == 500

    def test_a_call_must_tell_its_length(self, pool: SimulatedPool) -> None:
        with raw.connect(pool) as connection:
            connection.sendall(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")

            assert connection.recv(100).startswith(b"HTTP/1.1 500 ")

    def test_a_connection_serves_many_calls(self, pool: SimulatedPool) -> None:
        body = raw.xml("no.such").encode()
        with raw.connect(pool) as connection, connection.makefile("rb") as answers:
            for _ in range(3):
                connection.sendall(b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
                head = b"".join(iter(answers.readline, b"\r\n"))
                assert head.startswith(b"HTTP/1.1 200 OK\r\n")
                answers.read(int(head.lower().partition(b"content-length: ")[2].split()[0]))

    @pytest.mark.parametrize(
        ("version", "header", "closes"),
        [("1.1", "", False), ("1.1", "Connection: close\r\n", True), ("1.0", "", True)],
    )
    def test_the_connection_ends_when_the_client_wants_it_to(
        self, pool: SimulatedPool, version: str, header: str, closes: bool
    ) -> None:
        body = raw.xml("no.such")
        with raw.connect(pool) as connection, connection.makefile("rb") as answers:
            connection.sendall(
                f"POST / HTTP/{version}\r\n{header}Content-Length: {len(body)}\r\n\r\n{body}".encode()
            )
            head = b"".join(iter(answers.readline, b"\r\n")).decode().lower()

        assert head.startswith(f"http/{version} 200 ok")
        assert ("connection: close" if closes else "connection: keep-alive") in head

    @pytest.mark.parametrize(
        "head", ["nonsense\r\n\r\n", "GET /\r\n\r\n", "GET / HTTP/1.1\r\n" + "a: b\r\n" * 300]
    )
    def test_what_is_not_http_gets_an_error_page(self, pool: SimulatedPool, head: str) -> None:
        with raw.connect(pool) as connection:
            connection.sendall(head.encode())

            assert connection.recv(100).startswith(b"HTTP/1.1 500 ")


class TestCredentials:
    def basic(self, password: str) -> dict[str, str]:
        return {"Authorization": "Basic " + base64.b64encode(f"root:{password}".encode()).decode()}

    @pytest.mark.parametrize("headers", [{}, {"Cookie": "session_id=OpaqueRef:none"}])
    def test_without_good_ones_the_client_is_asked_for_them(
        self, pool: SimulatedPool, headers: dict[str, str]
    ) -> None:
        answer = request(pool, "GET", DUMP, headers=headers)

        assert answer.status == 401
        assert answer.headers["www-authenticate"] == f'Basic realm="{DUMP}"'

    def test_a_session_is_good_in_the_query_and_as_a_cookie(self, pool: SimulatedPool) -> None:
        session = log_in(pool)

        assert request(pool, "GET", f"{DUMP}?session_id={session}").status == 200
        assert request(pool, "GET", DUMP, headers={"Cookie": f"a=b; session_id={session}"}).status == 200

    def test_a_password_is_good_for_one_request(self, pool: SimulatedPool) -> None:
        assert request(pool, "GET", DUMP, headers=self.basic("xenroot")).status == 200
        assert pool.db.rows("session") == {}

    def test_a_wrong_password_is_not(self) -> None:
        with SimulatedPool(speed=1000) as pool:
            assert request(pool, "GET", DUMP, headers=self.basic("guess")).status == 401

    def test_the_task_that_the_client_named_fails_without_them(self, api: Api, pool: SimulatedPool) -> None:
        task = api.task.create("backup", "")

        request(pool, "GET", f"{DUMP}?session_id=OpaqueRef:none&task_id={task}")

        assert api.task.get_error_info(task) == ["SESSION_AUTHENTICATION_FAILED"]


class TestDatabaseDump:
    def fetch(self, pool: SimulatedPool, more: str = "", host: int = 0) -> Answer:
        return request(pool, "GET", f"{DUMP}?session_id={log_in(pool)}{more}", host=host)

    def test_it_is_the_whole_database_but_for_sessions_and_tasks(
        self, api: Api, pool: SimulatedPool, tmp_path: Path
    ) -> None:
        api.task.create("mine", "")

        answer = self.fetch(pool)

        (tmp_path / "dump.xml").write_text(answer.body)
        tables = load(tmp_path / "dump.xml").tables
        assert {row["name__label"] for row in tables["host"].values()} == {"xs1", "xs2", "xs3"}
        assert len(tables["VM"]) == len(api.VM.get_all())
        assert tables["session"] == tables["task"] == {}

    def test_it_ends_with_the_connection_and_tells_no_length(self, pool: SimulatedPool) -> None:
        headers = self.fetch(pool).headers

        assert headers["connection"] == "close"
        assert "content-length" not in headers

    def test_it_completes_the_task_that_the_client_named(self, api: Api, pool: SimulatedPool) -> None:
        task = api.task.create("backup", "")

        self.fetch(pool, f"&task_id={task}")

        assert api.task.get_status(task) == "success"

    def test_it_is_in_the_journal(self, pool: SimulatedPool) -> None:
        self.fetch(pool)

        (line,) = pool.journal.calls(f"GET {DUMP}")
        assert (line["host"], line["args"], line["result"]) == ("xs1", [{}], "ok")

    def test_a_slave_has_none(self, pool: SimulatedPool) -> None:
        answer = self.fetch(pool, host=1)

        assert answer.status == 500
        assert "HOST_IS_SLAVE: [ 127.0.0.1 ]" in answer.body

    def test_it_meets_faults(self, api: Api, pool: SimulatedPool) -> None:
        pool.faults.add(FaultRule(f"GET {DUMP}", Fault(error=("INTERNAL_ERROR", "disk"))))
        pool.faults.add(FaultRule(f"GET {DUMP}", Fault(drop="before")))
        task = api.task.create("backup", "")

        assert self.fetch(pool, f"&task_id={task}").status == 500
        assert api.task.get_error_info(task) == ["INTERNAL_ERROR", "disk"]
        with pytest.raises(ConnectionError):
            self.fetch(pool)


class TestTls:
    @pytest.fixture
    def context(self, pool: SimulatedPool) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(pool.certificate))

    def test_the_usual_client_trusts_the_certificate(
        self, pool: SimulatedPool, context: ssl.SSLContext
    ) -> None:
        session = XenAPI.Session(pool.tls_url, transport=XenAPI.xmlrpclib.SafeTransport(context=context))

        session.login_with_password("root", "xenroot")

        assert len(session.xenapi.host.get_all()) == 3

    def test_every_host_has_a_name_in_it(self, pool: SimulatedPool, context: ssl.SSLContext) -> None:
        for host in pool.hosts:
            with (
                socket.create_connection((host.address, pool.port + 1)) as plain,
                context.wrap_socket(plain, server_hostname=host.address) as encrypted,
            ):
                assert encrypted.version() == "TLSv1.3"

    def test_the_legacy_port_speaks_only_what_a_host_of_2012_did(self, pool: SimulatedPool) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.set_ciphers("DEFAULT:@SECLEVEL=0")
        with pytest.warns(DeprecationWarning, match="TLSv1"):
            context.minimum_version = ssl.TLSVersion.TLSv1
        context.load_verify_locations(pool.certificate)
        with (
            socket.create_connection(("127.0.0.1", pool.port + 2)) as plain,
            context.wrap_socket(plain) as encrypted,
        ):
            assert encrypted.version() == "TLSv1"


class TestCuttingOff:
    def test_a_host_that_is_off_refuses_connections_until_it_is_back(self, pool: SimulatedPool) -> None:
        slave = list(pool.world.hosts.values())[1]

        slave.close_listeners()
        with pytest.raises(ConnectionRefusedError):
            raw.connect(pool, host=1)

        slave.open_listeners()
        assert raw.call(pool, "no.such", host=1) == raw.failed("MESSAGE_METHOD_UNKNOWN", "no.such")
        assert raw.call(pool, "no.such", host=2) == raw.failed("MESSAGE_METHOD_UNKNOWN", "no.such")

    def test_its_open_connections_are_cut(self, pool: SimulatedPool) -> None:
        slave = list(pool.world.hosts.values())[1]
        with raw.connect(pool, host=1) as connection, raw.connect(pool, host=2) as other:
            for each in (connection, other):
                assert self.ask(each).startswith(b"HTTP/1.1 200")

            slave.close_listeners()

            assert self.ask(connection) == b""
            assert self.ask(other).startswith(b"HTTP/1.1 200")

    def ask(self, connection: socket.socket) -> bytes:
        body = raw.xml("no.such").encode()
        try:
            connection.sendall(b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
            return connection.recv(65536)
        except ConnectionError:
            return b""
