"""Hotfix files over HTTP: PUT /pool_patch_upload and GET /pool_patch_download.

Source: xapi 6.0.2, xapi_pool_patch (pool_patch_upload_handler, pool_patch_download_handler).
"""

import shutil
from pathlib import Path
from typing import BinaryIO, Final

from simulator.call import Call, ConnectionDropped, Ref, XapiError, route
from simulator.http import Request
from simulator.patch_records import known_patch
from simulator.pool_patch import patch_folder
from simulator.update import BadUpdate, UpdateInfo, read_update
from simulator.world import StampInfo

_BLOCK: Final = 1 << 20


@route("PUT", "/pool_patch_upload")
def upload(request: Request, call: Call) -> str | None:
    """Take a hotfix in; the task's result is its pool_patch.

    The response says 200 before the body is read and then neither ends nor tells more: only the task says
    what came of it. INVALID_PATCH [] is any trouble with the file, a full disk too; PATCH_ALREADY_EXISTS
    [uuid] means that the master has it. A hotfix that was cleaned takes the new file and keeps its reference.
    """
    if call.host != call.world.master:
        request.send_internal_error("Xapi_pool_patch.CannotUploadPatchToSlave")
        raise ConnectionDropped  # the client's task stays pending
    request.send_head()
    file = patch_folder(call.world, call.host) / call.db.new_uuid()
    update = _receive(request, call, file)
    try:
        return _register(call, update, file)
    except XapiError:
        file.unlink()
        raise


@route("GET", "/pool_patch_download")
def download(request: Request, call: Call) -> str | None:
    """Send the file of a hotfix named by `uuid`, as slaves fetch it."""
    if "uuid" not in request.query:
        request.send_bad_request()
        return None
    call.db.by_uuid("pool_patch", request.query["uuid"])
    file = call.world.hosts[call.host].files.get(request.query["uuid"])
    if file is None or not file.exists():
        raise XapiError("CANNOT_FIND_PATCH")
    request.close = True
    request.send_head(headers={"Content-Length": str(file.stat().st_size)})
    with file.open("rb") as source:
        while block := source.read(_BLOCK):
            request.send(block)
    return None


def _receive(request: Request, call: Call, file: Path) -> UpdateInfo:
    try:
        with file.open("wb") as target:
            _copy_body(request, target, full=call.fault is not None and call.fault.full)
        return read_update(file, call.world.known_hotfixes)
    except (BadUpdate, OSError) as broken:
        file.unlink(missing_ok=True)
        raise XapiError("INVALID_PATCH") from broken


def _copy_body(request: Request, target: BinaryIO, *, full: bool) -> None:
    """Copy as much as Content-Length says, or to the end of the connection; raise OSError for any trouble."""
    left = request.content_length
    if left is None:
        shutil.copyfileobj(request.rfile, target, _BLOCK)
    while left:
        block = request.rfile.read(min(left, _BLOCK))
        if not block:
            raise OSError("the connection ended before the file did")
        target.write(block)
        left -= len(block)
    if full:
        raise OSError("No space left on device")


def _register(call: Call, update: UpdateInfo, file: Path) -> Ref:
    stamp = StampInfo(
        update.uuid, update.name_label, update.name_description, update.version, update.guidance
    )
    files = call.world.hosts[call.host].files
    with call.db.lock:
        known = call.db.find("pool_patch", uuid=update.uuid)
        if known and Path(call.db.get("pool_patch", known[0])["filename"]).is_file():
            raise XapiError("PATCH_ALREADY_EXISTS", update.uuid)
        patch = known_patch(call.db, stamp)
        call.db.update("pool_patch", patch, filename=str(file), size=file.stat().st_size)
        files[update.uuid] = file
    return patch
