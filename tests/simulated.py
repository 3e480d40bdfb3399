"""The type of the fixture that makes simulated pools."""

from pathlib import Path
from typing import Any, Protocol

from simulator import Model, SimulatedPool


class Simulated(Protocol):
    """Makes a simulated pool, `speed` times as fast, and closes it when the test is over."""

    def __call__(self, model: Model | Path, *, speed: float = 600, **more: Any) -> SimulatedPool: ...
