"""A copy of the pool's database is whole, or is not there."""

import threading
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest
from pydantic import SecretStr

from simulator import Model, SimulatedPool, User
from tests.fuzz.server import LoggedIn, answer, document, http, serving
from tests.simulated import Simulated
from xenpatch.errors import BackupFailed, HttpRefused, ReplyLost
from xenpatch.steps.backup import back_up
from xenpatch.xapi import files
from xenpatch.xapi.files import download, upload_patch
from xenpatch.xapi.session import Endpoint, Session, open_session
from xenpatch.xapi.survey import read_inventory
from xenpatch.xapi.types import SessionRef


def endpoint(sim: SimulatedPool) -> Endpoint:
    return Endpoint((sim.url,), sim.user, SecretStr(sim.password))


@pytest.fixture
def as_operator(simulated: Simulated) -> Iterator[Session]:
    """A session of a user who may not read the pool's database."""
    sim = simulated(Model(hosts=1, vms=0), users=[User("anna", "s3cret", ("pool-operator",))])
    with open_session(Endpoint((sim.url,), "anna", SecretStr("s3cret"))) as session:
        yield session


class Cancelled(Session):
    """A session of a run that a person stops just when the download is to begin."""

    @property
    def ref(self) -> SessionRef:
        raise KeyboardInterrupt


def test_a_backup_is_readable_by_its_owner_alone(small_pool: SimulatedPool, tmp_path: Path) -> None:
    with open_session(endpoint(small_pool)) as session:
        saved = back_up(session, read_inventory(session), tmp_path / "backups")

    assert saved.stat().st_mode & 0o777 == 0o600
    assert b"<database" in saved.read_bytes()


def test_a_refused_download_is_not_taken_for_a_lost_answer(as_operator: Session) -> None:
    with pytest.raises(HttpRefused, match=r"the pool refused GET /pool/xmldbdump: HTTP 403") as refused:
        download(as_operator, "/pool/xmldbdump", bytes)

    assert refused.value.status == 403


def test_a_refused_backup_leaves_nothing_behind(as_operator: Session, tmp_path: Path) -> None:
    with pytest.raises(BackupFailed, match="the pool refused"):
        back_up(as_operator, read_inventory(as_operator), tmp_path)

    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_backup_leaves_nothing_behind(small_pool: SimulatedPool, tmp_path: Path) -> None:
    with open_session(endpoint(small_pool)) as session:
        pool = read_inventory(session)

    with pytest.raises(KeyboardInterrupt):
        back_up(Cancelled(endpoint(small_pool)), pool, tmp_path)

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("head", "part", "words"),
    [
        (b"<database>", b" " * (1 << 20), "it has more than 536870912 bytes"),
        (b'<database a="', b"x" * (1 << 20), "a tag of more than 4194304 bytes"),
        (b"<database>", b"<a>" * 1000, "elements lie more than 200 deep"),
        (b"<!DOCTYPE database>", b" ", "a document type is not allowed"),
    ],
)
def test_an_endless_or_hostile_backup_is_cut_off_and_leaves_nothing_behind(
    small_pool: SimulatedPool, tmp_path: Path, head: bytes, part: bytes, words: str
) -> None:
    def endless() -> Iterator[bytes]:
        yield http(head, "Connection: close")
        while True:
            yield part

    with open_session(endpoint(small_pool)) as session:
        pool = read_inventory(session)

    with serving(lambda _asked: endless()) as url, pytest.raises(BackupFailed, match=words):
        back_up(LoggedIn(url), pool, tmp_path)

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("sent", [b"", b"garbage\r\n\r\n", http(b"-5\r\n", "Transfer-Encoding: chunked")])
def test_a_download_that_is_no_http_is_a_lost_answer(sent: bytes) -> None:
    with (
        serving(lambda _asked: [sent]) as url,
        pytest.raises(ReplyLost, match="GET /pool/xmldbdump was lost"),
    ):
        download(LoggedIn(url), "/pool/xmldbdump", bytes)


def test_a_head_that_trickles_does_not_hold_up_an_upload(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "_STALL", 0.3)
    over = threading.Event()

    def reply(asked: str) -> Iterator[bytes]:
        match asked.partition(" ")[0]:
            case "PUT":
                while not over.wait(0.05):
                    yield b" "
            case "task.create":
                yield http(answer("<value>OpaqueRef:task</value>"))
            case _:
                yield http(document("<struct/>"))

    with serving(reply) as url, pytest.raises(ReplyLost, match="timed out"):
        upload_patch(LoggedIn(url), BytesIO(b"x"), 1)
    over.set()
