"""What of Prefect's server runs do without: a third of the time that a run takes in tests is theirs."""

from typing import Final

_SERVICES: Final = ("SCHEDULER", "TRIGGERS", "EVENT_PERSISTER", "TASK_RUN_RECORDER", "LATE_RUNS", "FOREMAN")

LEAN: Final = {f"PREFECT_SERVER_SERVICES_{name}_ENABLED": "false" for name in _SERVICES}
"""For the environment of a server that records neither task runs nor events."""
