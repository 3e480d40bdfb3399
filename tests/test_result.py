"""The document about a run, from its events and from what ended it."""

import json

import pytest

from xenpatch.errors import HotfixError, LockLost, RunInProgress, Stopped
from xenpatch.plan.model import Move
from xenpatch.progress import Condition, HostState, MoveDone
from xenpatch.report import HostReport
from xenpatch.result import Outcome, Result
from xenpatch.steps.reboot import Rebooted
from xenpatch.xapi.types import HostUuid, VmUuid

XS1, XS2, WEB = HostUuid("uuid-1"), HostUuid("uuid-2"), VmUuid("uuid-web")


def move(src: HostUuid, dst: HostUuid) -> Move:
    names = {XS1: "xs1", XS2: "xs2"}
    return Move(WEB, "web", src, names[src], dst, names[dst], 1024, 4096)


def half_way() -> Result:
    """A pool of two hosts: the first is done, and a VM did not get home."""
    result = Result()
    for event in (
        HostState(XS1, "xs1", Condition.IN_SERVICE),
        HostState(XS2, "xs2", Condition.IN_SERVICE),
        MoveDone(move(XS1, XS2)),
        HostState(XS1, "xs1", Condition.PATCHED),
        MoveDone(move(XS2, XS1), "HOST_NOT_ENOUGH_FREE_MEMORY"),
    ):
        result(event)
    return result


def test_it_says_of_each_host_and_vm_what_became_of_it() -> None:
    result = half_way()
    booted = Rebooted(before=1.0, after=2.0, down_at=1.5)
    result.done(["All is well."], [HostReport(XS1, "xs1", booted, 1, 0, 61.27, ("hotfix",), stopped=("db",))])

    told = json.loads(json.dumps(result.document()))

    assert (told["format"], told["outcome"], told["message"]) == (1, "done", "All is well.")
    assert told["started"] <= told["ended"]
    assert told["hosts"][0] == {
        "host": "uuid-1",
        "name": "xs1",
        "state": "patched",
        "rebooted": True,
        "took_s": 61.3,
        "proved": ["hotfix"],
        "unchecked": [],
        "stopped": ["db"],
    }
    assert told["hosts"][1]["state"] == "in service"
    assert told["hosts"][1]["took_s"] is None
    (vm,) = told["vms"]
    assert (vm["vm"], vm["name"]) == ("uuid-web", "web")
    assert [(each["from_name"], each["to_name"], each["error"]) for each in vm["moves"]] == [
        ("xs1", "xs2", None),
        ("xs2", "xs1", "HOST_NOT_ENOUGH_FREE_MEMORY"),
    ]


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (HotfixError("no such file"), Outcome.BAD_INPUT),
        (RunInProgress("somebody is at work"), Outcome.REFUSED),
        (Stopped("asked to"), Outcome.STOPPED),
        (LockLost("taken over"), Outcome.FAILED),
        (KeyboardInterrupt(), Outcome.CANCELLED),
    ],
)
def test_what_ended_it_early_is_its_outcome_and_its_message(error: BaseException, outcome: Outcome) -> None:
    result = half_way()

    result.ended(error)

    told = result.document()
    assert told["outcome"] == outcome
    assert told["message"] == (str(error) or "KeyboardInterrupt")
    assert [host["state"] for host in told["hosts"]] == ["patched", "in service"]
