"""Verify the hotfix file against what was published."""

from pathlib import Path

from prefect import task
from prefect.cache_policies import NO_CACHE

from tasks.telling import telling
from xenpatch.hotfix.intake import Hotfix, verify
from xenpatch.hotfix.manifest import load_manifest
from xenpatch.progress import Step


@task(task_run_name="verify checksum of {hotfix.name}", cache_policy=NO_CACHE)
def verify_checksum(hotfix: Path, manifest: Path | None) -> Hotfix:
    """Read the file and compare its sums; raise HotfixError before anything is contacted."""
    with telling(Step.CHECKSUM, f"verify {hotfix.name}") as told:
        found = verify(hotfix, load_manifest(manifest) if manifest else None, on_progress=told.bytes_done)
        told.done(f"{found.manifest.name}, {len(found.files)} files as published")
    return found
