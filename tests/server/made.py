"""`make server`, started by a test."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import urllib.error
import urllib.request
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

from xenpatch.waiting import NotYet, wait_for

ROOT = Path(__file__).parents[2]


@dataclass
class Served:
    """`make server` in a folder of its own."""

    process: subprocess.Popen[str]
    folder: Path
    guide: str

    @property
    def url(self) -> str:
        """Where Prefect is."""
        return str(re.findall(r"(http://127\.0\.0\.1:\d+)/v2$", self.guide, re.MULTILINE)[0])

    @property
    def form(self) -> str:
        """The form of patch_pool."""
        return str(re.findall(r"patch_pool +(http\S+)", self.guide)[0])

    def ask(self, path: str, body: object = None, method: str | None = None) -> Any:
        """What its API answers; None if that is nothing."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"content-type": "application/json"}
        request = urllib.request.Request(f"{self.url}/api{path}", data, headers, method=method)

        def answer() -> bytes | NotYet:
            try:
                with urllib.request.urlopen(request, timeout=30) as reply:
                    return bytes(reply.read())
            except urllib.error.HTTPError as busy:
                if busy.code != HTTPStatus.SERVICE_UNAVAILABLE:
                    raise
                return NotYet("the server is busy")

        return json.loads(wait_for(path, answer, 60, tell=False) or "null")

    def processes(self) -> list[int]:
        """Every process that was started by it, whoever its parent is."""
        mark = f"XENPATCH_SERVER={self.folder / 'logs'}".encode()
        return [pid for pid in map(int, _numbers()) if mark in _environment(pid)]


def _environment(pid: int) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return []


def command_line(pid: int) -> list[bytes]:
    return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")


def _numbers() -> list[str]:
    return [folder.name for folder in Path("/proc").iterdir() if folder.name.isdigit()]


def start(folder: Path) -> Served:
    """Start it, and read on until it has said where it is."""
    quick = {"XENPATCH_HEARTBEAT_SECONDS": "1", "XENPATCH_GRACE_SECONDS": "1", "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        [sys.executable, "-m", "deployments.serve", str(folder)],
        cwd=ROOT,
        env=os.environ | quick,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    said = ""
    while "Artifacts" not in said:
        line = process.stdout.readline()
        assert line, f"it ended with {process.wait()}: {said}"
        said += line
    return Served(process, folder, said)
