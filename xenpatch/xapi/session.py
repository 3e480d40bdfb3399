"""A session with a pool: finds the master, logs in again when it must, never sends a call twice unasked."""

from __future__ import annotations

import threading
import xmlrpc.client
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import XenAPI
from pydantic import SecretStr

from xenpatch.errors import (
    AnswerUnusable,
    InputError,
    LoginRefused,
    PoolError,
    ReplyLost,
    Unreachable,
    Untrusted,
    XapiFailure,
)
from xenpatch.waiting import NotYet, by_our_clock, wait_for
from xenpatch.xapi.answers import checked
from xenpatch.xapi.members import follow, members_of
from xenpatch.xapi.tls import Trust
from xenpatch.xapi.transport import OneAttempt, check_url
from xenpatch.xapi.types import SessionRef

PASSING_CODES = {
    "HOST_STILL_BOOTING": "the toolstack is starting",
    "HOST_HAS_NO_MANAGEMENT_IP": "the toolstack is starting",
    "HOST_MASTER_CANNOT_TALK_BACK": "the host has not joined its master yet",
    "HOST_UNKNOWN_TO_MASTER": "the host has not joined its master yet",
    "HOST_OFFLINE": "the host is not back yet",
    "CANNOT_CONTACT_HOST": "the host is not reachable yet",
    "SESSION_INVALID": "the master has restarted",
}
_REFUSALS = {
    "SESSION_AUTHENTICATION_FAILED": "wrong user or password",
    "RBAC_PERMISSION_DENIED": "it has no role in this pool (xe subject-role-add gives it one)",
}
"""Of a login, in words; xapi lets nobody in who has no role (6.0.2, Xapi_session)."""
_MOST_REFUSALS = 5


@dataclass(frozen=True)
class Endpoint:
    """Where a pool is and who asks. ``urls`` are members of the pool; any of them leads to the master.

    ``migration_network`` is the name or uuid of the network that VMs should move over, None for the
    management network.
    """

    urls: tuple[str, ...]
    user: str = "root"
    password: SecretStr = field(default_factory=lambda: SecretStr(""))
    trust: Trust = field(default_factory=Trust)
    migration_network: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "urls", tuple(check_url(url) for url in self.urls))


@dataclass(frozen=True)
class Limits:
    """Seconds: ``call`` on the socket of one call, ``login`` on that of a login, ``master`` for a lost one.

    A slave whose master is down does not answer at all, so that a login, and any question to another host
    than the master, has a limit of its own; xapi takes 5 s over a wrong password.
    """

    call: float = 120.0
    login: float = 12.0
    master: float = 1800.0


class Session:
    """Calls on one pool. Threads may share it: each call has a connection of its own.

    `call` sends once. An answer that proves that nothing was done (HOST_IS_SLAVE, SESSION_INVALID) is
    followed; anything else is the caller's. `read` is for questions only and outlasts a master's restart.
    """

    def __init__(self, endpoint: Endpoint, limits: Limits | None = None) -> None:
        self.endpoint = endpoint
        self.limits = limits or Limits()
        self._members = members_of(endpoint.urls)
        self._url = next(iter(self._members))
        self._ref: SessionRef | None = None
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        """Where the master was last found."""
        return self._url

    @property
    def ref(self) -> SessionRef:
        """The session's reference, for the HTTP handlers; raises PoolError before the login."""
        if self._ref is None:
            raise PoolError("not logged in")
        return self._ref

    def login(self) -> None:
        """Log in, trying each known address of the pool once.

        Raises LoginRefused for a wrong user or password, Untrusted before any password is sent to a
        server that is not the expected one, Unreachable when no address lets anybody in at the moment.
        """
        refusals: list[str] = []
        for url in self._members:
            self._url = url
            try:
                self._login(self._ref)
                self._learn_members()
            except BaseException as failed:
                self.logout()
                why = self._passing(failed)
                if why is None:
                    raise
                refusals.append(why)
            else:
                return
        raise Unreachable("; ".join(refusals))

    def _learn_members(self) -> None:
        if self._members.just_learnt(self._url):
            return
        hosts = self.call("host.get_all_records").values()
        self._members.learn(self._url, [host["address"] for host in hosts])

    def _passing(self, failed: BaseException) -> str | None:
        """In words what may be otherwise at another address or moment; None for all other failures."""
        match failed:
            case AnswerUnusable():
                return None
            case Untrusted() if self._members.forget(self._url):
                return str(failed)
            case Unreachable() | ReplyLost():
                return str(failed)
            case XapiFailure(code=code) if code in PASSING_CODES:
                return f"{self._url}: {PASSING_CODES[code]} ({code})"
        return None

    def logout(self) -> None:
        """End the session; one that is gone already is fine. Where the host is not trusted it is kept."""
        if self._ref is None:
            return
        try:
            self._send(self._url, "session.logout", (self._ref,))
        except Untrusted:
            return
        except PoolError:
            pass
        self._ref = None

    def call(self, method: str, *args: Any) -> Any:
        """Carry out one message of the XenAPI, such as ``host.disable``, and return its value.

        Raises XapiFailure (refused or failed), Unreachable (not sent), ReplyLost (sent, outcome unknown).
        """
        for _ in range(_MOST_REFUSALS):
            used = self.ref
            try:
                return self._at_master(method, (used, *args))
            except XapiFailure as refused:
                if refused.code != "SESSION_INVALID":
                    raise
                self._login(used)
        raise PoolError(f"{method}: the pool forgets each session as soon as it is opened")

    def read(self, method: str, *args: Any) -> Any:
        """Ask something that changes nothing; a lost master is waited for, and looked for at each member."""

        def ask() -> Any:
            try:
                return self.call(method, *args)
            except PoolError as failed:
                why = self._passing(failed)
                if why is None:
                    raise
                self._url = self._members.after(self._url)
                return NotYet(why)

        return wait_for(f"an answer of the pool's master to {method}", ask, self.limits.master)

    def _login(self, stale: SessionRef | None) -> None:
        with self._lock:
            if self._ref is not None and self._ref != stale:
                return
            args = (self.endpoint.user, self.endpoint.password, "1.0", "xenpatch")
            try:
                self._ref = SessionRef(SecretStr(self._at_master("session.login_with_password", args)))
            except XapiFailure as refused:
                if (why := _REFUSALS.get(refused.code)) is None:
                    raise
                raise LoginRefused(f"{self._url} refused user {self.endpoint.user}: {why}") from None

    def _at_master(self, method: str, args: tuple[Any, ...]) -> Any:
        """Send where the master was last found; a slave refuses everything and names its master."""
        for _ in range(_MOST_REFUSALS):
            try:
                return self._send(self._url, method, args)
            except XapiFailure as refused:
                if refused.code != "HOST_IS_SLAVE" or not refused.params:
                    raise
                self._url = self._members.master = self._follow(method, refused.params[0])
        raise PoolError(f"{method} was sent from host to host without finding the master of the pool")

    def _follow(self, method: str, master: str) -> str:
        try:
            return follow(self._url, master)
        except InputError as wrong:
            raise AnswerUnusable(method, f"{self._url} names a master that cannot be one: {wrong}") from None

    def _send(self, url: str, method: str, args: tuple[Any, ...]) -> Any:
        looking = method.startswith("session.") or url != self._members.master
        limit = self.limits.login if looking else self.limits.call
        transport = OneAttempt(url, self.endpoint.trust, by_our_clock(limit))
        proxy = XenAPI.Session(url, transport=transport)
        try:
            return _value(method, getattr(proxy, method)(*map(_plain, args)))
        except ReplyLost as lost:
            raise type(lost)(method, f"{url}: {lost.reason}") from None
        except PoolError as failed:  # without the frames in which the arguments are plain
            raise failed.with_traceback(None) from None
        except xmlrpc.client.Fault as fault:
            raise XapiFailure(method, "FAULT", [str(fault.faultCode), str(fault.faultString)]) from None


def _plain(arg: Any) -> Any:
    """An argument as it is sent; passwords and session references are kept from view until then."""
    return arg.get_secret_value() if isinstance(arg, SecretStr) else arg


def _value(method: str, answer: Any) -> Any:
    match answer:
        case {"Status": "Success", "Value": value}:
            try:
                return checked(method, value)
            except ValueError as wrong:
                raise AnswerUnusable(method, str(wrong)) from None
        case {"Status": "Failure", "ErrorDescription": [str(code), *params]} if all(
            isinstance(param, str) for param in params
        ):
            raise XapiFailure(method, code, params)
    raise AnswerUnusable(method, "it has neither a value nor an error")


@contextmanager
def open_session(endpoint: Endpoint, *, patience: float = 0.0) -> Iterator[Session]:
    """A logged-in session, logged out at the end.

    A pool that does not answer is waited for `patience` seconds; 0 is for the first contact, where a wrong
    address should show at once.
    """
    session = Session(endpoint)

    def log_in() -> Session | NotYet:
        try:
            session.login()
        except Unreachable as lost:
            if not patience:
                raise
            return NotYet(str(lost))
        return session

    try:
        wait_for("the pool to answer", log_in, patience)
    except (Unreachable, LoginRefused) as failed:
        if patience:
            raise
        raise type(failed)(f"{failed}; nothing was changed") from None
    try:
        yield session
    finally:
        session.logout()
