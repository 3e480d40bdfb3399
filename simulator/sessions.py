"""Sessions: logging in and out, and who may call what where."""

from typing import TYPE_CHECKING, Any, Final

from simulator import rbac
from simulator.call import NULL, Call, Ref, XapiError, message
from simulator.data_model import Message
from simulator.dates import iso8601

if TYPE_CHECKING:
    from simulator.model import User
    from simulator.world import World

IDLE_LIMIT: Final = 24 * 3600.0
"""Seconds without a call after which a session is dropped."""
MOST: Final = 400
"""Beyond this many sessions, those idle the longest are dropped."""


@message("session.login_with_password")
def login_with_password(call: Call, uname: str, pwd: str, version: str) -> Ref:
    """Log in, as root or as a user of the directory that the pool has joined.

    Up to 6.2 a slave accepts the login and refuses the next call. Of a user with no role it is refused with
    RBAC_PERMISSION_DENIED [session.login_with_password, message].
    """
    del version  # ignored, as xapi does
    user = next((each for each in call.world.users if each.name == uname), None)
    rights: dict[str, Any] = {"is_local_superuser": True}
    if user is None:
        _authenticate(call, uname, pwd)
    else:
        rights = _of_directory(call, user, pwd)
    now = iso8601(call.clock.now())
    return call.db.create(
        "session", this_host=call.host, last_active=now, validation_time=now, auth_user_name=uname, **rights
    )


def _of_directory(call: Call, user: "User", pwd: str) -> dict[str, Any]:
    """Return the fields of a session that are about a user of the directory."""
    if pwd != user.password:
        raise _refused(call, "SESSION_AUTHENTICATION_FAILED", user.name, "Authentication failure")
    subjects = call.db.find("subject", subject_identifier=user.sid)
    whom = f"Subject {user.name} (identifier {user.sid})"
    if not subjects:
        raise _refused(
            call, "SESSION_AUTHENTICATION_FAILED", user.name, f"{whom} has no access rights in this pool"
        )
    roles = [
        call.db.get("role", role)["name__label"] for role in call.db.get("subject", subjects[0])["roles"]
    ]
    if not roles:
        message = f"{whom} has no roles in this pool"
        raise _refused(call, "RBAC_PERMISSION_DENIED", "session.login_with_password", message)
    permissions = rbac.permissions_of(call.world.release, roles)
    return {"subject": subjects[0], "auth_user_sid": user.sid, "rbac_permissions": permissions}


@message("session.slave_local_login_with_password")
def slave_local_login_with_password(call: Call, uname: str, pwd: str) -> Ref:
    """Log in to this host alone, as its emergency calls need."""
    _authenticate(call, uname, pwd)
    session = call.db.new_ref()
    call.world.hosts[call.host].local_sessions.add(session)
    return session


@message("session.local_logout")
def local_logout(call: Call) -> None:
    """End a session of this host alone."""
    call.world.hosts[call.host].local_sessions.discard(call.session or NULL)


@message("session.logout")
def logout(call: Call) -> None:
    """End the caller's session."""
    call.db.destroy("session", call.session or NULL)


@message("session.get_all_subject_identifiers")
def get_all_subject_identifiers(call: Call) -> list[str]:
    """List the users of the directory who are logged in."""
    return sorted({row["auth_user_sid"] for row in call.db.rows("session").values()} - {""})


@message("session.logout_subject_identifier")
def logout_subject_identifier(call: Call, subject_identifier: str) -> None:
    """End the sessions of a user of the directory, but for the caller's own."""
    for session in call.db.find("session", auth_user_sid=subject_identifier, is_local_superuser=False):
        if session != call.session:
            call.db.destroy("session", session)


def check(world: "World", host: Ref, session: Ref, wanted: Message | None = None) -> None:
    """Let a call pass that came to this host with this session, or raise.

    SESSION_INVALID if nobody knows the session; HOST_IS_SLAVE [master's address] if it is a client's session
    and the host is not the master. Source: xapi 6.0.2, module Session_check.
    """
    if session in world.hosts[host].local_sessions:
        return
    if not world.db.exists("session", session):
        raise XapiError("SESSION_INVALID", session)
    pool_login = world.db.get("session", session)["pool"]
    if not pool_login and wanted is not None and wanted.internal:
        raise XapiError("INTERNAL_ERROR", "Internal API call attempted with non-pool (external) session")
    if host == world.master:
        touch(world, session)
    elif not pool_login:
        raise XapiError("HOST_IS_SLAVE", world.db.get("host", world.master)["address"])


def touch(world: "World", session: Ref) -> None:
    """Note that the session is in use."""
    world.db.update("session", session, last_active=iso8601(world.clock.now()))


def collect_garbage(world: "World") -> None:
    """Drop sessions idle for too long, and the most idle of too many; none with a task under way."""
    db = world.db
    busy = {row["session"] for row in db.rows("task").values() if row["status"] == "pending"}
    idle = {ref: row["last_active"] for ref, row in db.rows("session").items() if ref not in busy}
    by_activity = sorted(idle, key=lambda ref: idle[ref], reverse=True)
    limit = iso8601(world.clock.now() - IDLE_LIMIT)
    for place, session in enumerate(by_activity):
        if idle[session] < limit or place >= MOST:
            db.destroy("session", session)


def _authenticate(call: Call, uname: str, pwd: str) -> None:
    if (uname, pwd) != ("root", call.world.password):
        raise _refused(call, "SESSION_AUTHENTICATION_FAILED", uname, "Authentication failure")


def _refused(call: Call, code: str, *params: str) -> XapiError:
    """Take the time that guessing is to cost, and return the error."""
    call.clock.sleep(call.world.durations.wrong_password)
    return XapiError(code, *params)
