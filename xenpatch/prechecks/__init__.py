"""What a pool must be like before it is touched: a check looks at the picture and yields findings."""

from collections.abc import Callable, Iterable

from xenpatch.prechecks import evacuation, hosts, hotfix, settings, storage
from xenpatch.prechecks.finding import Finding
from xenpatch.prechecks.picture import Picture

Check = Callable[[Picture], Iterable[Finding]]

CHECKS: tuple[Check, ...] = (
    hosts.right_version,
    hosts.live,
    hosts.enabled,
    hosts.somewhere_to_go,
    settings.high_availability,
    settings.workload_balancing,
    storage.attached,
    evacuation.can_leave,
    evacuation.not_paused,
    evacuation.room,
    hotfix.already_there,
    hotfix.half_patched,
    hotfix.reboot_pending,
    hotfix.disk_space,
    hotfix.accepted,
)


def check(picture: Picture) -> tuple[Finding, ...]:
    """All findings of all checks, in the order of CHECKS."""
    return tuple(finding for look in CHECKS for finding in look(picture))
