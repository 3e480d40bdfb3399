"""A session for a task."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from prefect.runtime import task_run

from blocks import XenServerPool
from xenpatch.errors import during
from xenpatch.xapi.session import Session, open_session

LAST_WORD = float(os.environ.get("XENPATCH_LAST_WORD_SECONDS", "20"))
"""Seconds that a run which ends early gives the pool: who cancels a flow does not wait long."""

PATIENCE = 600.0
"""Seconds that a task waits for a pool that answered before: its master may be restarting."""


@contextmanager
def connected(pool: XenServerPool) -> Iterator[Session]:
    """A session with a pool that the run has talked to already; what fails is noted as this task's."""
    with during(str(task_run.name)), open_session(pool.endpoint(), patience=PATIENCE) as session:
        yield session
