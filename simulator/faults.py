"""Faults as data: which call, on which object, how often, and what happens instead."""

import json
import random
import threading
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

_USUAL: Final = {"object": "", "skip": 0, "times": 1, "chance": 1.0, "key": ""}
_KEYS: Final = ("call", *_USUAL, "do")


def _all_strings(values: list[Any]) -> bool:
    return all(isinstance(value, str) for value in values)


@dataclass(frozen=True)
class Fault:
    """What a rule does to a call. Exactly one field is set."""

    error: tuple[str, ...] = ()
    """The call fails with this code and these parameters; of an Async call, the task does."""
    drop: Literal["before", "after", ""] = ""
    """The connection is cut before or after the call was carried out."""
    delay: float = 0.0
    """The call begins this many simulated seconds later."""
    never: bool = False
    """What was to happen does not: with "boot", the host stays down."""
    fail: str | None = None
    """With "patch": the apply script fails with this output."""
    full: bool = False
    """There is no space: the upload fails."""

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Fault":
        """Read the `do` of a rule; raise ValueError saying what is wrong with it."""
        match dict(data):
            case {"error": [str(), *_] as error, **rest} if not rest and all(
                isinstance(x, str) for x in error
            ):
                return cls(error=tuple(error))
            case {"drop": "before" | "after" as drop, **rest} if not rest:
                return cls(drop=drop)
            case {"delay": int() | float() as delay, **rest} if not rest and delay > 0:
                return cls(delay=float(delay))
            case {"never": True, **rest} if not rest:
                return cls(never=True)
            case {"fail": str() as output, **rest} if not rest:
                return cls(fail=output)
            case {"full": True, **rest} if not rest:
                return cls(full=True)
        raise ValueError(
            'do must be one of {"error": [CODE, ...]}, {"drop": "before" or "after"}, {"delay": seconds}, '
            f'{{"never": true}}, {{"fail": "output"}}, {{"full": true}}; it is {data!r}'
        )


@dataclass(frozen=True)
class FaultRule:
    """Calls of this name on this object (name_label or uuid; "" means any) meet this fault."""

    call: str
    do: Fault
    object: str = ""
    skip: int = 0
    """How many matching calls pass first."""
    times: int | Literal["always"] = 1
    """How many calls after those meet the fault."""
    chance: float = 1.0
    key: str = ""
    """A text among its arguments, such as a key of a map; with a "-" at its end, how such a text begins."""

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "FaultRule":
        """Read one rule; raise ValueError saying what is wrong with it."""
        if unknown := set(data) - set(_KEYS):
            raise ValueError(f"no such keys: {', '.join(sorted(unknown))}; a rule has {', '.join(_KEYS)}")
        call, do = data.get("call"), data.get("do")
        if not isinstance(call, str) or not call:
            raise ValueError(f"call must name a call, such as VM.pool_migrate; it is {call!r}")
        if not isinstance(do, Mapping):
            raise ValueError(  # noqa: TRY004  # the rule is wrong, not the caller
                f"do must say what happens, such as {{'drop': 'after'}}; it is {do!r}"
            )
        _check_conditions(data)
        conditions = {key: data[key] for key in data if key not in ("call", "do")}
        return cls(call, Fault.from_dict(do), **conditions)


def _check_conditions(data: Mapping[str, Any]) -> None:
    """Raise ValueError if a rule does not say properly which of the calls it is about."""
    name, skip, times, chance, text = (data.get(key, usual) for key, usual in _USUAL.items())
    if not isinstance(text, str):
        raise ValueError(f"key must be a text; it is {text!r}")  # noqa: TRY004  # as all others
    if not isinstance(name, str):
        raise ValueError(f"object must be a name or a uuid; it is {name!r}")  # noqa: TRY004  # as all others
    if type(skip) is not int or skip < 0:
        raise ValueError(f"skip must be a number of calls; it is {skip!r}")
    if times != "always" and (type(times) is not int or times < 1):
        raise ValueError(f'times must be a number of calls or "always"; it is {times!r}')
    if not isinstance(chance, int | float) or not 0 < chance <= 1:
        raise ValueError(f"chance must be above 0 and at most 1; it is {chance!r}")


@dataclass
class _Standing:
    """A rule in force and how often it has matched."""

    rule: FaultRule
    matched: int = 0

    def meets(self, call: str, names: Collection[str], texts: Collection[str], chance: random.Random) -> bool:
        rule = self.rule
        if rule.call != call or (rule.object and rule.object not in names):
            return False
        if rule.key and not any(_is_meant(rule.key, text) for text in texts):
            return False
        if rule.times != "always" and self.matched >= rule.skip + rule.times:
            return False
        if rule.chance < 1 and chance.random() >= rule.chance:
            return False
        self.matched += 1
        return self.matched > rule.skip


def _is_meant(key: str, text: str) -> bool:
    return text.startswith(key) if key.endswith("-") else text == key


class Faults:
    """The rules in force. The first that matches wins; chance is the same in every run.

    With `known`, the names of all that can meet a fault, a rule for anything else raises ValueError.
    """

    def __init__(
        self, rules: Iterable[FaultRule] = (), seed: int = 602, *, known: Collection[str] | None = None
    ) -> None:
        self._known = known
        self._standing = [_Standing(self._checked(rule)) for rule in rules]
        self._lock = threading.Lock()
        self._random = random.Random(seed)

    def add(self, rule: FaultRule) -> None:
        """Put a further rule in force, after those there are."""
        with self._lock:
            self._standing.append(_Standing(self._checked(rule)))

    def _checked(self, rule: FaultRule) -> FaultRule:
        if self._known is not None and rule.call not in self._known:
            raise ValueError(f"a fault is for {rule.call!r}, which is no call of this release")
        return rule

    def clear(self) -> None:
        """Lift all rules."""
        with self._lock:
            self._standing.clear()

    def match(self, call: str, names: Collection[str] = (), texts: Collection[str] = ()) -> Fault | None:
        """Return the fault that this call, on objects with these names and uuids, meets now.

        ``texts`` are its arguments that are text.
        """
        with self._lock:
            standing = (each for each in self._standing if each.meets(call, names, texts, self._random))
            found = next(standing, None)
        return found.rule.do if found else None


def load_faults(path: Path) -> list[FaultRule]:
    """Read a JSON list of rules; raise ValueError saying which rule is wrong and why."""
    data = json.loads(path.read_text())
    if not isinstance(data, list):
        raise ValueError(f"{path}: not a list of rules")  # noqa: TRY004  # the file is wrong, not the caller
    rules = []
    for number, each in enumerate(data, 1):
        try:
            rules.append(FaultRule.from_dict(each))
        except (ValueError, TypeError) as error:
            raise ValueError(f"{path}: rule {number}: {error}") from error
    return rules
