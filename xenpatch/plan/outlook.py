"""What a run over a pool would be like: its plan, its times, and what a person should know beside it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from xenpatch import record
from xenpatch.hotfix.manifest import HotfixUuid
from xenpatch.plan.durations import Durations
from xenpatch.plan.forecast import Forecast, forecast
from xenpatch.plan.model import NoRoom, Plan, Policy
from xenpatch.plan.planner import plan_run
from xenpatch.plan.schedule import Timetable, timetable
from xenpatch.plan.staying import Staying, on
from xenpatch.xapi.inventory import Inventory
from xenpatch.xapi.types import HostUuid


@dataclass(frozen=True)
class Outlook:
    """The answer of `xenpatch plan`.

    ``hosts`` are those that reboot. ``forecast`` and ``times`` (the steps if each takes its median) are there
    if there is a plan. ``staying`` are the VMs on these hosts that a person has to stop.
    """

    pool: Inventory
    hosts: tuple[HostUuid, ...]
    policy: Policy
    found: Plan | NoRoom
    forecast: Forecast | None = None
    times: Timetable | None = None
    staying: tuple[Staying, ...] = ()
    notes: tuple[str, ...] = ()


def look_ahead(
    pool: Inventory,
    hosts: Sequence[HostUuid],
    policy: Policy,
    stuck: Sequence[Staying] = (),
    durations: Durations | None = None,
    notes: Sequence[str] = (),
) -> Outlook:
    """Plan the reboots of the hosts from what is, with VMs at home as a run in progress has written down."""
    known = durations or Durations.prior()
    found = plan_run(pool, hosts, record.homes(pool), policy, ignore={one.vm for one in stuck})
    plan = found if isinstance(found, Plan) else None
    return Outlook(
        pool=pool,
        hosts=tuple(hosts),
        policy=policy,
        found=found,
        forecast=forecast(plan, known) if plan is not None else None,
        times=timetable(plan, known.median, policy.moves_per_host) if plan is not None else None,
        staying=tuple(on(hosts, stuck)),
        notes=(*notes, *_remarks(pool, hosts)),
    )


def hosts_to_reboot(pool: Inventory, hotfix: HotfixUuid | None = None) -> tuple[HostUuid, ...]:
    """All hosts; or those that need the hotfix, or that of a run in progress, or a reboot since."""
    run = record.held_by(pool.other_config)
    if hotfix is None and run is None:
        return tuple(host.uuid for host in pool.hosts)
    wanted = [hotfix] if hotfix is not None else run.hotfixes if run is not None else []
    return tuple(host.uuid for host in pool.hosts if any(map(host.needs_reboot, wanted)))


def _remarks(pool: Inventory, hosts: Sequence[HostUuid]) -> Iterator[str]:
    run = record.held_by(pool.other_config)
    if run is not None:
        yield (
            f"a run of {run.hotfix_name}, started {run.started} by {run.by}, is not over: this is the plan "
            "from where the pool is now"
        )
    for host in pool.hosts:
        if not host.in_service:
            state = "is not reachable" if not host.live else "is disabled"
            until = "before its reboot" if host.uuid in hosts else "at all"
            yield f"{host.name} {state}: no VM is moved there {until}"
