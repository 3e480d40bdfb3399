"""The report of a run as files: it outlives the Prefect server, and the terminal."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from pathlib import Path

from xenpatch.state import state_folder
from xenpatch.xapi.types import PoolUuid

log = logging.getLogger(__name__)

ALT = "The run over time: hosts as lanes, what happened to them as bars, live migrations as arrows"


def save(pool: PoolUuid, text: str, drawing: str) -> Path | None:
    """Write the report (Markdown) with its drawing (SVG) beside it, and return where.

    The folder is of the user's state and for its owner alone. A failure is logged, and gives None.
    """
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    path = state_folder("reports") / f"{pool}-{stamp}.md"
    picture = path.with_suffix(".svg")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        picture.write_text(drawing, encoding="utf-8")
        path.write_text(f"{text}\n![{ALT}]({picture.name})\n", encoding="utf-8")
    except OSError as failed:
        log.warning("The report is not saved: %s cannot be written (%s)", path, failed.strerror)
        return None
    return path
