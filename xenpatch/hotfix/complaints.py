"""What is wrong with a manifest, in words that a person can act on, each with its line."""

import difflib
from collections.abc import Iterable
from typing import Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from xenpatch.hotfix.strict_yaml import Document, Path

_SHOWN: Final = 10
_CUT: Final = 60
_WORDS: Final = {
    "missing": "is missing",
    "extra_forbidden": "is not a key that a manifest has",
    "enum": "must be one of {expected}",
    "string_type": "must be text",
    "tuple_type": "must be a list",
    "model_type": "must be a mapping of keys to values",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "greater_than": "must be more than {gt}",
}


def complaints(error: ValidationError, document: Document, keys: Iterable[str]) -> str:
    """One line for each fault, at most ten; ``keys`` are those that a misspelt one may have meant."""
    faults = sorted(error.errors(include_url=False), key=lambda fault: document.line_of(fault["loc"]))
    lines = [_line(fault, document, keys) for fault in faults[:_SHOWN]]
    if len(faults) > _SHOWN:
        lines.append(f"and {len(faults) - _SHOWN} more")
    return "\n".join(f"  {line}" for line in lines)


def _line(fault: ErrorDetails, document: Document, keys: Iterable[str]) -> str:
    path = fault["loc"]
    return (
        f"line {document.line_of(path)}: {_dotted(path)} {_words(fault)}{_hint(fault, keys)}{_shown(fault)}"
    )


def _dotted(path: Path) -> str:
    parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return "".join(parts).lstrip(".") or "the manifest"


def _words(fault: ErrorDetails) -> str:
    context = fault.get("ctx", {})
    if fault["type"] == "value_error":
        return str(context["error"])
    return _WORDS.get(fault["type"], fault["msg"]).format_map(context)


def _hint(fault: ErrorDetails, keys: Iterable[str]) -> str:
    if fault["type"] != "extra_forbidden":
        return ""
    meant = difflib.get_close_matches(str(fault["loc"][-1]), sorted(keys), n=1)
    return f"; did you mean {meant[0]}?" if meant else ""


def _shown(fault: ErrorDetails) -> str:
    value = fault["input"]
    if not isinstance(value, str) or fault["type"] == "extra_forbidden":
        return ""
    return f": {value!r}" if len(value) <= _CUT else f": {value[:_CUT]!r}..."
