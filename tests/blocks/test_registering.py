"""Both commands that make the types of our blocks known to Prefect."""

import os
import subprocess
import sys

import pytest
from prefect import get_client
from prefect.exceptions import ObjectNotFound
from prefect.settings import PREFECT_API_URL

COMMANDS = {
    "prefect": ("-m", "prefect", "--no-prompt", "block", "register", "-m", "blocks"),
    "xenpatch": ("-m", "xenpatch", "blocks", "register"),
}
SLUGS = {"xenserver-pool": "migration_network", "dom0-ssh": "known_hosts"}


def run(command: str, api: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *COMMANDS[command]],
        env=os.environ | {"PREFECT_API_URL": api, "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def nothing_registered(prefect_server: object) -> None:
    del prefect_server
    with get_client(sync_client=True) as client:
        for slug in SLUGS:
            try:
                client.delete_block_type(client.read_block_type_by_slug(slug).id)
            except ObjectNotFound:
                continue


@pytest.mark.usefixtures("nothing_registered")
@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_registers_every_block_with_its_fields(command: str) -> None:
    told = run(command, str(PREFECT_API_URL.value()))

    assert told.returncode == 0, told.stdout + told.stderr
    assert "XenServer Pool" in told.stdout
    with get_client(sync_client=True) as client:
        for slug, field in SLUGS.items():
            kind = client.read_block_type_by_slug(slug)
            schema = client.get_most_recent_block_schema_for_block_type(kind.id)
            assert schema is not None
            assert schema.fields["properties"][field]["description"]
            assert ".ping(" in str(kind.code_example)


def test_a_server_that_is_not_there_is_told() -> None:
    told = run("xenpatch", "http://127.0.0.1:9/api")

    assert told.returncode == 1
    assert "the blocks were not registered, since Prefect does not answer" in told.stderr
