"""Debian's Chromium, driven by Playwright, on Prefect's UI."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from xenpatch.waiting import NotYet, wait_for

_PATIENCE = 120_000  # milliseconds, of a page on a machine that does much else
_FOLDER = os.environ.get("XENPATCH_SCREENSHOTS")


def home() -> Path | None:
    """Where `make server` is to be for pictures, which show paths; None where none are taken."""
    return Path(tempfile.gettempdir()) / "xenpatch" if _FOLDER else None


@contextmanager
def page() -> Iterator[Page]:
    """An empty page; where there is no Chromium, the test is skipped."""
    if (chromium := shutil.which("chromium")) is None:
        pytest.skip("no chromium: apt install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        found = browser.new_page(viewport={"width": 1280, "height": 900})
        found.set_default_timeout(_PATIENCE)
        expect.set_options(timeout=_PATIENCE)
        yield found
        browser.close()


def shoot(of: Page, name: str) -> None:
    """A screenshot for the papers, where `make screenshots` asks for it."""
    if _FOLDER:
        of.screenshot(path=Path(_FOLDER) / f"prefect-{name}.png")


def assert_pictures_are_there(of: Page) -> None:
    """Every picture of the page comes, from this machine; at least one, so that it is no empty page."""
    pictures = "[...document.images]"
    of.wait_for_function(f"{pictures}.length > 0 && {pictures}.every(i => i.naturalWidth > 0)")
    sources = of.evaluate(f"{pictures}.map(i => i.src)")
    assert all("//127.0.0.1:" in source for source in sources), sources


def fill_in(of: Page, pool: str, hotfix: Path, manifest: Path) -> None:
    """Fill in the form of patch_pool, once it is there: a saved pool, one file, its manifest, no SSH."""
    prefilled = of.locator("button", has_text="simulated").first
    prefilled.wait_for()
    assert_pictures_are_there(of)
    shoot(of, "form")
    prefilled.click()
    of.get_by_role("option", name=pool, exact=True).click()
    texts = of.locator("textarea")
    texts.nth(0).fill(str(hotfix))
    texts.nth(1).fill(str(manifest))
    of.get_by_role("tab", name="None", exact=True).first.click()


def ask_for_approval(of: Page) -> None:
    """Have the run wait with its plan."""
    of.get_by_label("Plan (Optional)", exact=True).click()


def approve(of: Page, note: str, says: str) -> None:
    """Open the form of a run that waits, once it says that, and answer it with a yes."""
    of.get_by_text("Suspended", exact=True).first.wait_for()
    of.get_by_role("button", name="Open menu").click()
    of.get_by_role("menuitem", name="Resume").click()
    dialog = of.get_by_role("dialog")
    dialog.get_by_text(says).first.wait_for()
    shoot(of, "approval")
    dialog.get_by_role("button", name="Select Decision").click()
    of.get_by_role("option", name="continue", exact=True).click()
    dialog.get_by_label("Note (Optional)", exact=True).fill(note)
    dialog.get_by_role("button", name="Resume", exact=True).click()
    dialog.wait_for(state="hidden")


def submit(of: Page) -> str:
    """Start the run, go to its page, and return its id.

    By its address: the button View run is there for a few seconds only. Where the server was busy (503), the
    person clicks again.
    """

    def clicked() -> str | NotYet:
        with of.expect_response(re.compile("/create_flow_run$")) as answer:
            of.get_by_role("button", name="Submit").click()
        busy = answer.value.status == HTTPStatus.SERVICE_UNAVAILABLE
        return NotYet("the server is busy") if busy else str(answer.value.json()["id"])

    run = wait_for("a run to be made", clicked, 60, tell=False)
    of.goto(re.sub("/deployments/.*", f"/runs/flow-run/{run}", of.url))
    of.get_by_role("tab", name="Artifacts").wait_for()
    return run


def open_artifact(of: Page, key: str, run: str, says: str) -> None:
    """Open the latest artifact of that key, and wait until it is seen to be the run's, and to say that."""
    of.get_by_role("tab", name="Artifacts").click()
    of.locator(f"a[href$='/artifacts/key/{key}']").click()
    of.wait_for_url(re.compile(f"/artifacts/key/{key}"))
    of.locator("a[href*='/artifacts/artifact/']").first.click()
    of.wait_for_url(re.compile("/artifacts/artifact/"))
    of.locator(f"a[href$='/runs/flow-run/{run}']").first.wait_for()
    of.get_by_text(says).first.wait_for()
    shoot(of, key)
