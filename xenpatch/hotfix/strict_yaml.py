"""YAML without its surprises: only text, lists, mappings and null, each with the line it stands on.

A version such as 4.10 stays the text that was written instead of becoming the number 4.1, a key cannot
appear twice, and anchors, aliases and tags are refused, so that a small file cannot grow in memory.
"""

from dataclasses import dataclass, field
from typing import Final, TypeAlias

import yaml

Path: TypeAlias = tuple[str | int, ...]

_MAX_DEPTH: Final = 16
_NULL_TAG: Final = "tag:yaml.org,2002:null"


class YamlRefused(Exception):
    """The text is not YAML, or uses what is not wanted here; ``line`` counts from 1, 0 if not known."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(reason)
        self.line = line
        self.reason = reason


@dataclass(frozen=True)
class Document:
    """What the text says, and the line of each key and list item by its path."""

    data: object
    lines: dict[Path, int] = field(default_factory=dict)

    def line_of(self, path: Path) -> int:
        """Line of the innermost thing on the way to ``path`` that exists."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


def parse(text: str) -> Document:
    """Read one YAML document; raises YamlRefused."""
    try:
        _refuse_unwanted(text)
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        raise YamlRefused(_line(error.problem_mark), error.problem or "is not YAML") from error
    except yaml.YAMLError as error:
        raise YamlRefused(0, "holds a character that YAML does not allow") from error
    lines: dict[Path, int] = {}
    return Document(None if node is None else _value(node, (), lines), lines)


def _line(mark: object) -> int:
    return int(getattr(mark, "line", -1)) + 1


def _refuse_unwanted(text: str) -> None:
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        line = _line(event.start_mark)
        tag = getattr(event, "tag", None)
        if getattr(event, "anchor", None):  # an alias names its anchor too
            raise YamlRefused(line, "anchors and aliases are not used here; write the value out")
        if tag:
            raise YamlRefused(line, f"the tag {tag} is not used here")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > _MAX_DEPTH:
            raise YamlRefused(line, f"is nested more than {_MAX_DEPTH} levels deep")


def _value(node: yaml.Node, path: Path, lines: dict[Path, int]) -> object:
    lines.setdefault(path, _line(node.start_mark))
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, path, lines)
    if isinstance(node, yaml.SequenceNode):
        return [_value(item, (*path, index), lines) for index, item in enumerate(node.value)]
    return None if node.tag == _NULL_TAG else node.value


def _mapping(node: yaml.MappingNode, path: Path, lines: dict[Path, int]) -> dict[str, object]:
    mapping: dict[str, object] = {}
    for key_node, value_node in node.value:
        line = _line(key_node.start_mark)
        if not isinstance(key_node, yaml.ScalarNode):
            raise YamlRefused(line, "a key must be plain text")
        key = key_node.value
        if key in mapping:
            raise YamlRefused(line, f"the key {key!r} stands here twice (first on line {lines[*path, key]})")
        lines[*path, key] = line
        mapping[key] = _value(value_node, (*path, key), lines)
    return mapping
