"""What a pool must be like before it is touched: a check looks at the picture and yields findings."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Final

from xenpatch.options import Mode
from xenpatch.prechecks import evacuation, hosts, hotfix, rights, settings, storage
from xenpatch.prechecks.finding import Finding, Severity
from xenpatch.prechecks.picture import Picture

Check = Callable[[Picture], Iterable[Finding]]

OF_MOVES: Final[tuple[Check, ...]] = (
    hosts.enabled,
    hosts.somewhere_to_go,
    settings.high_availability,
    settings.workload_balancing,
    settings.automatic_start,
    settings.migration_network,
    storage.attached,
    evacuation.can_leave,
    evacuation.not_paused,
    evacuation.drives,
    evacuation.stopped_with_consent,
    evacuation.room,
)
"""What matters for hosts that are emptied and rebooted: it forbids no run that leaves that to a person."""

CHECKS: Final[tuple[Check, ...]] = (
    rights.suffice,
    hosts.right_version,
    hosts.chosen,
    hosts.live,
    *OF_MOVES,
    hotfix.left_out,
    hotfix.prerequisites,
    hotfix.already_there,
    hotfix.half_patched,
    hotfix.reboot_pending,
    hotfix.disk_space,
    hotfix.accepted,
)


def check(picture: Picture) -> tuple[Finding, ...]:
    """All findings of all checks, in the order of CHECKS."""
    return tuple(_for_mode(picture, look, finding) for look in CHECKS for finding in look(picture))


def _for_mode(picture: Picture, look: Check, finding: Finding) -> Finding:
    if look not in OF_MOVES or (picture.options.mode is Mode.AUTOMATIC and picture.moves):
        return finding
    milder = Severity.WARNS if finding.severity is Severity.BLOCKS else finding.severity
    return replace(finding, severity=milder, remedy=None)
