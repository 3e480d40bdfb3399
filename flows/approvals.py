"""A run that waits for a person: it ends, the pool in order, and begins anew when there is an answer.

It is suspended, never paused: a paused run keeps its process, and Prefect ends that when it takes the
deployment's concurrency slot back. What the run was about to do is looked at again after the answer.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from prefect.flow_runs import suspend_flow_run
from prefect.logging import get_run_logger

from flows.gate import Answer, Gate
from flows.job import answered, this_run
from xenpatch.approval import Approval
from xenpatch.errors import AnswerNeeded, InputError


@contextmanager
def asking(approval: Approval) -> Iterator[Gate]:
    """Suspend the run of this flow where its questions need an answer.

    Raises InputError for a run that nothing could start again when there is one.
    """
    run = this_run()
    if approval.wanted and run.deployment_id is None:
        raise InputError(
            "this run cannot wait for an answer: only runs of a deployment, which a worker carries out, can. "
            "Nothing was contacted. Start the deployment, or ask for no approval."
        )
    try:
        yield Gate(approval, answered(run))
    except AnswerNeeded as needed:
        get_run_logger().info("%s", needed)
        suspend_flow_run(
            wait_for_input=Answer.with_initial_data(description=needed.text),
            timeout=int(approval.hours * 3600),
            key=needed.key,
        )
