"""A server that is broken or hostile cannot hurt: each answer that is none ends in a clear error, in time."""

from __future__ import annotations

import gzip
import resource
import threading
import time
from collections.abc import Iterable, Iterator

import pytest

from tests.fuzz.server import LoggedIn, answer, document, http, serving
from xenpatch.errors import AnswerUnusable, LoginRefused, PoolError, ReplyLost, Unreachable, XapiFailure
from xenpatch.steps.passing import is_passing
from xenpatch.xapi.objects import pool_ref
from xenpatch.xapi.session import Endpoint, Session
from xenpatch.xapi.survey import read_inventory

MIB = 1024**2


def failure(reply: bytes | Iterable[bytes], method: str = "host.disable", limit: float = 20.0) -> PoolError:
    """What a call comes to when all that the server sends is this."""
    parts = [reply] if isinstance(reply, bytes) else reply
    with serving(lambda _asked: parts) as url, pytest.raises(PoolError) as failed:
        LoggedIn(url, limit).call(method, "OpaqueRef:host")
    assert url in str(failed.value) or isinstance(failed.value, XapiFailure)
    return failed.value


def deep(levels: int) -> str:
    return "<value><array><data>" * levels + "</data></array></value>" * levels


UNUSABLE = {
    "no XML": (b"<html><body>Welcome", "not well-formed|no XML-RPC|ends in the middle"),
    "no answer": (b"<html></html>", "no XML-RPC"),
    "a DOCTYPE": (b"<!DOCTYPE a><a/>", "a document type is not allowed"),
    "an entity bomb": (
        b'<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]><a>&b;</a>',
        "a document type is not allowed",
    ),
    "an external entity": (
        b'<!DOCTYPE a [<!ENTITY a SYSTEM "file:///etc/passwd">]><a>&a;</a>',
        "a document type is not allowed",
    ),
    "an unknown entity": (answer("<value>&a;</value>"), "undefined entity"),
    "too deep": (answer(deep(70)), "lie more than 200 deep"),
    "an encoding of its own": (b'<?xml version="1.0" encoding="utf-16"?>\xff\xfe<a/>', "not well-formed"),
    "gzip": (gzip.compress(answer("<value/>")), "not well-formed"),
    "an int": (document("<int>5</int>"), "neither a value nor an error"),
    "nothing": (document("<nil/>"), "neither a value nor an error"),
    "two values": (document("a</value></param><param><value>b"), "neither a value nor an error"),
    "no status": (
        document("<struct><member><name>Value</name><value/></member></struct>"),
        "neither a value nor an error",
    ),
    "no value": (
        document("<struct><member><name>Status</name><value>Success</value></member></struct>"),
        "neither a value nor an error",
    ),
    "an error that is no list": (
        document(
            "<struct><member><name>Status</name><value>Failure</value></member>"
            "<member><name>ErrorDescription</name><value>HOST_IS_SLAVE</value></member></struct>"
        ),
        "neither a value nor an error",
    ),
    "an error without a code": (
        document(
            "<struct><member><name>Status</name><value>Failure</value></member><member>"
            "<name>ErrorDescription</name><value><array><data/></array></value></member></struct>"
        ),
        "neither a value nor an error",
    ),
    "a name that is no text": (
        document("<struct><member><value><int>1</int></value><value/></member></struct>"),
        "whose name is no text",
    ),
    "a member without a value": (document("<struct><member><name>a</name></member></struct>"), "no XML-RPC"),
    "no boolean": (answer("<value><boolean>yes</boolean></value>"), "no XML-RPC"),
    "no decimal": (answer("<value><bigdecimal>x</bigdecimal></value>"), "no XML-RPC"),
    "a number of 5000 digits": (answer(f"<value><int>{'9' * 5000}</int></value>"), "no XML-RPC"),
    "a fault of no form": (
        b"<methodResponse><fault><value>no</value></fault></methodResponse>",
        "no XML-RPC",
    ),
}


@pytest.mark.parametrize(("body", "words"), UNUSABLE.values(), ids=UNUSABLE.keys())
def test_an_answer_that_is_none_cannot_be_used(body: bytes, words: str) -> None:
    failed = failure(http(body))

    assert isinstance(failed, ReplyLost)
    told = str(failed)
    assert told.startswith("the answer to host.disable ")
    assert told.endswith("; whether it was carried out is not known")
    assert any(each in told for each in words.split("|"))


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"SSH-2.0-OpenSSH_4.3\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/9.9 200 OK\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
        http(b"", status="HTTP/1.1 401 Unauthorized"),
        http(b"", status="HTTP/1.1 500 " + "x" * 5000),
        b"HTTP/1.1 200 OK\r\n" + b"x" * 70_000,
        b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 200 + b"\r\n",
        http(answer("<value/>"), "Content-Length: 20"),
        http(answer("<value/>")[:-30]),
        http(b"zz\r\nabc", "Transfer-Encoding: chunked"),
        http(b"-5\r\nabc", "Transfer-Encoding: chunked"),
        http(b"FFFFFFFFFFFFFFFF\r\nabc", "Transfer-Encoding: chunked"),
    ],
)
def test_what_is_no_http_or_breaks_off_is_a_lost_answer(sent: bytes) -> None:
    failed = failure(sent)

    assert type(failed) is ReplyLost
    assert "host.disable was lost" in str(failed)
    assert len(str(failed)) < 500


def test_a_gzip_is_never_asked_for_nor_unpacked() -> None:
    bomb = gzip.compress(bytes(50 * MIB))

    failed = failure(http(bomb, "Content-Encoding: gzip", f"Content-Length: {len(bomb)}"))

    assert isinstance(failed, AnswerUnusable)


@pytest.mark.parametrize(
    ("head", "part"),
    [
        (http(b"", "Connection: close"), b" " * MIB),
        (http(b"<a>", "Connection: close"), b" " * MIB),
        (http(answer("<value/>"), "Connection: close"), b"\n" * MIB),
        (http(b'<a b="', "Connection: close"), b"x" * MIB),
        (http(b"<a><!--", "Connection: close"), b"x" * MIB),
    ],
    ids=["space before", "space within", "space after", "attribute", "comment"],
)
def test_an_endless_answer_is_cut_off_in_bounded_memory(head: bytes, part: bytes) -> None:
    def endless() -> Iterator[bytes]:
        yield head
        while True:
            yield part

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    failed = failure(endless(), limit=60.0)

    assert isinstance(failed, AnswerUnusable)
    assert "has more than 134217728 bytes" in str(failed) or "a tag of more than" in str(failed)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 1024 * 1024  # KiB


@pytest.mark.parametrize("head", [b"", b"HTTP/1.1 200 OK\r\n", http(b"<a>", "Connection: close")])
@pytest.mark.parametrize("part", [b" ", b"HTTP/1.1 100 Continue\r\n\r\n", b"a: b\r\n"])
def test_an_answer_that_trickles_for_ever_ends_in_time(head: bytes, part: bytes) -> None:
    over = threading.Event()

    def trickle() -> Iterator[bytes]:
        yield head
        while not over.wait(0.05):
            yield part

    began = time.monotonic()
    failed = failure(trickle(), limit=0.2)
    over.set()

    assert isinstance(failed, ReplyLost)
    assert time.monotonic() - began < 20


def test_an_answer_of_another_type_is_told_by_object_and_field() -> None:
    text = "<value>x</value>"
    record = f"<value><struct><member><name>live</name>{text}</member></struct></value>"
    records = f"<value><struct><member><name>OpaqueRef:m</name>{record}</member></struct></value>"

    failed = failure(http(answer(records)), "host_metrics.get_all_records")

    assert isinstance(failed, AnswerUnusable)
    assert "live of host_metrics OpaqueRef:m is text 'x', not a boolean" in str(failed)
    assert "carried out" not in str(failed)


@pytest.mark.parametrize(
    ("method", "value"),
    [
        ("host.get_enabled", "<value>true</value>"),
        ("host.get_enabled", "<value><int>1</int></value>"),
        ("host.get_name_label", "<value><boolean>1</boolean></value>"),
        ("host.get_by_uuid", "<value><nil/></value>"),
        ("host.get_other_config", "<value>x</value>"),
        ("host.get_servertime", "<value>yesterday</value>"),
        ("host_metrics.get_memory_total", f"<value>{'9' * 40}</value>"),
        ("host_metrics.get_memory_total", "<value>-1</value>"),
        ("task.get_progress", "<value><double>NaN</double></value>"),
        ("VM.get_power_state", "<value>Flying</value>"),
        ("VM.get_record", "<value/>"),
        ("VM.get_record", "<value><struct/></value>"),
        ("VM.get_all_records", "<value><array><data/></array></value>"),
        ("pool.get_all", "<value><array><data/></array></value>"),
        ("pool.get_all_records", "<value><struct/></value>"),
        ("Async.VM.pool_migrate", "<value><struct/></value>"),
        ("host.get_vms_which_prevent_evacuation", "<value><array><data/></array></value>"),
    ],
)
def test_a_value_of_another_type_cannot_be_used(method: str, value: str) -> None:
    assert isinstance(failure(http(answer(value)), method), AnswerUnusable)


def test_a_question_whose_answer_cannot_be_used_is_not_asked_again() -> None:
    asked = []

    def reply(method: str) -> list[bytes]:
        asked.append(method)
        return [http(answer("<value/>"))]

    with serving(reply) as url, pytest.raises(AnswerUnusable) as failed:
        pool_ref(LoggedIn(url))

    assert asked == ["pool.get_all"]
    assert not is_passing(failed.value)


def test_a_master_that_is_no_host_is_not_taken_for_one() -> None:
    def reply(method: str) -> list[bytes]:
        kind = method.partition(".")[0]
        fields = {"uuid": "u", "name_label": "", "master": "OpaqueRef:gone"}
        members = "".join(f"<member><name>{k}</name><value>{v}</value></member>" for k, v in fields.items())
        record = f"<member><name>OpaqueRef:p</name><value><struct>{members}</struct></value></member>"
        return [http(answer(f"<value><struct>{record if kind == 'pool' else ''}</struct></value>"))]

    with serving(reply) as url, pytest.raises(AnswerUnusable, match="the master that its pool names is none"):
        read_inventory(LoggedIn(url))


@pytest.mark.parametrize(
    "params", ["", "<value>a b</value>", "<value>[::</value>", f"<value>{'a' * 300}</value>"]
)
def test_a_slave_that_names_no_master_is_not_followed(params: str) -> None:
    told = f"<array><data><value>HOST_IS_SLAVE</value>{params}</data></array>"
    body = document(
        "<struct><member><name>Status</name><value>Failure</value></member>"
        f"<member><name>ErrorDescription</name><value>{told}</value></member></struct>"
    )

    with serving(lambda _asked: [http(body)]) as url, pytest.raises(PoolError):
        LoggedIn(url).call("host.disable", "OpaqueRef:host")


def test_nothing_that_is_sent_in_place_of_a_login_is_a_traceback() -> None:
    bodies = iter([body for body, _ in UNUSABLE.values()])
    for _ in UNUSABLE:
        with serving(lambda _asked: [http(next(bodies))]) as url, pytest.raises(PoolError) as failed:
            Session(Endpoint((url,))).login()
        assert isinstance(failed.value, AnswerUnusable | Unreachable)
        assert not isinstance(failed.value, LoginRefused)
