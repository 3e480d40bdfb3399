"""Following a run from its first step to its end: what it tells goes to the Prefect UI."""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from prefect.runtime import flow_run

from tasks.shown import Shown
from xenpatch.progress import subscribe


@contextmanager
def followed() -> Iterator[None]:
    """Show the flow run that goes on in the block."""
    with Shown(UUID(flow_run.id)) as shown, subscribe(shown):
        yield
