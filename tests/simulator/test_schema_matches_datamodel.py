"""The schema of 6.0.2 against the data model that the project of xapi publishes today."""

import ast
import json
from pathlib import Path
from typing import Any, Final

import pytest

import simulator
from simulator.datatypes import Type
from simulator.schema import RELEASES, Class, Schema

# What the published model does not date, looked up in the data model of xapi 6.0.2 (January 2012).
INTERNAL_THEN: Final = {"VM.scheduled_to_be_resident_on", "VM.get_scheduled_to_be_resident_on"}
NOT_YET: Final = {"VIF.unplug_force"}
WRITABLE_THEN: Final = {f"task.{verb}_other_config" for verb in ("set", "add_to", "remove_from")}
PARAMETERS_ADDED_SINCE: Final = {
    "PIF.db_introduce": 6,
    "PIF.introduce": 1,
    "VDI.introduce": 7,
    "host.apply_edition": 1,
    "host.disable_external_auth": 1,
    "host.emergency_ha_disable": 1,
}
OPTIONAL_SINCE: Final = {"VDI.copy"}
NOT_A_TYPE_OF_ITS_OWN: Final = {"event.from"}


def text(data_type: Type) -> str:
    match data_type.kind:
        case "set":
            return f"{text(data_type.inner)} set"
        case "map":
            assert data_type.key is not None
            return f"({text(data_type.key)} -> {text(data_type.inner)}) map"
        case "ref" | "record":
            return f"{data_type.name} {data_type.kind}"
        case "enum":
            return f"enum {data_type.name}"
    return data_type.kind


@pytest.fixture(scope="module")
def published(shared_data: Path) -> dict[str, Any]:
    model = json.loads((shared_data / "xenapi-datamodel.json").read_text())
    assert isinstance(model, dict)
    return model


@pytest.fixture(scope="module")
def schema() -> Schema:
    return Schema.of(RELEASES["6.0.2"])


@pytest.fixture(scope="module")
def both(published: dict[str, Any], schema: Schema) -> list[tuple[Class, dict[str, Any]]]:
    """Our classes beside the published ones; the few that the model at hand leaves out are not compared."""
    pairs = [
        (schema.classes[name], model)
        for name, model in published["classes"].items()
        if name in schema.classes
    ]
    assert len(pairs) == 33
    return pairs


def of_602(elements: dict[str, Any], cls: str, *, instead: set[str]) -> dict[str, Any]:
    return {
        name: element
        for name, element in elements.items()
        if element.get("x602") and f"{cls}.{name}" not in instead
    }


def test_every_class_of_6_0_is_there_and_no_later_one(published: dict[str, Any], schema: Schema) -> None:
    there = {
        name
        for name, model in published["classes"].items()
        if any(element.get("x602") for kind in ("fields", "messages") for element in model[kind].values())
    }
    assert there - schema.classes.keys() == set()
    assert (published["classes"].keys() - there) & schema.classes.keys() == set()


def test_every_class_has_the_fields_of_6_0_with_their_types(both: list[tuple[Class, dict[str, Any]]]) -> None:
    for ours, model in both:
        theirs = of_602(model["fields"], ours.name, instead=INTERNAL_THEN)
        assert {field.wire: text(field.type) for field in ours.public} == {
            name: field["type"] for name, field in theirs.items()
        }, ours.name


def test_every_class_has_the_messages_of_6_0(both: list[tuple[Class, dict[str, Any]]]) -> None:
    for ours, model in both:
        theirs = of_602(model["messages"], ours.name, instead=INTERNAL_THEN | NOT_YET)
        assert theirs.keys() - ours.messages.keys() == set(), ours.name


def test_no_class_has_a_message_of_later_releases(both: list[tuple[Class, dict[str, Any]]]) -> None:
    for ours, model in both:
        later = {
            f"{ours.name}.{name}" for name, message in model["messages"].items() if not message.get("x602")
        }
        assert later & {message.wire for message in ours.messages.values()} - WRITABLE_THEN == set()


def test_every_message_takes_and_returns_what_it_did_in_6_0(
    both: list[tuple[Class, dict[str, Any]]], published: dict[str, Any]
) -> None:
    order = published["release_order"]
    then = order[: order.index("boston") + 1]
    for ours, model in both:
        for name, theirs in of_602(model["messages"], ours.name, instead=INTERNAL_THEN | NOT_YET).items():
            message = ours.messages[name]
            params = [param for param in theirs["params"] if param.get("first", "rio") in then]
            params = params[: len(params) - PARAMETERS_ADDED_SINCE.get(message.wire, 0)]
            assert [(text(param.type), param.optional) for param in message.params] == [
                (param["type"], param.get("opt", False) and message.wire not in OPTIONAL_SINCE)
                for param in params
            ], message.wire
            if message.wire not in NOT_A_TYPE_OF_ITS_OWN:
                assert text(message.result) == theirs["result"], message.wire


def test_every_error_that_it_raises_is_one_of_6_0(published: dict[str, Any]) -> None:
    known = {code for code, error in published["errors"].items() if error.get("in_6_0_2")}
    known |= {*published["errors_without_datamodel_doc"], *published["errors_only_in_6_0_2"]}
    raised = {
        call.args[0].value
        for path in Path(simulator.__file__).parent.glob("*.py")
        for call in ast.walk(ast.parse(path.read_text()))
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Name)
        and call.func.id == "XapiError"
        and isinstance(call.args[0], ast.Constant)
    }
    assert len(raised) > 50
    assert raised - known == set()


def test_every_enum_that_it_uses_has_members_that_were_published(
    both: list[tuple[Class, dict[str, Any]]], published: dict[str, Any]
) -> None:
    compared = 0
    for ours, _ in both:
        for field in ours.public:
            if field.type.kind == "enum" and field.type.name in published["enums"]:
                assert field.type.members
                assert set(field.type.members) <= set(published["enums"][field.type.name]), field.type.name
                compared += 1
    assert compared > 10
