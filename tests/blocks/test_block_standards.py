"""The demands that Prefect makes on the blocks of an integration."""

from base64 import b64encode
from typing import Any

import pytest
from prefect.blocks.core import Block
from prefect.client.schemas.actions import BlockTypeCreate
from prefect.client.schemas.objects import BlockType
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.testing.standard_test_suites.blocks import BlockStandardTestSuite
from pydantic import ValidationError

from blocks import Dom0SSH, XenServerPool


class TestStandards(BlockStandardTestSuite):
    @pytest.fixture(params=[XenServerPool, Dom0SSH])
    def block(self, request: pytest.FixtureRequest) -> type[Block]:
        kind: type[Block] = request.param
        return kind

    def test_has_a_valid_image(self, block: type[Block]) -> None:
        """Shown by the server itself; that it is there, the test with a browser sees."""
        with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:4999/api"}):
            assert str(block._logo_url) == "http://127.0.0.1:4999/v2/ico/android-chrome-192x192.png"


def test_prefect_takes_no_picture_in_an_address() -> None:
    """A server stores any text, but from then on every client that reads the block fails on it.

    Once this is no longer so, the blocks can have pictures of their own.
    """
    picture = "data:image/svg+xml;base64," + b64encode(b"<svg xmlns='http://www.w3.org/2000/svg'/>").decode()
    url: Any = picture

    for kind in (BlockTypeCreate, BlockType):
        with pytest.raises(ValidationError, match="URL scheme should be 'http' or 'https'"):
            kind(name="XenServer Pool", slug="xenserver-pool", logo_url=url)


@pytest.mark.parametrize(
    ("block", "secrets"), [(XenServerPool, ["password"]), (Dom0SSH, ["password", "private_key"])]
)
def test_prefect_knows_the_secret_fields(block: type[Block], secrets: list[str]) -> None:
    assert block.model_json_schema()["secret_fields"] == secrets


@pytest.mark.parametrize("block", [XenServerPool, Dom0SSH])
def test_a_field_is_required_so_that_a_reference_is_never_taken_for_a_block(block: type[Block]) -> None:
    assert block.model_json_schema()["required"]
