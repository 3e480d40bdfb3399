"""What the papers promise is there."""

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from xenpatch.cli import app

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
PAPERS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
DECISIONS = sorted((ROOT / "docs" / "decisions").glob("*.md"))
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
CODE = re.compile(r"```.*?```|`[^`\n]+`", re.DOTALL)


def targets() -> set[str]:
    (names,) = re.findall(r"^\.PHONY: (.+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    return set(names.split())


def commands(command: Any, path: str = "xenpatch") -> Iterator[tuple[str, str]]:
    """Each command with its help; a group stands for what is in it."""
    if not (within := getattr(command, "commands", None)):
        yield path, command.help or ""
    for name, inner in (within or {}).items():
        yield from commands(inner, f"{path} {name}")


def anchors(paper: Path) -> set[str]:
    """The names by which headings can be linked to, as GitHub makes them."""
    headings = HEADING.findall(CODE.sub("", paper.read_text()) if paper.suffix == ".md" else "")
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


COMMANDS = dict(commands(get_command(app)))


def test_make_alone_lists_every_target() -> None:
    alone = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    listed = subprocess.run(["make"], cwd=ROOT, env=alone, capture_output=True, text=True, check=True).stdout

    shown = dict(line.split(maxsplit=2)[1:] for line in listed.splitlines())
    assert shown.keys() == targets()


@pytest.mark.parametrize("paper", PAPERS, ids=lambda paper: str(paper.relative_to(ROOT)))
def test_targets_that_a_paper_names_exist(paper: Path) -> None:
    named = set(re.findall(r"\bmake ([a-z]+(?:-[a-z]+)*)\b", "\n".join(CODE.findall(paper.read_text()))))

    assert named <= targets()


@pytest.mark.parametrize("paper", PAPERS, ids=lambda paper: str(paper.relative_to(ROOT)))
def test_links_lead_somewhere(paper: Path) -> None:
    links = [link.partition("#") for link in LINK.findall(paper.read_text()) if "://" not in link]
    found = [((paper.parent / path) if path else paper, anchor) for path, _, anchor in links]

    assert [str(file) for file, _ in found if not file.exists()] == []
    assert [anchor for file, anchor in found if anchor and anchor not in anchors(file)] == []


@pytest.mark.parametrize("paper", PAPERS, ids=lambda paper: str(paper.relative_to(ROOT)))
def test_files_and_commands_that_a_paper_names_exist(paper: Path) -> None:
    named = "\n".join(CODE.findall(paper.read_text()))
    files = re.findall(
        r"(?<![\w./-])((?:blocks|deployments|docs|flows|simulator|tasks|tests|xenpatch)/[\w./-]*)", named
    )
    invoked = re.findall(r"\bxenpatch ((?:hotfix |blocks )?[a-z]+)\b", named)

    assert [name for name in files if not (ROOT / name).exists()] == []
    assert [name for name in invoked if f"xenpatch {name}" not in COMMANDS] == []


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_has_help_and_is_in_the_readme(command: str) -> None:
    assert COMMANDS[command].endswith(".")
    assert command in README.read_text()


def test_the_readme_shows_both_commands_of_a_fresh_clone() -> None:
    shown = CODE.findall(README.read_text())

    assert any("make demo" in block for block in shown)
    assert any("make test" in block for block in shown)


def test_the_changelog_has_a_place_for_what_is_not_released() -> None:
    assert "## [Unreleased]" in (ROOT / "CHANGELOG.md").read_text()


def test_decisions_are_numbered_without_a_gap_and_titled_by_their_number() -> None:
    numbers = [int(file.name[:4]) for file in DECISIONS]
    titled = [int(file.read_text().split()[1]) for file in DECISIONS]

    assert numbers == titled == list(range(1, len(DECISIONS) + 1))


def test_the_record_of_verification_says_what_was_not_tried() -> None:
    assert "No physical XenServer was used" in (ROOT / "docs" / "verification.md").read_text()
