"""Prefect's server for tests, with no more than they need."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from prefect import settings
from prefect.events.worker import EventsWorker
from prefect.logging.handlers import APILogWorker
from prefect.testing.utilities import prefect_test_harness

STARTUP_LIMIT: Final = 120
"""Seconds that a server may take to start, on a machine that does much else."""

_RECORDERS: Final = (
    settings.PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_ENABLED,
    settings.PREFECT_SERVER_SERVICES_EVENT_PERSISTER_ENABLED,
)
_OTHERS: Final = (
    settings.PREFECT_SERVER_SERVICES_SCHEDULER_ENABLED,
    settings.PREFECT_SERVER_SERVICES_TRIGGERS_ENABLED,
    settings.PREFECT_SERVER_SERVICES_LATE_RUNS_ENABLED,
    settings.PREFECT_SERVER_SERVICES_FOREMAN_ENABLED,
    settings.PREFECT_SERVER_ANALYTICS_ENABLED,
)


@contextmanager
def serving(*, recording: bool = False) -> Iterator[Path]:
    """Run a server that this process's runs talk to (10 s to start); gives the file of its database.

    Only one that records stores task runs and events, for which a run takes two thirds longer.
    """
    for sender in (EventsWorker, APILogWorker):
        sender.drain_all()  # it keeps its connection, to the server that there was until now
    wanted = dict.fromkeys(_RECORDERS, recording) | dict.fromkeys(_OTHERS, False)
    if recording:  # whatever the environment says that other tests have made for their processes
        wanted[settings.PREFECT_LOGGING_TO_API_ENABLED] = True
    with (
        settings.temporary_settings(wanted),
        prefect_test_harness(server_startup_timeout=STARTUP_LIMIT),
    ):
        url = str(settings.PREFECT_API_DATABASE_CONNECTION_URL.value())
        yield Path(url.rpartition(":///")[2])
