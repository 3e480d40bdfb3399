"""A look at a host that may be going down: it does not wait for a master that is away."""

from __future__ import annotations

from dataclasses import dataclass

from xenpatch.errors import ReplyLost, Unreachable, XapiFailure
from xenpatch.steps.passing import is_passing
from xenpatch.waiting import NotYet
from xenpatch.xapi.moments import epoch
from xenpatch.xapi.session import PASSING_CODES, Session
from xenpatch.xapi.types import HostUuid

_GOING_DOWN = ("shutdown", "reboot")  # 6.x shows a reboot under way as "shutdown"


@dataclass(frozen=True)
class Glimpse:
    """What a host says of itself now; times are epoch seconds by its clock, 0 where it tells none."""

    boot_time: float
    agent_start_time: float
    live: bool
    enabled: bool
    going_down: bool


def glimpse(session: Session, host: HostUuid) -> Glimpse | NotYet:
    """The host now; NotYet when nobody answers, as that may be the very host, or no sense is to be had."""
    try:
        record = session.call("host.get_record", session.call("host.get_by_uuid", host))
        live = session.call("host_metrics.get_live", record["metrics"])
    except (Unreachable, ReplyLost) as silent:
        return NotYet(str(silent))
    except XapiFailure as refused:
        if refused.code in PASSING_CODES or is_passing(refused):
            return NotYet(str(refused))
        raise
    config, operations = record["other_config"], record["current_operations"].values()
    return Glimpse(
        boot_time=epoch(config.get("boot_time")),
        agent_start_time=epoch(config.get("agent_start_time")),
        live=live,
        enabled=record["enabled"],
        going_down=any(each in _GOING_DOWN for each in operations),
    )
