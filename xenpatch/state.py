"""Where xenpatch keeps what outlives a run on this machine."""

from __future__ import annotations

import os
from pathlib import Path


def state_folder(name: str) -> Path:
    """A folder of ours in the user's state folder: $XDG_STATE_HOME, or ~/.local/state."""
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state) / "xenpatch" / name
