"""PUT /pool_patch_upload and GET /pool_patch_download."""

import hashlib
import socket
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from simulator import Fault, FaultRule, KnownHotfix, ManualClock, SimulatedPool
from simulator.hotfix import SampleHotfix, make_sample
from tests.simulator.api import Api, failure
from tests.simulator.uploads import connect, head, put, upload


@pytest.fixture
def sample(tmp_path: Path) -> SampleHotfix:
    return make_sample(tmp_path, "6.0.2")


def test_the_tasks_result_is_the_bare_reference_of_the_hotfix(
    pool: SimulatedPool, api: Api, sample: SampleHotfix
) -> None:
    patch = upload(pool, api, sample.update)

    assert patch == api.pool_patch.get_by_uuid(sample.info.uuid)
    record = api.pool_patch.get_record(patch)
    assert record == {
        "uuid": sample.info.uuid,
        "name_label": sample.info.name_label,
        "name_description": sample.info.name_description,
        "version": "1.0",
        "size": str(sample.update.stat().st_size),
        "pool_applied": False,
        "host_patches": [],
        "after_apply_guidance": ["restartHost"],
        "other_config": {},
    }


def test_the_answer_says_yes_before_the_body_is_read(pool: SimulatedPool, api: Api) -> None:
    task = api.task.create("upload", "")
    with connect(pool) as connection:
        connection.sendall(head(api, "HTTP/1.0", task))

        answer = connection.recv(65536)

        assert answer.startswith(b"HTTP/1.0 200 OK\r\n")
        assert b"content-length" not in answer.lower()
        assert api.task.get_status(task) == "pending"


def test_a_file_of_unknown_length_ends_with_the_connection(
    pool: SimulatedPool, api: Api, sample: SampleHotfix
) -> None:
    task = api.task.create("upload", "")
    with connect(pool) as connection:
        connection.sendall(head(api, "HTTP/1.0", task) + sample.update.read_bytes())
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(65536):
            pass

    assert api.finish(task) == api.pool_patch.get_by_uuid(sample.info.uuid)


def test_a_client_of_http_1_1_that_reads_to_the_end_waits_in_vain(
    pool: SimulatedPool, api: Api, sample: SampleHotfix
) -> None:
    task = api.task.create("upload", "")
    body = sample.update.read_bytes()
    with connect(pool) as connection:
        connection.sendall(head(api, "HTTP/1.1", task, f"Content-Length: {len(body)}\r\n") + body)
        connection.recv(65536)
        api.finish(task)

        connection.settimeout(0.3)
        with pytest.raises(TimeoutError):
            connection.recv(1)


@pytest.mark.parametrize(
    ("spoil", "length"),
    [
        pytest.param(lambda body: body[:-100] + b"x" * 100, None, id="damaged"),
        pytest.param(lambda body: body[:-100], None, id="cut short"),
        pytest.param(lambda body: body[:100], 1_000_000, id="shorter than announced"),
        pytest.param(lambda _: b"#!/bin/sh\necho hello\n", None, id="something else"),
        pytest.param(lambda _: b"", None, id="empty"),
    ],
)
def test_a_bad_file_is_refused_in_the_task_and_after_the_yes(
    pool: SimulatedPool, api: Api, sample: SampleHotfix, spoil: Callable[[bytes], bytes], length: int | None
) -> None:
    task = api.task.create("upload", "")

    answer = put(pool, api, spoil(sample.update.read_bytes()), length=length, task=task)

    assert failure(api.finish, task) == ["INVALID_PATCH"]
    assert answer.startswith(b"HTTP/1.0 200 OK\r\n")
    assert b"HTTP/1.0 500 " in answer
    assert api.pool_patch.get_all() == []
    assert list((pool.world.folder / "patch").rglob("*")) == [
        pool.world.folder / "patch" / pool.hosts[0].uuid
    ]


def test_a_full_disk_is_an_invalid_patch(pool: SimulatedPool, api: Api, sample: SampleHotfix) -> None:
    pool.faults.add(FaultRule("PUT /pool_patch_upload", Fault(full=True)))

    assert failure(upload, pool, api, sample.update) == ["INVALID_PATCH"]
    assert upload(pool, api, sample.update)


def test_what_the_master_has_is_not_taken_twice(pool: SimulatedPool, api: Api, sample: SampleHotfix) -> None:
    patch = upload(pool, api, sample.update)

    assert failure(upload, pool, api, sample.update) == ["PATCH_ALREADY_EXISTS", sample.info.uuid]
    assert api.pool_patch.get_all() == [patch]


def test_a_cleaned_hotfix_takes_the_file_again_under_its_old_reference(
    pool: SimulatedPool, api: Api, sample: SampleHotfix
) -> None:
    patch = upload(pool, api, sample.update)
    api.pool_patch.clean(patch)

    assert upload(pool, api, sample.update) == patch
    assert api.pool_patch.get_all() == [patch]


def test_a_slave_refuses_and_leaves_the_task_alone(pool: SimulatedPool, api: Api) -> None:
    task = api.task.create("upload", "")
    with connect(pool, "xs2") as connection:
        connection.sendall(head(api, "HTTP/1.0", task))

        answer = b"".join(iter(lambda: connection.recv(65536), b""))

    assert answer.startswith(b"HTTP/1.0 500 ")
    assert api.task.get_status(task) == "pending"


def test_without_a_session_nothing_is_taken(pool: SimulatedPool, api: Api) -> None:
    with connect(pool) as connection:
        connection.sendall(b"PUT /pool_patch_upload?session_id=OpaqueRef:none HTTP/1.0\r\n\r\n")

        answer = b"".join(iter(lambda: connection.recv(65536), b""))

    assert answer.startswith(b"HTTP/1.0 401 ")
    assert api.pool_patch.get_all() == []


def test_an_uploaded_file_can_be_fetched_until_it_is_cleaned(
    pool: SimulatedPool, api: Api, sample: SampleHotfix
) -> None:
    patch = upload(pool, api, sample.update)
    address = f"{pool.url}/pool_patch_download?session_id={api.session._session}"

    with urllib.request.urlopen(f"{address}&uuid={sample.info.uuid}") as answer:
        assert answer.read() == sample.update.read_bytes()
    with pytest.raises(urllib.error.HTTPError) as nameless:
        urllib.request.urlopen(address)
    assert nameless.value.code == 400
    api.pool_patch.clean(patch)
    with pytest.raises(urllib.error.HTTPError) as cleaned:
        urllib.request.urlopen(f"{address}&uuid={sample.info.uuid}")
    assert cleaned.value.code == 500
    assert b"CANNOT_FIND_PATCH" in cleaned.value.read()


def test_a_real_hotfix_is_known_by_its_md5(clock: ManualClock, tmp_path: Path) -> None:
    file = tmp_path / "XS602E999.xsupdate"
    file.write_bytes(b"what the vendor signed")
    known = KnownHotfix(
        "XS602E999",
        "95ac709c-e408-423f-8d22-84b8134a149e",
        hashlib.md5(file.read_bytes()).hexdigest(),
        guidance=("restartHost",),
        product_versions=("6.0.2",),
    )
    with SimulatedPool(clock=clock, known_hotfixes=[known]) as pool:
        api = Api(pool.url, clock)

        patch = upload(pool, api, file)

        assert api.pool_patch.get_uuid(patch) == known.uuid
        assert api.pool_patch.get_name_label(patch) == "XS602E999"
        assert api.pool_patch.get_after_apply_guidance(patch) == ["restartHost"]
