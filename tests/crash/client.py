"""A run as a process of its own, to be killed or disturbed; what it says goes to a file in its home."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings
from pydantic import SecretStr

from blocks import XenServerPool
from flows.patch_pool import patch_pool
from flows.resume_pool import resume_pool
from xenpatch import cli
from xenpatch.options import PatchOptions
from xenpatch.record import held_by
from xenpatch.xapi.session import open_session
from xenpatch.xapi.survey import read_places

# With a heartbeat of Prefect's each flow's end would wait up to a second for it.
_UNHURT = {PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}


def bring_to_the_end(
    home: Path,
    environment: dict[str, str],
    url: str,
    password: str,
    files: tuple[Path, Path],
    options: PatchOptions,
) -> None:
    """Patch the pool, or continue the run that is on it."""
    _settle_in(home, environment)
    pool = XenServerPool(addresses=[url], user="root", password=SecretStr(password))
    with open_session(pool.endpoint(), patience=60.0) as session:  # its master may be rebooting
        begun = held_by(read_places(session).other_config) is not None
    with temporary_settings(_UNHURT):
        if begun:
            resume_pool(pool)
        else:
            folder = {"backup_folder": home / "backups"}
            patch_pool(pool, files[:1], files[1:], None, options.model_copy(update=folder))


def command(home: Path, environment: dict[str, str], arguments: Sequence[str]) -> None:
    """Run a command of the command line; ends with its exit code."""
    _settle_in(home, environment)
    sys.argv = ["xenpatch", *arguments]
    with temporary_settings(_UNHURT):
        cli.main()


def _settle_in(home: Path, environment: dict[str, str]) -> None:
    os.environ |= environment | {"HOME": str(home), "XDG_STATE_HOME": str(home / "state")}
    sys.stdout = sys.stderr = (home / "said").open("w", buffering=1)
