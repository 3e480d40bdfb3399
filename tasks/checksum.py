"""Verify the hotfix files against what was published."""

from collections.abc import Sequence
from pathlib import Path

from prefect import task
from prefect.cache_policies import NO_CACHE

from tasks.telling import telling
from xenpatch.hotfix.choice import Wanted, choose
from xenpatch.hotfix.intake import Hotfix, verify
from xenpatch.hotfix.manifest import Manifest
from xenpatch.progress import Step


@task(task_run_name="verify checksum of {file.name}", cache_policy=NO_CACHE)
def verify_checksum(file: Path, manifest: Manifest | None) -> Hotfix:
    """Read the file and compare its sums; raise HotfixError before anything is contacted."""
    with telling(Step.CHECKSUM, f"verify {file.name}") as told:
        found = verify(file, manifest, on_progress=told.bytes_done)
        told.done(f"{found.manifest.name}, {len(found.files)} files as published")
    return found


def verify_all(given: Sequence[Path], manifests: Sequence[Path]) -> Wanted:
    """Every file by a task of its own: what to install, in its order, and why the rest is left out."""
    return choose(given, manifests, verify_checksum)
