"""A run can be followed in Prefect while it goes on, and leaves a report of what really happened."""

import base64
import logging
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from uuid import UUID, uuid4
from xml.etree import ElementTree as ET

import pytest
from prefect import flow, get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey, LogFilter, LogFilterFlowRunId
from prefect.client.schemas.objects import Artifact
from prefect.client.schemas.sorting import ArtifactSort
from prefect.runtime import flow_run
from prefect.settings import PREFECT_API_URL, temporary_settings

from flows.resume_pool import resume_pool
from simulator import SimulatedPool
from tasks.logs import LIBRARY, logged_in_prefect
from tasks.shown import KEY, Shown
from tests.flows.kit import Somebody, block, fault, patch
from xenpatch.errors import RebootRefused
from xenpatch.progress import Condition, HostState, Step, subscribe
from xenpatch.waiting import NotYet, wait_for
from xenpatch.xapi.types import HostUuid


def newest(key: str = KEY) -> Artifact:
    wanted = ArtifactFilter(key=ArtifactFilterKey(any_=[key]))
    with get_client(sync_client=True) as client:
        return client.read_artifacts(artifact_filter=wanted, sort=ArtifactSort.CREATED_DESC, limit=1)[0]


def rows(artifact: Artifact) -> dict[str, str]:
    """The state of each host in it."""
    assert isinstance(artifact.data, str)
    cells = [line.split("|") for line in artifact.data.splitlines() if line.startswith("| xs")]
    return {row[1].strip(): row[2].strip() for row in cells}


def reboots(artifact: Artifact) -> list[str]:
    """The hosts that reboot in the picture of a report."""
    assert isinstance(artifact.data, str)
    (inline,) = re.findall(r"\(data:image/svg\+xml;base64,([^)]+)\)", artifact.data)
    titles = ET.fromstring(base64.b64decode(inline)).iter("{http://www.w3.org/2000/svg}title")
    return [told.partition(" reboots, ")[0] for title in titles if " reboots, " in (told := title.text or "")]


def test_the_artifact_follows_the_run_and_ends_with_it(sim: SimulatedPool, tmp_path: Path) -> None:
    shown = []

    def look(*_: object) -> None:
        def first_is_patched() -> Artifact | NotYet:
            found = newest()
            return found if rows(found).get("xs1") == "patched" else NotYet(str(found.data))

        shown.append(wait_for("the artifact to show it", first_is_patched, 60, of_the_pool=False))

    with subscribe(Somebody(sim, "xs2", look, Step.REBOOT)):
        patch(sim, tmp_path)

    (during,), after = shown, newest()
    assert rows(during) | {"xs2": ""} == {"xs1": "patched", "xs2": "", "xs3": "in service"}
    assert during.id == after.id
    assert set(rows(after).values()) == {"patched"}
    assert after.description == "SAMPLE602X001 for Simulated pool: 100%, 3 of 3 hosts patched"


def test_the_report_shows_what_really_happened_and_is_kept_as_a_file(
    sim: SimulatedPool, tmp_path: Path
) -> None:
    report = patch(sim, tmp_path)

    assert reboots(newest("report")) == ["xs1", "xs2", "xs3"]
    assert report.saved is not None
    text = Path(report.saved).read_text()
    assert text.startswith("# SAMPLE602X001 on Simulated pool\n")
    (picture,) = re.findall(r"!\[[^]]+\]\((\S+\.svg)\)", text)
    assert (Path(report.saved).parent / picture).read_text().startswith("<svg")


def test_a_run_that_ends_early_and_the_one_that_continues_it_each_report_what_they_did(
    sim: SimulatedPool, tmp_path: Path
) -> None:
    fault(sim, "host.reboot", {"error": ["INTERNAL_ERROR", "no"]}, skip=1, times=1)
    with pytest.raises(RebootRefused) as failed:
        patch(sim, tmp_path)
    early = newest("report")

    resume_pool(block(sim))

    assert early.description == f"ended early: {failed.value}"
    assert "This run patched xs1, with" in str(early.data)
    assert "xs3" not in reboots(early)
    assert reboots(newest("report")) == ["xs2", "xs3"]


@pytest.mark.usefixtures("prefect_server")
def test_the_library_logs_into_the_flow_run_and_never_below_info() -> None:
    @flow
    def run() -> str:
        with logged_in_prefect():
            LIBRARY.info("of the flow")
            LIBRARY.debug("of nobody")
            thread = threading.Thread(target=LIBRARY.info, args=("of a thread",))
            thread.start()
            thread.join()
        LIBRARY.warning("after it")
        return str(flow_run.id)

    before = LIBRARY.level
    LIBRARY.setLevel(logging.DEBUG)
    try:
        wanted = LogFilter(flow_run_id=LogFilterFlowRunId(any_=[UUID(run())]))
    finally:
        LIBRARY.setLevel(before)

    def stored() -> list[str] | NotYet:
        with get_client(sync_client=True) as client:
            found = [line.message for line in client.read_logs(wanted) if line.name == LIBRARY.name]
        return sorted(found) if "of the flow" in found else NotYet(str(found))

    told = wait_for("the server to store the log", stored, 60, of_the_pool=False)
    assert told == ["of a thread", "of the flow"]


class _Broken(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, _Server)
        self.send_error(500)
        self.server.asked.release()

    def log_message(self, *_: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    """Each update asks it for a token before all else."""

    asked = threading.Semaphore(0)


@pytest.fixture
def broken() -> Iterator[_Server]:
    """A server that has nothing but errors."""
    with _Server(("127.0.0.1", 0), _Broken) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        yield server
        server.shutdown()
        serving.join()


@pytest.mark.usefixtures("prefect_server")
def test_a_server_that_cannot_show_it_is_told_once_and_does_no_harm(
    broken: _Server, caplog: pytest.LogCaptureFixture
) -> None:
    states = [Condition.IN_SERVICE, Condition.DISABLED, Condition.DOWN]

    @flow
    def run() -> str:
        with temporary_settings({PREFECT_API_URL: f"http://127.0.0.1:{broken.server_port}/api"}):
            shown = Shown(uuid4())
        with shown:
            for state in states:
                shown(HostState(HostUuid("xs1"), "xs1", state))
                assert broken.asked.acquire(timeout=60)
        return "done"

    with caplog.at_level(logging.WARNING):
        assert run() == "done"
    assert sum("cannot be shown in Prefect for now" in line for line in caplog.messages) == 1
