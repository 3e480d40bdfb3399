"""A copy of the pool's database is whole, or is not there."""

from pathlib import Path

import pytest

from simulator import SimulatedPool
from xenpatch.errors import BackupFailed, HttpRefused
from xenpatch.steps.backup import back_up
from xenpatch.xapi.files import download
from xenpatch.xapi.session import Endpoint, Session, open_session
from xenpatch.xapi.survey import read_inventory
from xenpatch.xapi.types import SessionRef


def endpoint(sim: SimulatedPool) -> Endpoint:
    return Endpoint((sim.url,), sim.user, sim.password)


class Forgotten(Session):
    """A session that the pool does not know any more."""

    @property
    def ref(self) -> SessionRef:
        return SessionRef("OpaqueRef:of-yesterday")


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


def test_a_refused_download_is_not_taken_for_a_lost_answer(small_pool: SimulatedPool) -> None:
    with pytest.raises(HttpRefused, match=r"the pool refused GET /pool/xmldbdump: HTTP 40") as refused:
        download(Forgotten(endpoint(small_pool)), "/pool/xmldbdump", bytes)

    assert refused.value.status in (401, 403)


def test_a_refused_backup_leaves_nothing_behind(small_pool: SimulatedPool, tmp_path: Path) -> None:
    with open_session(endpoint(small_pool)) as session:
        pool = read_inventory(session)

    with pytest.raises(BackupFailed, match="the pool refused"):
        back_up(Forgotten(endpoint(small_pool)), pool, tmp_path)

    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_backup_leaves_nothing_behind(small_pool: SimulatedPool, tmp_path: Path) -> None:
    with open_session(endpoint(small_pool)) as session:
        pool = read_inventory(session)

    with pytest.raises(KeyboardInterrupt):
        back_up(Cancelled(endpoint(small_pool)), pool, tmp_path)

    assert list(tmp_path.iterdir()) == []
