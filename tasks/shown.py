"""The artifact in which the Prefect UI shows a run under way."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextvars import copy_context
from types import TracebackType
from typing import Final, Self
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import ArtifactCreate
from prefect.logging import get_run_logger

from xenpatch.board import Board
from xenpatch.page import headline, page
from xenpatch.progress import Event, HostState

KEY: Final = "progress"
INTERVAL: Final = 3.0
"""Seconds between two updates, unless a host's state changes."""
LAST_WORD: Final = 5.0
"""Seconds that the end of a run waits for the last update."""
_ANSWER: Final = 10.0
"""Seconds that Prefect's server may take to answer one."""


class Shown:
    """Keeps the artifact of a flow run in step with what is told while the block goes on.

    A thread of its own sends, so that a server that is slow, or does not answer, neither holds up the run nor
    fails it; that is logged once.
    """

    def __init__(self, flow_run: UUID, *, clock: Callable[[], float] = time.time) -> None:
        self.board = Board()
        self._flow_run = flow_run
        self._clock = clock
        self._news = threading.Condition()
        self._changed = self._urgent = self._over = False
        self._log = get_run_logger()
        context = copy_context()
        self._sender = threading.Thread(target=lambda: context.run(self._send), name=KEY, daemon=True)

    def __call__(self, event: Event) -> None:
        """Take in an event; safe in threads."""
        with self._news:
            self._urgent |= isinstance(event, HostState)
            self._changed = True
            self.board.see(event, self._clock())
            self._news.notify()

    def __enter__(self) -> Self:
        """Begin."""
        self._sender.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Send the last state, if the server answers in time."""
        with self._news:
            self._over = True
            self._news.notify()
        self._sender.join(LAST_WORD)

    def _send(self) -> None:
        artifact, told = None, False
        with get_client(httpx_settings={"timeout": _ANSWER}, sync_client=True) as client:
            while (news := self._next()) is not None:
                try:
                    artifact = self._put(client, artifact, *news)
                except Exception as failed:  # noqa: BLE001 - whatever it is, the run is worth more
                    if not told:
                        self._log.warning("the progress cannot be shown in Prefect for now: %s", failed)
                    told = True

    def _next(self) -> tuple[str, str] | None:
        """The line and the page to send, when it is time; None after the last."""
        with self._news:
            self._news.wait_for(lambda: self._changed or self._over)
            self._news.wait_for(lambda: self._urgent or self._over, INTERVAL)
            if not self._changed:
                return None
            self._changed = self._urgent = False
            now = self._clock()
            return headline(self.board, now), page(self.board, now)

    def _put(self, client: SyncPrefectClient, artifact: UUID | None, line: str, text: str) -> UUID:
        if artifact is None:
            new = ArtifactCreate(
                key=KEY, type="markdown", description=line, data=text, flow_run_id=self._flow_run
            )
            return client.create_artifact(new).id
        # Not `update_artifact`: it also keeps each version whole as an event.
        told = {"description": line, "data": text}
        client.request("PATCH", "/artifacts/{id}", path_params={"id": artifact}, json=told)
        return artifact
