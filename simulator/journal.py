"""What happened to the pool: every call with its outcome, and every change of a VM's or host's state."""

from pathlib import Path
from typing import Any


class Journal:
    """The lines in memory, and in a JSON lines file if one is named."""

    def __init__(self, path: Path | None = None) -> None:
        self.lines: list[dict[str, Any]] = []
        self.path = path

    def write(self, line: dict[str, Any]) -> None:
        """Add a line."""
        raise NotImplementedError

    def calls(self, name: str = "") -> list[dict[str, Any]]:
        """Return the call lines, of one message if a name is given."""
        return [line for line in self.lines if line.get("call") and name in ("", line["call"])]

    def close(self) -> None:
        """Close the file."""
        raise NotImplementedError
