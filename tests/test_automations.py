"""The automations that are deployed beside the flows."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import yaml
from prefect import get_client
from prefect.blocks.notifications import CustomWebhookNotificationBlock
from prefect.client.schemas.objects import StateType
from prefect.events.actions import ChangeFlowRunState, SendNotification
from prefect.events.schemas.automations import Automation, EventTrigger
from prefect.events.schemas.events import ResourceSpecification

from deployments import automations
from flows.abandon_pool import abandon_pool
from flows.patch_host import patch_host
from flows.patch_pool import patch_pool
from flows.resume_pool import resume_pool

pytestmark = pytest.mark.usefixtures("prefect_server")


@pytest.fixture
def deployed() -> Iterator[None]:
    automations.deploy()
    yield
    with get_client(sync_client=True) as client:
        for found in (found for found in client.read_automations() if found.name.startswith("xenpatch")):
            client.delete_automation(found.id)


def named(name: str) -> list[Automation]:
    with get_client(sync_client=True) as client:
        return client.read_automations_by_name(name)


@pytest.mark.usefixtures("deployed")
def test_runs_that_fall_silent_are_marked_as_crashed_after_three_heartbeats() -> None:
    (found,) = named("xenpatch: zombie runs")

    assert isinstance(found.trigger, EventTrigger)
    assert found.trigger.within == timedelta(seconds=90)
    assert found.trigger.after == {"prefect.flow-run.heartbeat"}
    (action,) = found.actions
    assert isinstance(action, ChangeFlowRunState)
    assert action.state is StateType.CRASHED


@pytest.mark.usefixtures("deployed")
def test_all_our_flows_are_watched_and_no_other() -> None:
    (found,) = named("xenpatch: zombie runs")

    assert isinstance(found.trigger, EventTrigger)
    related = found.trigger.match_related
    assert isinstance(related, ResourceSpecification)
    flows = (patch_pool, patch_host, resume_pool, abandon_pool)
    assert set(related.root["prefect.resource.name"]) == {flow.name for flow in flows}


@pytest.mark.usefixtures("deployed")
def test_deploying_again_makes_none_twice_and_leaves_off_what_a_person_switched_off() -> None:
    (found,) = named("xenpatch: zombie runs")
    with get_client(sync_client=True) as client:
        client.pause_automation(found.id)

    automations.deploy()

    (again,) = named("xenpatch: zombie runs")
    assert (again.id, again.enabled) == (found.id, False)


@pytest.mark.usefixtures("deployed")
def test_failures_are_told_once_there_is_a_notification_block_of_that_name() -> None:
    assert named("xenpatch: tell failures") == []

    fields = {"name": "ours", "url": "http://127.0.0.1:9/"}
    saved = CustomWebhookNotificationBlock.model_validate(fields).save("xenpatch")
    automations.deploy()

    (found,) = named("xenpatch: tell failures")
    (action,) = found.actions
    assert isinstance(action, SendNotification)
    assert action.block_document_id == saved
    CustomWebhookNotificationBlock.delete("xenpatch")


def test_runs_of_every_deployment_beat_as_often_as_the_automation_takes_them_to() -> None:
    text = Path(__file__).parents[1].joinpath("deployments", "prefect.yaml").read_text()
    for deployment in yaml.safe_load(text)["deployments"]:
        beat = deployment["work_pool"]["job_variables"]["env"]["PREFECT_FLOWS_HEARTBEAT_FREQUENCY"]
        assert timedelta(seconds=int(beat)) == automations.HEARTBEAT
