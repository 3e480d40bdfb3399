"""`make server`, and the API of docs/api.md on it: one server and one worker for the file."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Queue
from typing import Any

import pytest
from prefect.blocks.notifications import CustomWebhookNotificationBlock
from prefect.client.schemas.objects import TERMINAL_STATES
from prefect.settings import PREFECT_API_URL, temporary_settings

from deployments import automations
from simulator import Model, SimulatedPool
from tests.flows.kit import at_each_call, block, boots, places, traces
from tests.prefect_server import STARTUP_LIMIT
from tests.server import browser
from tests.server.curl import Shell
from tests.server.made import ROOT, Served, command_line, start
from tests.simulated import Simulated
from xenpatch.waiting import NotYet, wait_for

pytestmark = pytest.mark.timeout(600)

PARTS = 3
"""Server, simulated pool and worker; a flow run has a session of its own."""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    found = start((browser.home() or tmp_path_factory.mktemp("server")) / "state")
    yield found
    if found.process.poll() is None:
        found.process.send_signal(signal.SIGINT)
        found.process.wait(60)


@pytest.fixture
def shell(served: Served, tmp_path: Path) -> Shell:
    """For the pool of `make server`, whose files its deployment knows."""
    instead = {
        "http://127.0.0.1:4200": served.url,
        "/name/lab": "/name/simulated",
        'hotfix: ["/srv/hotfixes/XS602E008.zip"],': "",
        "sleep 5": "sleep 1",
    }
    found = Shell(tmp_path, instead)
    found.run("")
    return found


def final(shell: Shell) -> tuple[str, str]:
    """The state in which the run has ended, and its message."""
    shell.run("Follow", 1)
    state = shell.ask("Follow", 0)
    return state["type"], state["message"]


def is_completed(served: Served, run: str) -> bool | NotYet:
    state = served.ask(f"/flow_runs/{run}")["state"]
    return state["type"] == "COMPLETED" or NotYet(str(state))


def deployment_of(served: Served) -> str:
    """The id of the deployment that patches."""
    return str(served.ask("/deployments/name/patch-pool/patch_pool")["id"])


def made_by(served: Served, kind: str, limit: float) -> dict[str, Any]:
    """The run of that deployment that Prefect itself makes, within so many seconds."""
    of_it = {"flow_runs": {"deployment_id": {"any_": [deployment_of(served)]}}}

    def look() -> dict[str, Any] | NotYet:
        runs = served.ask("/flow_runs/filter", of_it)
        found = (run for run in runs if (run["created_by"] or {}).get("type") == kind)
        return next(found, NotYet("none"))

    return wait_for(f"a run that is made by {kind}", look, limit, tell=False)


def test_a_run_is_started_once_followed_and_its_result_read(served: Served, shell: Shell) -> None:
    shell.run("Find the deployment and the pool")

    first = shell.run("Start", 0), shell.variables["RUN"]
    again = shell.run("Start", 0), shell.variables["RUN"]

    assert (first[0].strip(), again[0].strip()) == ("201", "200")
    assert first[1] == again[1]
    assert final(shell)[0] == "COMPLETED", final(shell)
    result = shell.ask("Read the result")
    assert result["outcome"] == "done"
    assert [(host["name"], host["state"], host["rebooted"]) for host in result["hosts"]] == [
        ("xs1", "patched", True),
        ("xs2", "patched", True),
        ("xs3", "patched", True),
    ]
    assert result["vms"]
    for vm in result["vms"]:
        assert vm["moves"][0]["from"] == vm["moves"][-1]["to"], "it is not at home"
        assert all(move["error"] is None for move in vm["moves"])
    assert (served.folder / "state" / "xenpatch" / "backups").is_dir()


def test_a_request_that_cannot_be_right_is_answered_with_the_reason(shell: Shell) -> None:
    shell.run("Find the deployment and the pool")

    told = shell.run("Start", 1)

    assert told.endswith("409\n")
    assert "Validation failed for field 'options.width'. Failure reason: 0 is less than the minimum" in told


class Held:
    """A simulated pool whose first migration waits until it is released, so that a run stays at it."""

    def __init__(self, sim: SimulatedPool) -> None:
        self.sim = sim
        self.reached, self._released = threading.Event(), threading.Event()
        at_each_call(sim, self._hold)

    def release(self) -> None:
        self._released.set()

    def _hold(self, call: str) -> None:
        if call == "VM.pool_migrate":
            self.reached.set()
            self._released.wait(300)


@pytest.fixture
def held(quick_looks: None, simulated: Simulated) -> Iterator[Held]:
    del quick_looks
    found = Held(simulated(Model(hosts=3, vms=6)))
    yield found
    found.release()


@pytest.fixture
def other(served: Served, held: Held, tmp_path: Path) -> Shell:
    """For another pool, which has a block of its own."""
    with temporary_settings({PREFECT_API_URL: f"{served.url}/api"}):
        block(held.sim).save("other", overwrite=True)
    files = f'hotfix: ["{held.sim.hotfix}"], manifest: ["{held.sim.manifest}"], ssh: null,'
    instead = {
        "http://127.0.0.1:4200": served.url,
        "/name/lab": "/name/other",
        "CHG-4711": "CHG-4713",
        'hotfix: ["/srv/hotfixes/XS602E008.zip"],': files,
        "'{parameters: {pool": "'{parameters: {ssh: null, pool",
        "sleep 5": "sleep 1",
    }
    found = Shell(tmp_path, instead)
    found.run("")
    return found


def patch_by_hand(sim: SimulatedPool, home: Path) -> subprocess.CompletedProcess[str]:
    """By the command line, which starts a Prefect server of its own."""
    command = ["patch", "--pool", sim.url, "--hotfix", sim.hotfix, "--manifest", sim.manifest]
    alone = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    own = {"PREFECT_HOME": str(home), "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": str(STARTUP_LIMIT)}
    return subprocess.run(
        [sys.executable, "-m", "xenpatch", *map(str, command)],
        cwd=ROOT,
        env=alone | own | {"XENPATCH_PASSWORD": sim.password},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )


def test_a_second_run_is_refused_and_a_cancelled_one_is_resumed(
    held: Held, other: Shell, tmp_path: Path
) -> None:
    before = places(held.sim)
    other.run("Find the deployment and the pool")
    other.run("Start", 0)
    run = other.variables["RUN"]
    assert held.reached.wait(200), final(other)

    by_hand = patch_by_hand(held.sim, tmp_path / "elsewhere")
    assert by_hand.returncode == 3, by_hand.stderr
    assert "this pool is being patched already" in " ".join(by_hand.stderr.split())

    other.run("Resume")
    state, message = final(other)
    assert state == "FAILED"
    assert f"this pool is being patched already: run {run}" in message
    assert other.ask("Read the result")["outcome"] == "refused"
    assert boots(held.sim) == []

    other.variables["RUN"] = run
    assert other.run("Cancel") == "ACCEPT\n"
    held.release()
    assert final(other)[0] == "CANCELLED", final(other)
    assert other.ask("Read the result")["outcome"] == "cancelled"
    assert all(row["enabled"] for row in held.sim.db.rows("host").values())

    other.run("Resume")
    assert final(other)[0] == "COMPLETED", final(other)
    assert sorted(boots(held.sim)) == ["xs1", "xs2", "xs3"]
    assert places(held.sim) == before
    assert list(traces(held.sim)) == []


def test_a_person_fills_in_the_form_in_a_browser_approves_the_plan_and_reads_the_report(
    served: Served, quick_looks: None, simulated: Simulated
) -> None:
    del quick_looks
    sim = simulated(Model(hosts=3, vms=6))
    with temporary_settings({PREFECT_API_URL: f"{served.url}/api"}):
        block(sim).save("by-browser", overwrite=True)
    with browser.page() as page:
        page.goto(served.form)
        browser.fill_in(page, "by-browser", sim.hotfix, sim.manifest)
        browser.ask_for_approval(page)
        run = browser.submit(page)
        browser.approve(page, note="change 4711", says="3 to reboot, in 3 waves")
        wait_for("the run to be completed", lambda: is_completed(served, run), 120)
        page.get_by_text("Completed", exact=True).first.wait_for()
        browser.shoot(page, "run")
        address = page.url

        browser.open_artifact(page, "plan-by-host", run, says="xs3")
        page.goto(address)
        browser.open_artifact(page, "report", run, says="all 3 hosts have it in effect")

    assert boots(sim) == ["xs1", "xs2", "xs3"]


@dataclass(frozen=True)
class Own:
    """A pool of a test's own, whose block is stored, and what a run of it is given."""

    sim: SimulatedPool
    parameters: dict[str, Any]


@pytest.fixture
def own(served: Served, quick_looks: None, simulated: Simulated) -> Own:
    del quick_looks
    sim = simulated(Model(hosts=2, vms=4))
    with temporary_settings({PREFECT_API_URL: f"{served.url}/api"}):
        saved = block(sim).save("own", overwrite=True)
    pool = {"$ref": {"block_document_id": str(saved)}}
    files = {"hotfix": [str(sim.hotfix)], "manifest": [str(sim.manifest)]}
    return Own(sim, {"pool": pool, "ssh": None, **files})


def test_prefect_starts_a_run_by_a_schedule_that_was_switched_on(served: Served, own: Own) -> None:
    deployment = deployment_of(served)
    start = datetime.now(UTC) + timedelta(seconds=20)
    day = {"opens": f"{start - timedelta(hours=1):%H:%M}", "closes": f"{start + timedelta(hours=9):%H:%M}"}
    schedule = {
        "schedule": {"rrule": f"DTSTART:{start:%Y%m%dT%H%M%S}\nFREQ=MONTHLY;COUNT=1", "timezone": "UTC"},
        "active": True,
        "parameters": {**own.parameters, "window": {**day, "zone": "UTC"}},
    }
    served.ask(f"/deployments/{deployment}/schedules", [schedule])
    served.ask(f"/deployments/{deployment}", {"tags": ["xenpatch"]}, "PATCH")  # seen within 5 s, not 60

    run = made_by(served, "SCHEDULE", 90)
    assert run["auto_scheduled"]
    wait_for("it to be completed", lambda: is_completed(served, run["id"]), 120, tell=False)

    found = served.ask(f"/flow_runs/{run['id']}")
    assert found["created_by"]["type"] == "SCHEDULE"
    assert datetime.fromisoformat(found["expected_start_time"]) == start.replace(microsecond=0)
    assert boots(own.sim) == ["xs1", "xs2"]


def test_a_question_that_nobody_answers_ends_the_run_and_leaves_the_pool_as_it_is(
    served: Served, own: Own
) -> None:
    before = places(own.sim)
    deployment = deployment_of(served)
    asked = {**own.parameters, "approval": {"plan": True, "hours": 0.003}}
    run = served.ask(f"/deployments/{deployment}/create_flow_run", {"parameters": asked})["id"]
    states: list[str] = []

    def ended() -> Any:
        state = served.ask(f"/flow_runs/{run}")["state"]
        states.append(state["name"])
        return state if state["type"] in TERMINAL_STATES else NotYet(str(state))

    end = wait_for("the run to end", ended, 120, tell=False)

    assert "Suspended" in states
    assert (end["type"], end["message"]) == ("FAILED", "The flow was paused and never resumed.")
    assert (boots(own.sim), places(own.sim)) == ([], before)
    assert all(row["enabled"] for row in own.sim.db.rows("host").values())


def test_an_event_of_a_change_system_starts_a_run(served: Served, shell: Shell) -> None:
    shell.run("Find the deployment and the pool")
    deployment = shell.variables["DEPLOYMENT"]
    form = served.ask(f"/deployments/{deployment}")["parameters"]
    shell.instead["/srv/hotfixes/XS602E008.zip"] = form["hotfix"][0]

    shell.run("From a change system", 0)
    shell.run("From a change system", 1)

    run = made_by(served, "AUTOMATION", 60)
    assert run["parameters"]["hotfix"] == form["hotfix"]
    shell.variables["RUN"] = run["id"]
    assert final(shell)[0] == "COMPLETED", final(shell)


def block_of(url: str) -> CustomWebhookNotificationBlock:
    fields = {"name": "a mailbox", "url": url, "json_data": {"subject": "{{subject}}", "body": "{{body}}"}}
    return CustomWebhookNotificationBlock.model_validate(fields)


def test_a_failed_run_is_told_through_the_notification_block(served: Served, shell: Shell) -> None:
    told: Queue[dict[str, str]] = Queue()

    class Mailbox(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told.put(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(200)
            self.end_headers()

    with ThreadingHTTPServer(("127.0.0.1", 0), Mailbox) as mailbox:
        threading.Thread(target=mailbox.serve_forever, daemon=True).start()
        with temporary_settings({PREFECT_API_URL: f"{served.url}/api"}):
            block_of(f"http://127.0.0.1:{mailbox.server_port}/").save("xenpatch", overwrite=True)
            automations.deploy()
        shell.run("Find the deployment and the pool")
        shell.instead |= {"CHG-4711": "CHG-4715", "options:": 'hotfix: ["/nowhere.zip"], options:'}
        shell.run("Start", 0)
        message = told.get(timeout=120)
        mailbox.shutdown()

    assert message["subject"] == "xenpatch: patch simulated with nowhere has Failed"
    assert "/nowhere.zip" in message["body"]
    assert f"/runs/flow-run/{shell.variables['RUN']}" in message["body"]


def test_a_second_server_in_the_same_folder_is_refused(served: Served) -> None:
    command = [sys.executable, "-m", "deployments.serve", str(served.folder)]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert told.returncode == 2
    assert "another `make server` is at work" in told.stderr


def test_ctrl_c_ends_all_of_it_and_it_starts_again_with_its_runs(served: Served, shell: Shell) -> None:
    def at_work() -> bool | NotYet:
        sessions = {os.getsid(pid) for pid in served.processes()}
        return len(sessions) > PARTS or NotYet(f"{len(sessions)} sessions")

    shell.run("Find the deployment and the pool")
    shell.instead["CHG-4711"] = "CHG-4714"
    shell.run("Start", 0)
    wait_for("a run that is at work", at_work, 60, tell=False)

    served.process.send_signal(signal.SIGINT)

    assert served.process.wait(60) == 0
    assert served.processes() == []

    again = start(served.folder)
    try:
        runs = again.ask("/flow_runs/filter", {})
        assert {run["state"]["type"] for run in runs} >= {"COMPLETED", "CANCELLED", "FAILED"}
        worker = next(pid for pid in again.processes() if b"worker" in command_line(pid))
        os.kill(worker, signal.SIGKILL)
        assert again.process.wait(60) == 1
        assert again.processes() == []
    finally:
        again.process.kill()
