"""The user: allowed to do all that a run does."""

from collections.abc import Iterator

from xenpatch.prechecks.finding import Finding, Severity
from xenpatch.prechecks.picture import Picture
from xenpatch.xapi.rights import OF_A_RUN


def suffice(picture: Picture) -> Iterator[Finding]:
    """Nobody begins a run who may not end it: a pool is not left half-way for want of a role."""
    if (lacking := picture.rights.lacks(OF_A_RUN)) is not None:
        yield Finding(
            Severity.BLOCKS,
            "rights",
            picture.pool.name,
            lacking,
            "log in as root or as a user with the role pool-admin",
        )
