"""Prefect hears what happens to the pool, and to each host; it reads as a log."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from prefect import get_client
from prefect.client.schemas.filters import FlowRunFilter, LogFilter, LogFilterFlowRunId
from prefect.client.schemas.sorting import LogSort
from prefect.events.filters import (
    EventFilter,
    EventNameFilter,
    EventOccurredFilter,
    EventOrder,
    EventResourceFilter,
)
from prefect.events.schemas.automations import AutomationCore
from prefect.events.schemas.events import ReceivedEvent

from flows.patch_pool import patch_pool
from simulator import SimulatedPool
from tasks import events
from tests.flows import awkward
from tests.flows.kit import block, fault, patch
from xenpatch.errors import AnswerNeeded, PrecheckRefused, RebootRefused, Stopped
from xenpatch.waiting import NotYet, wait_for

pytestmark = pytest.mark.usefixtures("recording_server")

DOCS = Path(__file__).parents[2] / "docs" / "events.md"
NAMES = {
    events.HOST_PATCHED,
    events.POOL_DONE,
    events.WAITS,
    events.STOPPED,
    events.REFUSED,
    events.FAILED,
}


@pytest.fixture
def begun() -> datetime:
    """When the test began; the pools of other tests have the same uuids."""
    return datetime.now(UTC)


def heard(sim: SimulatedPool, begun: datetime, last: str) -> list[ReceivedEvent]:
    """What was emitted of this pool and its hosts, as soon as the `last` of it has been stored."""
    (pool,) = sim.db.rows("pool").values()
    ids = [f"xenpatch.pool.{pool['uuid']}", *(f"xenpatch.host.{host.uuid}" for host in sim.hosts)]
    wanted = EventFilter(
        occurred=EventOccurredFilter.model_validate({"since": begun}),
        event=EventNameFilter(prefix=["xenpatch."]),
        resource=EventResourceFilter(id=ids),
        order=EventOrder.ASC,
    )

    def look() -> list[ReceivedEvent] | NotYet:
        with get_client(sync_client=True) as client:
            found = client.read_events(wanted, limit=50).events
        names = [event.event for event in found]
        return found if last in names else NotYet(str(names))

    return wait_for(f"the event {last}", look, 60, of_the_pool=False)


def test_each_host_is_told_when_it_is_patched_and_the_pool_when_it_is_done(
    sim: SimulatedPool, tmp_path: Path, begun: datetime
) -> None:
    patch(sim, tmp_path)

    *hosts, done = heard(sim, begun, events.POOL_DONE)
    assert [(host.event, host.resource.name) for host in hosts] == [
        (events.HOST_PATCHED, name) for name in ("xs1", "xs2", "xs3")
    ]
    assert [host.resource.id for host in hosts] == [f"xenpatch.host.{host.uuid}" for host in sim.hosts]
    for host in hosts:
        phases = [host.payload[phase] for phase in ("emptied", "reboots", "verified")]
        moments = [moment for phase in phases for moment in (phase["began"], phase["ended"])]
        assert moments == sorted(moments)
        assert {of.role for of in host.related} >= {"pool", "root-flow-run", "flow-run", "task-run"}
    assert done.payload["patched"] == ["xs1", "xs2", "xs3"]
    assert done.payload["moves"] == 12
    assert sorted(of.id for of in done.related if of.role == "host") == sorted(h.resource.id for h in hosts)
    roots = {of.id for host in hosts for of in host.related if of.role == "root-flow-run"}
    assert roots == {of.id for of in done.related if of.role == "flow-run"}


def test_a_run_that_is_refused_says_so(sim: SimulatedPool, tmp_path: Path, begun: datetime) -> None:
    awkward.insert_local_cd(sim, "vm-web-1")

    with pytest.raises(PrecheckRefused) as refused:
        patch(sim, tmp_path)

    (told,) = heard(sim, begun, events.REFUSED)
    assert (told.payload["error"], told.payload["reason"]) == ("PrecheckRefused", str(refused.value))


def test_a_run_that_fails_says_so_with_what_it_had_done(
    sim: SimulatedPool, tmp_path: Path, begun: datetime
) -> None:
    fault(sim, "host.reboot", {"error": ["INTERNAL_ERROR", "no"]}, skip=1)

    with pytest.raises(RebootRefused) as failed:
        patch(sim, tmp_path)

    first, told = heard(sim, begun, events.FAILED)
    assert (first.event, first.resource.name) == (events.HOST_PATCHED, "xs1")
    assert told.payload["patched"] == ["xs1"]
    assert told.payload["reason"] == str(failed.value)


@pytest.mark.parametrize(
    ("error", "event"),
    [
        (AnswerNeeded("the run waits for an answer", key="plan", text="| host |"), events.WAITS),
        (Stopped("2 of 3 hosts done"), events.STOPPED),
        (KeyboardInterrupt(), events.STOPPED),
        (RebootRefused("xs1 was not rebooted"), events.FAILED),
    ],
)
def test_each_kind_of_end_has_its_event(error: BaseException, event: str) -> None:
    assert events.end_of(error) == event


def test_the_log_of_the_run_tells_what_happened_without_any_setting(sim: SimulatedPool) -> None:
    pool = block(sim)
    pool.save("lab", overwrite=True)

    state = patch_pool(pool, (sim.hotfix,), (sim.manifest,), return_state=True)

    run = state.state_details.flow_run_id
    assert run is not None
    with get_client(sync_client=True) as client:
        assert client.read_flow_run(run).name == "patch lab with SAMPLE602X001"
        subflows = client.read_flow_runs(
            flow_run_filter=FlowRunFilter(parent_flow_run_id={"any_": [run]})  # type: ignore[arg-type]
        )
        ids = [run, *(subflow.id for subflow in subflows)]
        logs = client.read_logs(
            LogFilter(flow_run_id=LogFilterFlowRunId(any_=ids)), sort=LogSort.TIMESTAMP_ASC
        )
    lines = [line.message for line in logs if line.name == "xenpatch"]
    assert "xs1 is down" in lines
    assert any(re.fullmatch(r"vm-\S+ is on xs\d", line) for line in lines)
    assert lines.index("xs1 is patched") < lines.index("xs2 is down")
    assert any(line.task_run_id for line in logs if line.message == "xs1 is down")


def test_the_paper_names_every_event_and_its_example_is_an_automation() -> None:
    paper = DOCS.read_text()
    (example,) = re.findall(r"```yaml\n(.*?)```", paper, re.DOTALL)

    assert set(re.findall(r"`(xenpatch\.[a-z.]+)`", paper)) == NAMES
    automation = AutomationCore.model_validate(yaml.safe_load(example))
    assert automation.trigger.expect == {events.HOST_PATCHED}  # type: ignore[union-attr]
