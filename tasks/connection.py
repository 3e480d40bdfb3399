"""A session for a task."""

import os
from contextlib import AbstractContextManager

from blocks import XenServerPool
from xenpatch.xapi.session import Session, open_session

LAST_WORD = float(os.environ.get("XENPATCH_LAST_WORD_SECONDS", "20"))
"""Seconds that a run which ends early gives the pool: who cancels a flow does not wait long."""

PATIENCE = 600.0
"""Seconds that a task waits for a pool that answered before: its master may be restarting."""


def connected(pool: XenServerPool) -> AbstractContextManager[Session]:
    """A session with a pool that the run has talked to already."""
    return open_session(pool.endpoint(), patience=PATIENCE)
