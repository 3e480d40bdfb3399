"""The answer of `xenpatch plan --json`: one document for machines.

| field        | holds                                                                                |
|--------------|--------------------------------------------------------------------------------------|
| `format`     | 1; a change that could break a reader raises it                                      |
| `pool`       | `uuid`, `name`, and the uuid of the `master`                                         |
| `policy`     | `placement`, `width`, `moves_per_host`, `squeeze`                                    |
| `feasible`   | whether there is a plan; if not, the next two are null, and the two after are empty  |
| `header`     | `hosts`, `waves`, `moves`, `bytes`, `p50_s`, `p90_s`, `mixed_s`, `fullest`, ...      |
| `bound`      | `moves` and `bytes` that no plan can do with less                                    |
| `turns`      | of each host `host`, `name`, `wave`, `reboots`, and when it is over: `p50_s`, `p90_s` |
| `steps`      | see below                                                                            |
| `to_stop`    | VMs that cannot move: `vm`, `name`, `host`, `host_name`, `reason`                    |
| `notes`      | sentences                                                                            |
| `infeasible` | null, or `host`, `name`, `shortage`, `proved`, `reason`, `remedy`, `stop`, ... |

A step has `no`, `wave`, `action` (`migrate`, `park`, `make room`, `return`, `reboot`), `host` and `host_name`
(for whose sake it is), `after` (numbers of the steps that it waits for), `p50_s` and `p90_s` (of itself),
`begin_s` and `end_s` (from the start, if every step takes its median), and, if it is a move, `vm`, `vm_name`,
`from`, `from_name`, `to`, `to_name`, `bytes`, `free_after`, `why`.

Hosts and VMs are given by uuid and by name, sizes in bytes, times in seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Final

from xenpatch.plan.forecast import Forecast, Span
from xenpatch.plan.model import Move, NoRoom, Plan, Step
from xenpatch.plan.outlook import Outlook
from xenpatch.plan.schedule import Timetable
from xenpatch.xapi.types import VmUuid

FORMAT: Final = 1


def document(outlook: Outlook) -> dict[str, Any]:
    """The whole, of what JSON can hold."""
    pool, found = outlook.pool, outlook.found
    return {
        "format": FORMAT,
        "pool": {"uuid": pool.uuid, "name": pool.name, "master": pool.master},
        "policy": asdict(outlook.policy),
        "feasible": isinstance(found, Plan),
        **_planned(outlook),
        "to_stop": [asdict(one) for one in outlook.staying],
        "notes": list(outlook.notes),
        "infeasible": _infeasible(found) if isinstance(found, NoRoom) else None,
    }


def _planned(outlook: Outlook) -> dict[str, Any]:
    plan, forecast, times = outlook.found, outlook.forecast, outlook.times
    if isinstance(plan, NoRoom) or forecast is None or times is None:
        return {"header": None, "bound": None, "turns": [], "steps": []}
    return {
        "header": _header(plan, forecast),
        "bound": asdict(plan.bound),
        "turns": [asdict(turn) | _span(forecast.hosts[turn.host]) for turn in plan.turns],
        "steps": [_step(plan, step, forecast, times) for step in plan.steps],
    }


def _header(plan: Plan, forecast: Forecast) -> dict[str, Any]:
    return {
        "hosts": plan.reboots,
        "waves": sum(any(turn.reboots for turn in wave) for wave in plan.waves),
        "moves": plan.moves,
        "bytes": plan.bytes,
        **_span(forecast.total),
        "mixed_s": round(forecast.mixed, 1),
        "fullest": asdict(plan.fullest) if plan.fullest else None,
        "squeezed": list(plan.squeezed),
        "together": list(plan.together),
    }


def _step(plan: Plan, step: Step, forecast: Forecast, times: Timetable) -> dict[str, Any]:
    host = step.turn if isinstance(step, Move) else step.host
    turn = plan.host(host)
    own = {
        "no": step.no,
        "wave": step.wave,
        "action": step.kind.value if isinstance(step, Move) else "reboot",
        "host": host,
        "host_name": turn.name if turn is not None else None,
        "after": list(step.after),
        **_span(forecast.steps[step.no]),
        "begin_s": round(times.begin[step.no], 1),
        "end_s": round(times.end[step.no], 1),
    }
    return own | _move(step) if isinstance(step, Move) else own


def _move(move: Move) -> dict[str, Any]:
    return {
        "vm": move.vm,
        "vm_name": move.vm_name,
        "from": move.src,
        "from_name": move.src_name,
        "to": move.dst,
        "to_name": move.dst_name,
        "bytes": move.memory,
        "free_after": move.free_after,
        "why": move.why,
    }


def _infeasible(found: NoRoom) -> dict[str, Any]:
    stop = found.stop
    return {
        "host": found.host,
        "name": found.host_name,
        "shortage": found.shortage.value,
        "proved": found.proved,
        "reason": found.reason,
        "remedy": found.remedy,
        "vms": _vms(found.vms),
        "needed": found.needed,
        "rooms": [asdict(room) for room in found.rooms],
        "stop": None
        if stop is None
        else {"vms": _vms(stop.vms), "bytes": stop.bytes, "smallest": stop.smallest},
    }


def _vms(vms: Sequence[tuple[VmUuid, str]]) -> list[dict[str, str]]:
    return [{"vm": vm, "name": name} for vm, name in vms]


def _span(span: Span) -> dict[str, float]:
    return {"p50_s": round(span.p50, 1), "p90_s": round(span.p90, 1)}
