"""The fields of the XenAPI's records that we read: what each is on the wire and in a saved database."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final
from xmlrpc.client import DateTime

from xenpatch.xapi import sexpr
from xenpatch.xapi.inventory import PowerState
from xenpatch.xapi.moments import moment

_INTEGER: Final = re.compile(r"[0-9]{1,19}")


@dataclass(frozen=True)
class Kind:
    """What a value can be: in words, as XML-RPC gives it, and how a saved database's text is read.

    ``read`` raises ValueError or KeyError.
    """

    words: str
    fits: Callable[[Any], bool]
    read: Callable[[str], Any] = str


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_number(value: Any) -> bool:
    """64 bits, which XML-RPC's own int cannot hold: xapi writes them as text."""
    return isinstance(value, str) and _INTEGER.fullmatch(value) is not None


def _is_moment(value: Any) -> bool:
    try:
        return isinstance(value, DateTime) and bool(moment(value))
    except ValueError:
        return False


def _number(text: str) -> str:
    """Integers stay text, as they are on the wire."""
    if not _is_number(text.strip()):
        raise ValueError(text)
    return str(int(text))


TEXT: Final = Kind("text", _is_text)
NUMBER: Final = Kind("a whole number as text", _is_number, _number)
TRUTH: Final = Kind(
    "a boolean", lambda value: isinstance(value, bool), lambda text: {"true": True, "false": False}[text]
)
FRACTION: Final = Kind("a number", lambda value: isinstance(value, float) and math.isfinite(value), float)
MOMENT: Final = Kind("a date", _is_moment)
SET: Final = Kind(
    "an array of texts",
    lambda value: isinstance(value, list) and all(map(_is_text, value)),
    sexpr.parse_set,
)
MAP: Final = Kind(
    "a struct of texts",
    lambda value: isinstance(value, dict) and all(map(_is_text, value.values())),
    sexpr.parse_map,
)
POWER_STATE: Final = Kind(
    "a power state",
    lambda value: _is_text(value) and value in list(PowerState),
    lambda text: PowerState(text).value,
)


@dataclass(frozen=True)
class Field:
    """A field, its value where an older or newer release lacks it, and whether a saved database tells it."""

    kind: Kind
    default: Any = None
    saved: bool = True


_TEXT = Field(TEXT)
_NUMBER = Field(NUMBER)
_TRUTH = Field(TRUTH)
_MOMENT = Field(MOMENT)
_TEXT_OR_NONE = Field(TEXT, "")
_NUMBER_OR_0 = Field(NUMBER, "0")
_FALSE = Field(TRUTH, default=False)
_TRUE = Field(TRUTH, default=True)
_SET = Field(SET, [])
_MAP = Field(MAP, {})
_OPERATIONS = Field(MAP, {}, saved=False)


def _unsaved(**kinds: Kind) -> dict[str, Field]:
    return {name: Field(kind, saved=False) for name, kind in kinds.items()}


FIELDS: Final[dict[str, dict[str, Field]]] = {
    "pool": {
        "uuid": _TEXT, "name_label": _TEXT_OR_NONE, "master": _TEXT, "ha_enabled": _FALSE,
        "wlb_enabled": _FALSE, "other_config": _MAP, "ha_host_failures_to_tolerate": _NUMBER_OR_0,
        "ha_statefiles": _SET, "ha_configuration": _MAP,
    },
    "host": {
        "uuid": _TEXT, "name_label": _TEXT, "address": _TEXT_OR_NONE, "enabled": _TRUTH, "metrics": _TEXT,
        "memory_overhead": _NUMBER, "software_version": _MAP, "other_config": _MAP, "cpu_info": _MAP,
        "current_operations": _OPERATIONS,
    },
    "host_metrics": {"live": _TRUTH, "memory_total": _NUMBER},
    "VM": {
        "uuid": _TEXT, "name_label": _TEXT_OR_NONE, "power_state": Field(POWER_STATE),
        "resident_on": _TEXT, "affinity": _TEXT_OR_NONE, "is_a_template": _FALSE, "is_a_snapshot": _FALSE,
        "is_control_domain": _FALSE, "memory_dynamic_max": _NUMBER, "memory_dynamic_min": _NUMBER,
        "memory_overhead": _NUMBER, "tags": _SET, "ha_restart_priority": _TEXT_OR_NONE,
        "ha_always_run": _TRUE, "last_boot_CPU_flags": _MAP, "blocked_operations": _MAP,
        "attached_PCIs": _SET, "other_config": _MAP, "HVM_boot_policy": _TEXT_OR_NONE,
        "metrics": _TEXT_OR_NONE, "current_operations": _OPERATIONS,
        "allowed_operations": Field(SET, ["suspend"], saved=False),
    },
    "VM_metrics": {"start_time": _MOMENT},
    "VBD": {"uuid": _TEXT, "VM": _TEXT, "VDI": _TEXT, "empty": _FALSE, "type": _TEXT},
    "VDI": {"uuid": _TEXT, "name_label": _TEXT_OR_NONE, "SR": _TEXT},
    "VIF": {"VM": _TEXT, "network": _TEXT},
    "network": {"uuid": _TEXT, "name_label": _TEXT_OR_NONE},
    "PIF": {"network": _TEXT, "host": _TEXT},
    "SR": {
        "uuid": _TEXT, "name_label": _TEXT_OR_NONE, "type": _TEXT, "shared": _FALSE, "other_config": _MAP,
        "is_tools_sr": Field(TRUTH, default=False, saved=False),
    },
    "PBD": {"uuid": _TEXT, "SR": _TEXT, "host": _TEXT, "currently_attached": _TRUTH},
    "pool_patch": {
        "uuid": _TEXT, "name_label": _TEXT_OR_NONE, "size": _NUMBER, "after_apply_guidance": _SET,
    },
    "host_patch": {"host": _TEXT, "pool_patch": _TEXT, "applied": _TRUTH, "timestamp_applied": _MOMENT},
    "session": _unsaved(is_local_superuser=TRUTH, auth_user_name=TEXT, rbac_permissions=SET),
    "task": _unsaved(
        name_label=TEXT, status=TEXT, progress=FRACTION, created=MOMENT, finished=MOMENT, result=TEXT,
        error_info=SET,
    ),
}  # fmt: skip
"""By class and field; a field without a default is there in every release."""
