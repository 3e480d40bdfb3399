from __future__ import annotations

import logging
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from xenpatch.plan import history
from xenpatch.plan.history import MoveRecord, RebootRecord, append, default_folder, read
from xenpatch.units import GIB
from xenpatch.xapi.types import HostUuid, PoolUuid, VmUuid

POOL = PoolUuid("pool")
MOVE = MoveRecord(VmUuid("vm"), 4 * GIB, HostUuid("a"), HostUuid("b"), seconds=26.5)
REBOOT = RebootRecord(HostUuid("a"), 700)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return tmp_path / "xenpatch" / "history"


def test_what_is_appended_is_read_in_its_order(folder: Path) -> None:
    failed = replace(MOVE, ok=False)
    for record in (MOVE, REBOOT, failed):
        append(POOL, record)
    assert read(POOL) == (MOVE, REBOOT, failed)
    assert len((folder / "pool.jsonl").read_text().splitlines()) == 3


def test_a_pool_without_a_history_has_no_records() -> None:
    append(PoolUuid("other"), MOVE)
    assert read(POOL) == ()


def test_without_a_state_folder_of_its_own_it_is_in_the_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setenv("HOME", "/home/operator")
    assert default_folder() == Path("/home/operator/.local/state/xenpatch/history")


def test_only_its_owner_can_read_it(folder: Path) -> None:
    append(POOL, MOVE)
    assert stat.S_IMODE((folder / "pool.jsonl").stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@pytest.mark.parametrize(
    "damaged",
    [
        "",
        "{",
        "[]",
        "7",
        '"kind"',
        "\udcff",
        "[" * 100_000,
        '{"kind": "wedding"}',
        '{"kind": ["move"]}',
        '{"host": "a", "seconds": 5}',
        '{"kind": "reboot", "host": "a"}',
        '{"kind": "reboot", "host": "a", "seconds": 5, "more": 1}',
        '{"kind": "reboot", "host": "a", "seconds": "5"}',
        '{"kind": "reboot", "host": null, "seconds": 5}',
        '{"kind": "reboot", "host": "a", "seconds": 0}',
        '{"kind": "reboot", "host": "a", "seconds": NaN}',
        '{"kind": "reboot", "host": "a", "seconds": Infinity}',
    ],
)
def test_damaged_lines_are_skipped(folder: Path, damaged: str) -> None:
    append(POOL, MOVE)
    with (folder / "pool.jsonl").open("ab") as file:
        file.write(damaged.encode(errors="surrogateescape") + b"\n")
    append(POOL, REBOOT)
    assert read(POOL) == (MOVE, REBOOT)


def test_the_newest_records_are_read(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setattr(history, "_READ", 3)
    monkeypatch.setattr(history, "_TRIM_ABOVE", 5)
    records = [replace(REBOOT, seconds=seconds) for seconds in range(1, 7)]
    for record in records[:5]:
        append(POOL, record)
    assert read(POOL) == tuple(records[2:5])
    assert len((folder / "pool.jsonl").read_text().splitlines()) == 5

    append(POOL, records[5])
    assert read(POOL) == tuple(records[3:])
    assert len((folder / "pool.jsonl").read_text().splitlines()) == 3
    assert [path.name for path in folder.iterdir()] == ["pool.jsonl"]
    assert stat.S_IMODE((folder / "pool.jsonl").stat().st_mode) == 0o600


def test_what_cannot_be_written_is_a_warning(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder.parent.mkdir()
    folder.write_text("a file where the folder should be")
    append(POOL, MOVE)
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert str(folder / "pool.jsonl") in caplog.text


def test_what_cannot_be_read_is_a_warning(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    (folder / "pool.jsonl").mkdir(parents=True)
    assert read(POOL) == ()
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
