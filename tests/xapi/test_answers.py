"""What is awaited of each answer is what the XenAPI gives."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from simulator.schema import RELEASES, Schema
from xenpatch.xapi import answers
from xenpatch.xapi.fields import FIELDS, FRACTION, MAP, MOMENT, NUMBER, POWER_STATE, SET, TEXT, TRUTH

PACKAGE = Path(__file__).parents[2] / "xenpatch"
TYPES = {
    TEXT: {"string", "ref", "enum"}, NUMBER: {"int"}, TRUTH: {"bool"}, FRACTION: {"float"},
    MOMENT: {"datetime"}, SET: {"set"}, MAP: {"map"}, POWER_STATE: {"enum"},
}  # fmt: skip
QUESTION = re.compile(r'session\.(?:read|call)\(\s*"(\w+\.(?:get_|create)\w*)"')


@pytest.mark.parametrize("kind", FIELDS)
def test_fields_are_of_the_types_of_the_data_model(kind: str) -> None:
    published = {field.wire: field.type for field in Schema.of(RELEASES["6.0.2"]).classes[kind].public}

    for name, field in FIELDS[kind].items():
        if name in published:
            assert published[name].kind in TYPES[field.kind], name
        else:
            assert field.default is not None, name


def test_the_answer_to_every_question_that_is_asked_is_looked_at() -> None:
    asked = {name for path in PACKAGE.rglob("*.py") for name in QUESTION.findall(path.read_text())}

    assert len(asked) > 25
    assert [name for name in sorted(asked) if answers._shape(name) is None] == []


def test_a_field_that_the_release_lacks_has_its_default() -> None:
    record = {"uuid": "u", "name_label": "n", "type": "nfs", "shared": True, "other_config": {}}

    assert answers.checked("SR.get_record", record)["is_tools_sr"] is False
