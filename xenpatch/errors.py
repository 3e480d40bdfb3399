"""Everything that xenpatch raises, one tree.

XenpatchError
├── InputError            bad input; nothing was contacted or changed
│   └── HotfixError
│       ├── ManifestError     the facts about a hotfix cannot be read or are not there
│       ├── FileRefused       no file that could be a hotfix
│       ├── ArchiveRefused    a zip that is damaged, hostile or not a hotfix's
│       └── ChecksumMismatch  not the bytes that were published
├── Refused               the pool must not be touched as it is; nothing was changed
│   ├── PrecheckRefused
│   └── RunInProgress
├── SettingsUnavailable   what was saved in Prefect cannot be read; nothing was contacted or changed
├── Stopped               a safe boundary was reached before the end; continue later
└── PoolError             the work on the pool failed
    ├── XapiFailure       the XenAPI answered with an error
    ├── LoginRefused      wrong user or password
    ├── Unreachable       no connection; the request was not sent
    ├── Untrusted         the other end is not who it should be
    ├── HttpRefused       the pool refused to send or take a file
    ├── ReplyLost         the request was sent, its answer never came
    │   └── AnswerUnusable an answer came that is none of the XenAPI's: in form, in type or in size
    ├── TaskLost          the server no longer knows the task
    ├── WaitTimeout       something awaited did not come about in its time
    ├── Interrupted       a person stopped the run in the middle
    ├── LockLost          the run record on the pool is no longer ours
    │   └── RecordGone        it is nobody's: it was removed, or the database was put back
    └── StepFailed        a step of the run could not be made so
        ├── UploadFailed
        │   └── HotfixChanged the file is no longer the one that was verified
        ├── BackupFailed
        ├── ApplyFailed
        ├── DrainFailed
        ├── PoolUnhealthy
        ├── RebootFailed
        │   └── RebootRefused the host is up and empty, and was not told to reboot
        ├── VerificationFailed
        ├── ReturnFailed
        └── SshError

A message says what happened, to which host or VM by name, what was not touched and what to do next.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from xenpatch.hotfix.checksums import FileCheck
    from xenpatch.prechecks.finding import Finding


class XenpatchError(Exception):
    """Base of all of them; never raised itself."""


class InputError(XenpatchError):
    """What the person gave cannot be used; nothing was contacted or changed."""


class Refused(XenpatchError):
    """The pool is in no state to be patched; nothing was changed."""


class PrecheckRefused(Refused):
    """Findings of the prechecks forbid the run."""

    def __init__(self, message: str, findings: Sequence[Finding]) -> None:
        super().__init__(message)
        self.findings = tuple(findings)


class RunInProgress(Refused):
    """Another run holds the pool's run record."""


class SettingsUnavailable(XenpatchError):
    """Prefect cannot be asked for what was saved in it; nothing was contacted or changed."""


class Stopped(XenpatchError):
    """The run ended at a boundary where every VM runs and no host is out of service."""


class AnswerNeeded(Stopped):
    """The run stops until a person has agreed; ``key`` names the question, ``text`` is it in Markdown."""

    def __init__(self, message: str, *, key: str, text: str) -> None:
        super().__init__(message)
        self.key = key
        self.text = text


class PoolError(XenpatchError):
    """Work on the pool failed."""


@contextmanager
def during(what: str) -> Iterator[None]:
    """Note on what fails what was being done; `in_words` tells the innermost."""
    try:
        yield
    except PoolError as failed:
        failed.add_note(what)
        raise


def in_words(failed: PoolError) -> str:
    """What was being done, if it was noted, and what failed."""
    notes: list[str] = getattr(failed, "__notes__", [])
    return ": ".join([*notes[:1], str(failed)])


class XapiFailure(PoolError):
    """The XenAPI refused or failed a call.

    ``code`` is one of the XenAPI's error codes, ``params`` are its parameters as the server sent them
    (most often references).
    """

    def __init__(self, call: str, code: str, params: Sequence[str] = ()) -> None:
        told = [param for param in params if not param.startswith("OpaqueRef:")]
        super().__init__(f"{call} failed: {code}" + (f" ({', '.join(told)})" if told else ""))
        self.call = call
        self.code = code
        self.params = tuple(params)


class LoginRefused(PoolError):
    """The pool does not know the user or the password."""


class Unreachable(PoolError):
    """No connection could be made; the request was not sent."""


class Untrusted(PoolError):
    """The certificate or host key is not the expected one; no password was sent."""


class HttpRefused(PoolError):
    """The pool answered a request for a file with an HTTP error; ``status`` is its number."""

    def __init__(self, request: str, status: int, reason: str) -> None:
        super().__init__(f"the pool refused {request}: HTTP {status} {reason}".rstrip())
        self.status = status


class ReplyLost(PoolError):
    """The connection broke after the request was sent: whether it was carried out is not known."""

    became: ClassVar = "was lost"

    def __init__(self, call: str, reason: str) -> None:
        super().__init__(f"the answer to {call} {self.became} ({reason}){_doubt(call)}")
        self.call = call
        self.reason = reason


class AnswerUnusable(ReplyLost):
    """What came is no answer of the XenAPI: not its form or types, too large, or made to do harm.

    It is as good as lost, but asking again would bring the same.
    """

    became: ClassVar = "cannot be used"


def _doubt(call: str) -> str:
    """What is not known once a request has no answer: nothing, where it only asked."""
    asked = call.startswith(("GET ", "session.")) or call.partition(".")[2].startswith(("get_", "assert_"))
    return "" if asked else "; whether it was carried out is not known"


class TaskLost(PoolError):
    """The server does not know the task any more, as after a restart of the master."""


class WaitTimeout(PoolError):
    """Something that was waited for did not come about within its limit (seconds)."""

    def __init__(self, what: str, limit: float, last: str = "") -> None:
        super().__init__(
            f"waited {limit:.0f} s for {what}, in vain" + (f"; last seen: {last}" if last else "")
        )
        self.what = what
        self.limit = limit


class Interrupted(PoolError):
    """A person stopped the run in the middle of a host."""


class LockLost(PoolError):
    """The run record on the pool belongs to another run now, so this one must not act any more."""


class RecordGone(LockLost):
    """No run holds the pool, though this one did: nobody else will finish or undo what it has begun."""


class StepFailed(PoolError):
    """A step of the run could not be made so."""


class UploadFailed(StepFailed):
    """The hotfix could not be brought onto the pool."""


class BackupFailed(StepFailed):
    """The pool's database could not be saved whole."""


class ApplyFailed(StepFailed):
    """The hotfix is not on every host."""


class DrainFailed(StepFailed):
    """A host could not be emptied of its VMs."""


class PoolUnhealthy(StepFailed):
    """The pool is in no state to have another host taken out of service."""


class RebootFailed(StepFailed):
    """A host did not come back from its reboot as it should."""


class RebootRefused(RebootFailed):
    """A host could not be told to reboot; it is up and empty."""


class VerificationFailed(StepFailed):
    """A host does not prove what it should after its reboot."""


class ReturnFailed(StepFailed):
    """VMs did not get back to their home host."""


class SshError(StepFailed):
    """A host's control domain could not be asked over SSH."""


class HotfixError(InputError):
    """The hotfix that was given cannot be used."""


class ManifestError(HotfixError):
    """A manifest cannot be read or says what it must not, or there is none for the file."""


class FileRefused(HotfixError):
    """The path does not lead to a file that could be a hotfix or a manifest."""


class ArchiveRefused(HotfixError):
    """The zip is damaged, dangerous, or does not hold exactly one update."""


class ChecksumMismatch(HotfixError):
    """A file is not the one that was published; ``files`` are all that were compared."""

    def __init__(self, message: str, files: Sequence[FileCheck] = ()) -> None:
        super().__init__(message)
        self.files = tuple(files)


class HotfixChanged(UploadFailed):
    """The hotfix on disk is no longer the one that was verified; it was not sent whole."""
