"""The commands of docs/api.md, as they stand there."""

import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

PAPER = Path(__file__).parents[2] / "docs" / "api.md"
_HEADING = re.compile(r"^## (.+)$", re.MULTILINE)
_COMMANDS = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def commands() -> dict[str, list[str]]:
    """The blocks of commands under each heading; those before the first are under ""."""
    parts = ["", *_HEADING.split(PAPER.read_text())]
    return {title: _COMMANDS.findall(text) for title, text in zip(parts[::2], parts[1::2], strict=True)}


@dataclass
class Shell:
    """A person who copies commands from the paper into one shell; variables stay from one to the next.

    ``instead`` is what the person has in place of the paper's examples.
    """

    folder: Path
    instead: dict[str, str]
    variables: dict[str, str] = field(default_factory=dict)

    def run(self, heading: str, number: int = 0) -> str:
        """Run a block and return what it prints; a command that fails fails the test."""
        if lacking := [program for program in ("curl", "jq") if shutil.which(program) is None]:
            pytest.skip(f"the commands of docs/api.md need {' and '.join(lacking)}")
        script = commands()[heading][number]
        for example, own in self.instead.items():
            script = script.replace(example, own)
        keep = self.folder / "variables"
        given = "".join(f"{name}={value!r}\n" for name, value in self.variables.items())
        told = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", f"{given}{script}\nset > {keep}"],
            cwd=self.folder,
            env={"PATH": os.environ["PATH"]},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert told.returncode == 0, f"{script}\n{told.stdout}\n{told.stderr}"
        assigned = re.findall(r"^(\w+)=", script, re.MULTILINE)
        found = dict(re.findall(r"^(\w+)='?(.*?)'?$", keep.read_text(), re.MULTILINE))
        self.variables |= {name: found[name] for name in assigned}
        return told.stdout

    def ask(self, heading: str, number: int = 0) -> Any:
        """The same, where what it prints is JSON."""
        return json.loads(self.run(heading, number))
