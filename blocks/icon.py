"""The picture of our blocks in the UI."""

from __future__ import annotations

from typing import Final

from prefect.settings import PREFECT_UI_URL
from pydantic import HttpUrl

_PATH: Final = "/v2/ico/android-chrome-192x192.png"


class Served:
    """One that Prefect's server has itself, so that it shows without the internet; None without a server.

    Prefect keeps an address alone, and its clients accept none with the picture in it (data:). It is that of
    the server that is talked to when the block is saved.
    """

    def __get__(self, instance: object, owner: type | None = None) -> HttpUrl | None:
        """As a class attribute is read."""
        server = PREFECT_UI_URL.value()
        return HttpUrl(f"{server.rstrip('/')}{_PATH}") if server else None
