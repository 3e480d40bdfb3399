"""The demands that Prefect makes on the blocks of an integration."""

import pytest
from prefect.blocks.core import Block
from prefect.testing.standard_test_suites.blocks import BlockStandardTestSuite

from blocks import Dom0SSH, XenServerPool


class TestStandards(BlockStandardTestSuite):
    @pytest.fixture(params=[XenServerPool, Dom0SSH])
    def block(self, request: pytest.FixtureRequest) -> type[Block]:
        kind: type[Block] = request.param
        return kind

    def test_has_a_valid_image(self, block: type[Block]) -> None:
        """Prefect takes http URLs alone, and without internet the UI would show a broken picture."""
        assert block._logo_url is None


@pytest.mark.parametrize(
    ("block", "secrets"), [(XenServerPool, ["password"]), (Dom0SSH, ["password", "private_key"])]
)
def test_prefect_knows_the_secret_fields(block: type[Block], secrets: list[str]) -> None:
    assert block.model_json_schema()["secret_fields"] == secrets


@pytest.mark.parametrize("block", [XenServerPool, Dom0SSH])
def test_a_field_is_required_so_that_a_reference_is_never_taken_for_a_block(block: type[Block]) -> None:
    assert block.model_json_schema()["required"]
