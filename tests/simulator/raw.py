"""HTTP to a simulated host without any client library in between."""

import socket
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPResponse

from simulator import SimulatedPool


@dataclass(frozen=True)
class Answer:
    """What came back: status, headers in lower case, body."""

    status: int
    headers: dict[str, str]
    body: str


def connect(pool: SimulatedPool, host: int = 0) -> socket.socket:
    """Open a connection to a host over plain HTTP."""
    return socket.create_connection((pool.hosts[host].address, pool.port), timeout=10)


def request(
    pool: SimulatedPool,
    method: str,
    path: str,
    body: str | None = None,
    headers: dict[str, str] | None = None,
    host: int = 0,
) -> Answer:
    """Send one request and read its whole answer."""
    connection = HTTPConnection(pool.hosts[host].address, pool.port, timeout=10)
    try:
        connection.request(method, path, body, headers or {})
        return read(connection.getresponse())
    finally:
        connection.close()


def read(response: HTTPResponse) -> Answer:
    headers = {name.lower(): value for name, value in response.getheaders()}
    return Answer(response.status, headers, response.read().decode())


def call(pool: SimulatedPool, method: str, *params: str, path: str = "/", host: int = 0) -> str:
    """Send an XML-RPC call whose parameters are the XML of values; return the answer's XML."""
    return request(pool, "POST", path, xml(method, *params), host=host).body


def xml(method: str, *params: str) -> str:
    listed = "".join(f"<param>{param}</param>" for param in params)
    return f"<methodCall><methodName>{method}</methodName><params>{listed}</params></methodCall>"


def value(text: str) -> str:
    """The XML of a string."""
    return f"<value>{text}</value>"


def log_in(pool: SimulatedPool, host: int = 0) -> str:
    """Log in as root and return the session."""
    answer = call(pool, "session.login_with_password", value("root"), value("xenroot"), host=host)
    return answer.partition("<name>Value</name><value>")[2].partition("<")[0]


def failed(*description: str) -> str:
    """The whole answer of a call that failed with this code and these parameters."""
    listed = "".join(value(part) if part else "<value/>" for part in description)
    return (
        "<methodResponse><params><param><value><struct>"
        "<member><name>Status</name><value>Failure</value></member>"
        f"<member><name>ErrorDescription</name><value><array><data>{listed}</data></array></value></member>"
        "</struct></value></param></params></methodResponse>"
    )


def succeeded(result: str) -> str:
    """The whole answer of a call that returned this value's XML."""
    return (
        "<methodResponse><params><param><value><struct>"
        "<member><name>Status</name><value>Success</value></member>"
        f"<member><name>Value</name>{result}</member>"
        "</struct></value></param></params></methodResponse>"
    )
