"""The result of a run as a JSON document, kept on Prefect's server for whoever asks its API."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from httpx import HTTPError
from prefect import get_client
from prefect.client.schemas.actions import ArtifactCreate
from prefect.exceptions import TerminationSignal
from prefect.logging import get_run_logger
from prefect.runtime import flow_run

from xenpatch.progress import subscribe
from xenpatch.result import Result

KEY: Final = "result"


@contextmanager
def kept() -> Iterator[Result]:
    """Keep what becomes of the run, whatever ends it; a run that is suspended goes on, and has none yet."""
    result = Result()
    try:
        with subscribe(result):
            yield result
    except (Exception, KeyboardInterrupt, TerminationSignal) as error:
        result.ended(error)
        _keep(result)
        raise
    _keep(result)


def _keep(result: Result) -> None:
    """The pool is as it is by now: that nobody can read it here is only logged."""
    document = result.document()
    artifact = ArtifactCreate(
        key=KEY,
        type="json",
        description=f"What became of the run, for machines: {document['outcome']}",
        data=document,
        flow_run_id=flow_run.id,
    )
    try:
        with get_client(sync_client=True) as client:
            client.create_artifact(artifact)
    except HTTPError as silent:
        get_run_logger().warning("the result could not be kept on Prefect's server: %s", silent)
