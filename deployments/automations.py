"""The automations that go with the deployments.

A build step of prefect.yaml creates them, or brings them up to date.

| automation              | when                                  | what                              |
|-------------------------|---------------------------------------|-----------------------------------|
| xenpatch: zombie runs   | silent for `SILENCE`, after heartbeats | the run's state becomes Crashed  |
| xenpatch: tell failures | a run has failed or crashed           | the notification block tells it   |

The second one is there once a person has saved a notification block named `BLOCK`, of whatever kind.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from prefect import get_client
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import BlockDocument, StateType
from prefect.events.actions import ChangeFlowRunState, SendNotification
from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture
from prefect.events.schemas.events import ResourceSpecification

HEARTBEAT: Final = timedelta(seconds=30)
"""As prefect.yaml has the runs beat; no shorter one is possible (prefect.flow_engine)."""

SILENCE: Final = 3 * HEARTBEAT

BLOCK: Final = "xenpatch"

_WHOLE_RUNS: Final = ["patch-pool", "resume-pool", "abandon-pool"]
_ANY_RUN: Final = ResourceSpecification({"prefect.resource.id": "prefect.flow-run.*"})


def zombies(silence: timedelta = SILENCE) -> AutomationCore:
    """Runs of ours that fall silent are marked as Crashed; one that lives after all is not killed by that."""
    return AutomationCore(
        name="xenpatch: zombie runs",
        description="Marks runs as Crashed that have died without a word, together with their worker.",
        trigger=EventTrigger(
            posture=Posture.Proactive,
            match=_ANY_RUN,
            match_related=_of_flows([*_WHOLE_RUNS, "patch-host"]),
            for_each={"prefect.resource.id"},
            after={"prefect.flow-run.heartbeat"},
            expect={"prefect.flow-run.*"},
            within=silence,
        ),
        actions=[
            ChangeFlowRunState(
                name="Crashed",
                state=StateType.CRASHED,
                force=False,
                message=f"No heartbeat for {silence.total_seconds():.0f} s. If its process still lives, the "
                "run record on the pool fences it. `xenpatch status` shows what state the pool is in, "
                "resume_pool continues.",
            )
        ],
    )


def failures(block: BlockDocument) -> AutomationCore:
    """Runs that did not end well are told through a notification block."""
    return AutomationCore(
        name="xenpatch: tell failures",
        description=f"Tells through the block {BLOCK!r} which run has failed, and why.",
        trigger=EventTrigger(
            posture=Posture.Reactive,
            match=_ANY_RUN,
            match_related=_of_flows(_WHOLE_RUNS),
            expect={"prefect.flow-run.Failed", "prefect.flow-run.Crashed"},
        ),
        actions=[
            SendNotification(
                block_document_id=block.id,
                subject="xenpatch: {{ flow_run.name }} has {{ flow_run.state.name }}",
                body="{{ flow_run.state.message }}\n\n{{ flow_run|ui_url }}",
            )
        ],
    )


def deploy() -> dict[str, str]:
    """Create or update all of them on the server in use; what a step returns is for later ones: nothing."""
    with get_client(sync_client=True) as client:
        for wanted in (zombies(), *(failures(block) for block in _notification_blocks(client))):
            _put(client, wanted)
    return {}


def _put(client: SyncPrefectClient, wanted: AutomationCore) -> None:
    """An automation that a person has switched off stays so."""
    there = client.read_automations_by_name(wanted.name)
    if not there:
        client.create_automation(wanted)
    for found in there:
        client.update_automation(found.id, wanted.model_copy(update={"enabled": found.enabled}))


def _notification_blocks(client: SyncPrefectClient) -> Iterator[BlockDocument]:
    """At most one: two blocks of one name are of different kinds, and the first is taken."""
    named = (found for found in client.read_block_documents() if found.name == BLOCK)
    able = (block for block in named if block.block_schema and "notify" in block.block_schema.capabilities)
    yield from list(able)[:1]


def _of_flows(names: list[str]) -> ResourceSpecification:
    return ResourceSpecification({"prefect.resource.role": "flow", "prefect.resource.name": list(names)})
