"""A run as a process of its own, to be killed: it continues what is on the pool, or begins."""

import os
import sys
from pathlib import Path

from pydantic import SecretStr

from blocks import XenServerPool
from flows.patch_pool import patch_pool
from flows.resume_pool import resume_pool
from xenpatch.options import How, PatchOptions, Remedies
from xenpatch.record import held_by
from xenpatch.xapi.session import open_session
from xenpatch.xapi.survey import read_places


def main(url: str, password: str, files: tuple[Path, Path], home: Path, environment: dict[str, str]) -> None:
    """Bring the pool to the end of the run, from wherever it is; what is said goes to a file at home."""
    os.environ |= environment | {"HOME": str(home), "XDG_STATE_HOME": str(home / "state")}
    sys.stdout = sys.stderr = (home / "said").open("w", buffering=1)
    pool = XenServerPool(addresses=[url], user="root", password=SecretStr(password))
    with open_session(pool.endpoint(), patience=60.0) as session:  # its master may be rebooting
        begun = held_by(read_places(session).other_config) is not None
    if begun:
        resume_pool(pool)
        return
    options = PatchOptions(remedy=Remedies.ALL, stop={"storage": How.SUSPEND}, backup_folder=home / "backups")
    patch_pool(pool, *files, None, options)
