"""Following a run from its first step to its end: in the Prefect UI, in its log, by events, in its report."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from uuid import UUID

from prefect.logging import get_run_logger
from prefect.runtime import flow_run

from tasks import artifacts
from tasks.events import Announcer, end_of
from tasks.logs import logged_in_prefect
from tasks.shown import Shown
from xenpatch.chronicle import Chronicle
from xenpatch.errors import AnswerNeeded
from xenpatch.plan.picture import svg
from xenpatch.progress import subscribe
from xenpatch.record import RunId
from xenpatch.report import RunReport
from xenpatch.saved_report import save
from xenpatch.timeline import ended_early, timeline

_story: ContextVar[Chronicle] = ContextVar("story")


@contextmanager
def followed(run: RunId) -> Iterator[None]:
    """Show, log and announce the flow run that goes on in the block, and report on one that ends early."""
    story = Chronicle()
    _story.set(story)
    announcer = Announcer(run, story)
    with (
        logged_in_prefect(),
        Shown(UUID(flow_run.id)) as shown,
        subscribe(story),
        subscribe(shown),
        subscribe(announcer),
    ):
        try:
            yield
        except BaseException as error:
            announcer.ended(error)
            waits = isinstance(error, AnswerNeeded) and not _happened(story)
            if story.pool is not None and end_of(error) is not None and not waits:
                _keep(story, ended_early(story, error), f"ended early: {error}")
            raise
        announcer.ended()


def reported(report: RunReport) -> RunReport:
    """Leave the report of a run that has reached its end; what is returned says where it was saved."""
    story = _story.get()
    saved = _keep(story, f"{report.markdown()}\n{timeline(story)}", report.summary()[0])
    return replace(report, saved=saved)


def _happened(story: Chronicle) -> bool:
    return any(story.bars(host) for host in story.hosts)


def _keep(story: Chronicle, text: str, line: str) -> str | None:
    """Put a report into Prefect and, if anything has happened to a host, into a file, with a picture."""
    drawing = path = None
    if story.pool is not None and _happened(story):
        drawing = svg(story.scene(), story.pool.master, story.title())
        path = save(story.pool.pool, text, drawing)
    try:
        artifacts.report(text, line, drawing)
    except Exception as failed:  # noqa: BLE001 - the pool is as it is, whether or not Prefect can tell
        get_run_logger().warning("the report cannot be shown in Prefect: %s", failed)
    return None if path is None else str(path)
