"""Leave what has to follow to a person: a list with its commands."""

from datetime import UTC, datetime
from pathlib import Path

from prefect import task
from prefect.cache_policies import NO_CACHE

from blocks import XenServerPool
from tasks import artifacts
from tasks.connection import connected
from tasks.retries import RETRIED
from tasks.telling import telling
from xenpatch import record
from xenpatch.guidance.pending import contradictions, pending
from xenpatch.guidance.tasks import markdown, sentences
from xenpatch.hotfix.bundle import Bundle
from xenpatch.progress import Step
from xenpatch.record import RunId
from xenpatch.state import state_folder
from xenpatch.xapi.survey import read_inventory


@task(task_run_name="list what is left to do", cache_policy=NO_CACHE, **RETRIED)
def hand_over(pool: XenServerPool, run: RunId, bundle: Bundle, file: Path | None) -> tuple[str, Path]:
    """Write the list to a file and an artifact, and give the pool back; the list, and where it is."""
    with telling(Step.REPORT, "list what is left to do") as told, connected(pool) as session:
        record.assert_ours(session, run)
        seen = read_inventory(session)
        text = markdown(seen, pending(seen, bundle.uuids), [each.name for each in bundle.manifests])
        now = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        path = file or state_folder("tasks") / f"{seen.uuid}-{now}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        artifacts.tasks_left(text)
        record.release(session, run)
        told.done(str(path))
    return text, path


@task(task_run_name="look what is left to do", cache_policy=NO_CACHE, **RETRIED)
def what_is_left(pool: XenServerPool, bundle: Bundle) -> tuple[str, ...]:
    """What hotfixes ask for and this run was not to do, as sentences."""
    with connected(pool) as session:
        seen = read_inventory(session)
    return (*sentences(pending(seen, bundle.uuids)), *contradictions(seen, bundle.uuids))
