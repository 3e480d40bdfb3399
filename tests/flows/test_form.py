"""What Prefect makes of the flows' parameters: the form of the UI, and what the API refuses."""

from collections.abc import Iterator
from typing import Any

import pytest
from prefect import Flow
from prefect.utilities.callables import parameter_schema
from prefect.utilities.schema_tools.validation import ValidationError, validate

from flows.abandon_pool import abandon_pool
from flows.patch_pool import patch_pool
from flows.resume_pool import resume_pool

FLOWS: dict[str, Flow[..., Any]] = {flow.name: flow for flow in (patch_pool, resume_pool, abandon_pool)}
BLOCK = {"$ref": {"block_document_id": "0a8ffa1c-9d25-4d3a-8ae4-ae0e4fbb2f4e"}}
HOTFIX = ["/srv/XS602E008.zip"]


def schema(flow: Flow[..., Any]) -> dict[str, Any]:
    return parameter_schema(flow.fn).model_dump()


def fields(of: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every field that a person fills in, those of blocks apart: they are saved before."""
    yield from of["properties"].items()
    for name, model in of["definitions"].items():
        if "block_type_slug" not in model:
            yield from ((f"{name}.{field}", within) for field, within in model.get("properties", {}).items())


@pytest.mark.parametrize("name", FLOWS)
def test_every_field_of_the_form_has_a_sentence(name: str) -> None:
    told = {field: within.get("description", "") for field, within in fields(schema(FLOWS[name]))}

    assert [field for field, sentence in told.items() if not sentence.endswith(".")] == []


@pytest.mark.parametrize("name", FLOWS)
def test_a_choice_is_shown_under_the_name_of_its_field(name: str) -> None:
    form = schema(FLOWS[name])
    shown = {
        field.rpartition(".")[2]: {**choice, **within}["title"]
        for field, within in fields(form)
        if "enum" in (choice := form["definitions"].get(within.get("$ref", "").rpartition("/")[2], {}))
    }

    assert shown == {field: field.title() for field in shown}


def test_the_form_asks_for_a_pool_and_a_list_of_files_and_has_a_default_for_all_else() -> None:
    form = schema(patch_pool)

    assert form["required"] == ["pool", "hotfix"]
    for lists in ("hotfix", "manifest"):
        assert form["properties"][lists]["type"] == "array"
        assert form["properties"][lists]["items"] == {"type": "string", "format": "path"}


def test_a_right_form_is_accepted() -> None:
    given = {"pool": BLOCK, "hotfix": HOTFIX, "options": {"width": "auto", "stop": {"storage": "suspend"}}}

    assert validate(given, schema(patch_pool)) == []


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"hotfix": HOTFIX[0]}, "is not of type 'array'"),
        ({"hotfix": []}, "should be non-empty"),
        ({"pool": "lab"}, "'lab' is not valid"),
        ({"options": {"width": 0}}, "0 is less than the minimum of 1"),
        ({"options": {"mode": "fast"}}, "'fast' is not one of"),
        ({"options": {"reboot_limit": 0}}, "less than the minimum"),
        ({"options": {"stop": {"any": "pull the plug"}}}, "'pull the plug' is not one of"),
        ({"options": {"colour": "red"}}, "'colour' was unexpected"),
    ],
)
def test_a_wrong_form_is_refused_with_the_reason(wrong: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValidationError) as refused:
        validate({"pool": BLOCK, "hotfix": HOTFIX} | wrong, schema(patch_pool), raise_on_error=True)

    assert reason in str(refused.value)
