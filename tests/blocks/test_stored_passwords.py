"""What a run of a flow leaves behind about the blocks it was given."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

import paramiko
import pytest
from prefect import flow, get_client, task
from prefect.blocks.core import Block
from prefect.runtime import flow_run
from pydantic import BaseModel, SecretStr

from blocks import Dom0SSH, XenServerPool, held
from xenpatch.access import Shell

pytestmark = pytest.mark.usefixtures("prefect_server")
PASSWORD = "correct-horse-battery-staple"
KNOWN_HOSTS = "xs1 ssh-rsa AAAA"
BlockType = TypeVar("BlockType", bound=Block)


class Options(BaseModel):
    pool: XenServerPool


@task
def log_in(pool: XenServerPool) -> str:
    return pool.endpoint().password.get_secret_value()


@flow
def host_flow(pool: XenServerPool) -> tuple[UUID, str]:
    return UUID(flow_run.get_id()), log_in(pool)


@flow
def pool_flow(pool: XenServerPool) -> list[tuple[UUID, str]]:
    return [(UUID(flow_run.get_id()), log_in(pool)), host_flow(pool)]


@flow
def options_flow(options: Options) -> tuple[UUID, str]:
    return UUID(flow_run.get_id()), log_in(options.pool)


@task
def take_the_key(pool: XenServerPool, ssh: Dom0SSH) -> str | None:
    key = ssh.access(pool).private_key
    return key.get_secret_value() if key else None


@flow
def ssh_flow(pool: XenServerPool, ssh: Dom0SSH) -> tuple[UUID, str | None]:
    return UUID(flow_run.get_id()), take_the_key(pool, ssh)


def stored_parameters(run: UUID) -> dict[str, Any]:
    with get_client(sync_client=True) as client:
        return client.read_flow_run(run).parameters


def written_by(server_database: Path) -> bytes:
    return b"".join(file.read_bytes() for file in server_database.parent.glob(server_database.name + "*"))


def load(kind: type[BlockType], name: str) -> BlockType:
    block = kind.load(name)
    assert isinstance(block, kind)
    return block


@pytest.fixture
def saved() -> XenServerPool:
    XenServerPool(addresses=["xs1"], password=SecretStr(PASSWORD)).save("lab", overwrite=True)
    return load(XenServerPool, "lab")


def test_a_saved_block_is_stored_by_reference_in_flow_and_subflow(saved: XenServerPool) -> None:
    runs = pool_flow(saved)

    reference = {"$ref": {"block_document_id": str(saved._block_document_id)}}
    assert [stored_parameters(run)["pool"] for run, _ in runs] == [reference, reference]
    assert [password for _, password in runs] == [PASSWORD, PASSWORD]


def test_what_is_stored_of_a_saved_block_starts_the_flow_again_with_its_password(
    saved: XenServerPool,
) -> None:
    ((first, _), _) = pool_flow(saved)

    again = pool_flow(**stored_parameters(first))

    assert [password for _, password in again] == [PASSWORD, PASSWORD]


def test_a_saved_block_inside_another_parameter_is_stored_by_reference(saved: XenServerPool) -> None:
    run, _ = options_flow(Options(pool=saved))

    assert stored_parameters(run)["options"]["pool"].keys() == {"$ref"}


def test_an_unsaved_block_is_stored_without_the_password_of_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("XENPATCH_PASSWORD", PASSWORD)

    ((first, password), _) = pool_flow(XenServerPool(addresses=["xs1"]))

    stored = stored_parameters(first)["pool"]
    assert (stored["addresses"], stored["password"]) == (["xs1"], None)
    assert password == PASSWORD
    assert pool_flow(**stored_parameters(first))[0][1] == PASSWORD


def test_a_password_is_nowhere_in_the_database_of_the_server(
    saved: XenServerPool, prefect_server: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XENPATCH_PASSWORD", PASSWORD)
    pool_flow(saved)
    pool_flow(XenServerPool(addresses=["address-that-is-found"]))
    pool_flow(XenServerPool(addresses=["xs1"], password=SecretStr(PASSWORD)))

    written = written_by(prefect_server)

    assert b"address-that-is-found" in written
    assert PASSWORD.encode() not in written


@pytest.fixture
def key_file(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "id_rsa"
    paramiko.RSAKey.generate(2048).write_private_key_file(str(path))
    yield path
    held.remember_key(None)


def test_a_key_that_the_command_line_names_is_used_and_stored_nowhere(
    prefect_server: Path, key_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XENPATCH_PASSWORD", PASSWORD)
    pool = XenServerPool(addresses=["xs1"])
    public = paramiko.RSAKey.from_private_key_file(str(key_file)).get_base64()
    hosts = tmp_path / "hosts"
    hosts.write_text(f"host-that-is-found ssh-rsa {public}\n")
    ssh = Shell(hosts, "root", 22, key_file, None).ssh(pool)
    assert ssh is not None

    run, used = ssh_flow(pool, ssh)

    assert used == key_file.read_text()
    stored = stored_parameters(run)["ssh"]
    assert (stored["private_key"], stored["password"]) == (None, None)
    written = written_by(prefect_server)
    assert b"host-that-is-found" in written
    assert all(line.encode() not in written for line in key_file.read_text().splitlines())


def test_a_saved_block_can_be_changed_and_saved_again(saved: XenServerPool) -> None:
    saved.user = "operator"
    saved.save("lab", overwrite=True)

    again = load(XenServerPool, "lab")

    assert (again.user, again.secret().get_secret_value()) == ("operator", PASSWORD)


def test_the_keys_of_a_saved_ssh_block_come_back(prefect_server: Path) -> None:
    block = Dom0SSH(password=SecretStr(PASSWORD), private_key=SecretStr("text"), known_hosts=KNOWN_HOSTS)
    block.save("lab-ssh", overwrite=True)

    again = load(Dom0SSH, "lab-ssh").model_dump(context={"include_secrets": True})
    assert (again["password"], again["private_key"], again["known_hosts"]) == (PASSWORD, "text", KNOWN_HOSTS)
    assert PASSWORD.encode() not in written_by(prefect_server)
