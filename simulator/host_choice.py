"""Which of the possible hosts a VM is started on when the client does not say.

Source: xapi 6.0.2, xapi_vm_placement and vm_placement.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from simulator.call import Ref, XapiError
from simulator.database import Database, Row
from simulator.placement import refusal


def choose_host(db: Database, vm: Ref, master: Ref, record: Row) -> Ref:
    """Choose the host that VM.start or VM.resume uses; raise NO_HOSTS_AVAILABLE [].

    The VM's affinity is preferred; then hosts that hold all guests at their static maximum, their dynamic
    maximum, their dynamic minimum, those with most memory left first and the master half as willingly. xapi
    draws within these groups by a die that favours the first; here the first is taken.
    """
    with db.lock:
        rooms = [_room(db, host, record, is_master=host == master) for host in db.rows("host")]
        for host in _by_preference(rooms, record["affinity"]):
            if refusal(db, vm, host, record, check_memory=False) is None:
                return host
    raise XapiError("NO_HOSTS_AVAILABLE")


@dataclass(frozen=True)
class _Room:
    """What a host would have left, in bytes, with one more guest at its largest and least sizes."""

    host: Ref
    is_master: bool
    with_static_max: int
    with_dynamic_max: int
    with_dynamic_min: int


def _room(db: Database, host: Ref, extra: Row, *, is_master: bool) -> _Room:
    row = db.get("host", host)
    resident = db.find("VM", resident_on=host) + db.find("VM", scheduled_to_be_resident_on=host)
    guests = [*(db.get("VM", vm) for vm in resident), extra]
    total = int(db.get("host_metrics", row["metrics"])["memory__total"])
    available = total - int(row["memory__overhead"]) - _sum(guests, "memory__overhead")
    return _Room(
        host,
        is_master,
        with_static_max=available - _sum(guests, "memory__static_max"),
        with_dynamic_max=available - _sum(guests, "memory__dynamic_max"),
        with_dynamic_min=available - _sum(guests, "memory__dynamic_min"),
    )


def _sum(guests: Iterable[Row], field: str) -> int:
    return sum(int(guest[field]) for guest in guests)


def _by_preference(rooms: Sequence[_Room], affinity: Ref) -> Iterator[Ref]:
    rest = list(rooms)
    for value in (_affinity_value(affinity), _definite_value, _probable_value, _possible_value):
        ranked = sorted((room for room in rest if value(room) >= 0), key=value, reverse=True)
        rest = [room for room in rest if room not in ranked]
        yield from (room.host for room in ranked)


def _affinity_value(affinity: Ref) -> Callable[[_Room], int]:
    return lambda room: _possible_value(room) if room.host == affinity else -1


def _definite_value(room: _Room) -> int:
    return _spare_the_master(room, room.with_static_max)


def _probable_value(room: _Room) -> int:
    return _spare_the_master(room, room.with_dynamic_max)


def _spare_the_master(room: _Room, left: int) -> int:
    return int((left - 1) / 2) if room.is_master else left


def _possible_value(room: _Room) -> int:
    """Value hosts by how little their guests must shrink, in thousandths of the range that they can."""
    if room.with_dynamic_max >= 0:
        return 1000
    if room.with_dynamic_min < 0:
        return -1
    return 1000 * room.with_dynamic_min // (room.with_dynamic_min - room.with_dynamic_max)
