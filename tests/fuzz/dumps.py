"""Saved databases that are damaged or hostile."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from xml.etree import ElementTree as ET

from hypothesis import strategies as st
from pydantic import SecretStr
from rich.console import Console

from simulator import Model, SimulatedPool
from tests.fuzz.edits import Graft, Splice, grafted, grafts, places, spliced, splices
from xenpatch import display
from xenpatch.errors import InputError
from xenpatch.xapi.dump import read_pool
from xenpatch.xapi.files import download
from xenpatch.xapi.inventory import Inventory
from xenpatch.xapi.session import Endpoint, open_session

_TEXTS: Final = (
    "", "x", "-1", "9" * 30, "9" * 5000, "NaN", "1e999", "true", "(" * 2000, "('a'", "(('a' 'b'))", "()",
    "'" * 999, "\\", "(('boot_time' '1e300'))", "(('product_version' '²'))", "(('features' 'zz'))",
    "OpaqueRef:NULL", "%" * 99, "Running", "20200101T00:00:00Z",
)  # fmt: skip


@dataclass(frozen=True)
class Attribute:
    """One of a row's attributes, and what it becomes; None takes it away."""

    row: int
    name: int
    text: str | None


@dataclass(frozen=True)
class Case:
    """What is done to the attributes of a database, then to its XML, then to its bytes."""

    attributes: tuple[Attribute, ...] = ()
    grafts: tuple[Graft, ...] = ()
    splices: tuple[Splice, ...] = ()


_attributes = st.builds(Attribute, places, places, st.none() | st.sampled_from(_TEXTS))
cases = st.one_of(
    st.builds(Case, attributes=st.lists(_attributes, min_size=1, max_size=3).map(tuple)),
    st.builds(Case, grafts=grafts.map(tuple)),
    st.builds(Case, splices=splices.map(tuple)),
)


def shown(pool: Inventory) -> str:
    """All that a person sees of a pool: what is read must be fit for that."""
    display.status(console := Console(file=io.StringIO(), width=200), pool)
    return str(console.file)


@contextmanager
def judging(folder: Path) -> Iterator[Callable[[Case], str]]:
    """A judge: a pool can be shown, or its database is refused by name."""
    whole, path = _whole(), folder / "pool.xml"

    def judge(case: Case) -> str:
        path.write_bytes(_damaged(whole, case))
        try:
            shown(read_pool(path).pool)
        except InputError as error:
            refused = error
        else:
            return "taken"
        assert str(refused).startswith(f"{path} is no whole pool database")
        assert len(str(refused)) < 1000
        return type(refused).__name__

    yield judge


def _whole() -> bytes:
    saved = bytearray()
    with SimulatedPool(Model(hosts=2, vms=2), speed=600) as sim:
        endpoint = Endpoint((sim.url,), sim.user, SecretStr(sim.password))
        with open_session(endpoint) as session:
            download(session, "/pool/xmldbdump", saved.extend)
    return bytes(saved)


def _damaged(whole: bytes, case: Case) -> bytes:
    root = ET.fromstring(grafted(whole, case.grafts))
    for attribute in case.attributes:
        _change(root, attribute)
    return spliced(ET.tostring(root), case.splices)


def _change(root: ET.Element, change: Attribute) -> None:
    rows = root.findall("table/row")
    given = rows[change.row % len(rows)].attrib
    if given:
        name = sorted(given)[change.name % len(given)]
        if change.text is None:
            del given[name]
        else:
            given[name] = change.text
