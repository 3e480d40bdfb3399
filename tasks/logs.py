"""What a run tells and the library logs, in the log of the flow run, without any setting of Prefect."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Final

from prefect.context import FlowRunContext, TaskRunContext
from prefect.logging.handlers import APILogHandler
from prefect.runtime import flow_run

from xenpatch.lines import Lines
from xenpatch.progress import subscribe

LIBRARY: Final = logging.getLogger("xenpatch")


@contextmanager
def logged_in_prefect() -> Iterator[None]:
    """Send all that is logged in the block to the flow run, or to the task run in which it happens.

    Nothing below INFO: what a person debugs with on a machine of his own is not for a server. Lines of
    threads that belong to no run, such as the heartbeat's, go to the flow run.
    """
    level = LIBRARY.level
    handler = APILogHandler(logging.INFO)
    handler.addFilter(partial(_addressed, flow_run.id))
    if level == logging.NOTSET:
        LIBRARY.setLevel(logging.INFO)
    if not any(isinstance(theirs, APILogHandler) for theirs in LIBRARY.handlers):
        LIBRARY.addHandler(handler)
    try:
        with subscribe(Lines(LIBRARY.info, timed=False)):
            yield
    finally:
        LIBRARY.removeHandler(handler)
        LIBRARY.setLevel(level)


def _addressed(flow_run: str, record: logging.LogRecord) -> bool:
    if FlowRunContext.get() is None and TaskRunContext.get() is None:
        record.flow_run_id = flow_run
    return True
