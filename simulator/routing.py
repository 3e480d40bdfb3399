"""Which handler serves a request, and with what authority.

Handlers are found by the longest prefix of the path among those of the method, so that a POST to any path is
XML-RPC. Source: xapi 6.0.2, modules Http_svr and Xapi_http.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from simulator import rbac, sessions, tasks
from simulator.call import NULL, ROUTES, Call, ConnectionDropped, Ref, RouteHandler, XapiError
from simulator.dispatch import Received
from simulator.http import Request
from simulator.performing import carefully
from simulator.world import World

LONGEST_CALL: Final = 300 * 1024
"""Bytes of an XML-RPC request."""


class UnauthorisedError(Exception):
    """The request came without good credentials."""


@dataclass(frozen=True)
class Router:
    """Serves the requests that come to one host."""

    world: World
    host: Ref

    def serve(self, request: Request) -> None:
        """Answer a request. Raises ConnectionDropped where the connection is to be cut."""
        paths = [path for method, path in rbac.HTTP if method == request.method]
        if not paths:
            request.send_not_implemented()
            return
        path = max((each for each in paths if request.path.startswith(each)), key=len, default="")
        if not path:
            request.send_forbidden()
        elif (request.method, path) == ("GET", "/"):
            request.send_not_found()
        elif (request.method, path) == ("POST", "/"):
            self._serve_call(request)
        elif handler := ROUTES.get((request.method, path)):
            self._serve_route(request, path, handler)
        else:
            request.send_internal_error(f"NOT_IMPLEMENTED: [ {request.method} {path} ]")

    def _serve_call(self, request: Request) -> None:
        length = request.content_length
        if length is None:
            request.send_internal_error("We require a content-length: HTTP header")
            return
        if length > LONGEST_CALL:
            request.send_internal_error("Http_svr.Client_requested_size_over_limit")
            return
        task = request.headers.get("task-id")
        received = Received(
            self.world,
            self.host,
            request.rfile.read(length),
            Ref(task) if task else None,
            Ref(request.headers.get("subtask-of", NULL)),
        )
        try:
            answer = received.answer()
        except ValueError as error:
            request.send_internal_error(f"XMLRPC.RunTimeTypeError({error})")
            return
        request.send_body(answer.encode(), "text/xml")

    def _serve_route(self, request: Request, path: str, handler: RouteHandler) -> None:
        name = f"{request.method} {path}"
        entry = self.world.journal.open(self.world.name_of(self.host), name)
        entry.args = [{key: value for key, value in request.query.items() if not key.endswith("_id")}]
        runtime = self.world.hosts[self.host]
        if runtime.in_emergency:
            entry.close(runtime.emergency_error[0])
            request.send_internal_error(_described(XapiError(*runtime.emergency_error)))
            return
        try:
            with self._authority(request, path) as call:
                _handle(request, call, handler)
        except ConnectionDropped:
            entry.close("dropped")
            raise
        except UnauthorisedError:
            entry.close("SESSION_AUTHENTICATION_FAILED")
            request.send_unauthorised(path)
        except XapiError as error:
            entry.close(error.code)
            if error.code == "RBAC_PERMISSION_DENIED":
                request.send_forbidden()
            else:
                request.send_internal_error(_described(error))
        else:
            entry.close("ok")
            if _drop(call) == "after":
                raise ConnectionDropped

    @contextmanager
    def _authority(self, request: Request, path: str) -> Iterator[Call]:
        """Check credentials and role. Without a client's task the call has one of its own while it runs."""
        name = f"{request.method} {path}"
        self.world.wait_for_master(self.host)
        named = request.parameters.get("task_id")
        client_task = tasks.Task(self.world, Ref(named)) if named else None
        fault = self.world.fault_for(name)
        try:
            session, temporary = self._session(request)
        except UnauthorisedError:
            if client_task:
                client_task.fail(XapiError("SESSION_AUTHENTICATION_FAILED"))
            raise
        try:
            self._check_role(rbac.HTTP[request.method, path][0], session, client_task)
            task = client_task or tasks.start(self.world, name, session=session)
            try:
                yield Call(self.world, self.host, session, task, fault)
            finally:
                if not client_task:
                    task.destroy()
        finally:
            if temporary:
                self.world.db.destroy("session", session)

    def _check_role(self, permission: str, session: Ref, task: tasks.Task | None) -> None:
        """Let the session use the path, or fail the client's task and raise RBAC_PERMISSION_DENIED."""
        try:
            rbac.check(self.world, session, permission)
        except XapiError as denied:
            if task:
                task.fail(denied)
            raise

    def _session(self, request: Request) -> tuple[Ref, bool]:
        """Find the session named in the query or a cookie, which slaves know as well, or log in for a while.

        Return it, and whether it is to end with the request.
        """
        if named := request.parameters.get("session_id"):
            if not self.world.db.exists("session", named):
                raise UnauthorisedError
            sessions.touch(self.world, Ref(named))
            return Ref(named), False
        if request.credentials is None:
            raise UnauthorisedError
        user, password = request.credentials
        try:
            return sessions.login_with_password(Call(self.world, self.host), user, password, "1.1"), True
        except XapiError:
            raise UnauthorisedError from None


def _handle(request: Request, call: Call, handler: RouteHandler) -> None:
    """Run the handler and leave its outcome in the task."""
    if _drop(call) == "before":
        raise ConnectionDropped
    try:
        result = carefully(call, lambda: handler(request, call))
    except XapiError as error:
        call.task.fail(error)
        raise
    call.task.complete(result or "")


def _drop(call: Call) -> str:
    return call.fault.drop if call.fault else ""


def _described(error: XapiError) -> str:
    return f"{error.code}: [ {'; '.join(error.params)} ]"
