"""Updates of XenServer up to 7.0: the XenAPI class pool_patch."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from xenpatch.errors import ApplyFailed, HttpRefused, PoolError, UploadFailed, XapiFailure, during
from xenpatch.hotfix.intake import Hotfix
from xenpatch.hotfix.manifest import Manifest
from xenpatch.prechecks.picture import Verdict
from xenpatch.xapi import tasks
from xenpatch.xapi.files import Sent, upload_patch
from xenpatch.xapi.guarded_xml import XmlRefused, read_tree
from xenpatch.xapi.inventory import Host, Inventory, UploadedPatch
from xenpatch.xapi.objects import host_ref
from xenpatch.xapi.session import Session
from xenpatch.xapi.survey import read_inventory
from xenpatch.xapi.types import PatchRef

PRECHECK_LIMIT = 600.0
APPLY_LIMIT = 1800.0
_POOL_CLEAN_SINCE = (6, 1)
_TRIES = 2  # the second one only when the first left neither a task nor an effect
_VERDICTS = ("PATCH_", "INVALID_PATCH", "CANNOT_FIND_PATCH", "CANNOT_FETCH_PATCH")


class PoolPatch:
    """The mechanism `pool_patch`: upload to the master, precheck and apply on each host."""

    def bring(
        self,
        session: Session,
        hotfix: Hotfix,
        on_sent: Sent | None = None,
        *,
        anew: bool = False,
    ) -> bool:
        """Have the file on the pool; return whether it was uploaded now.

        A patch of that uuid with its file is used as it is; PATCH_ALREADY_EXISTS says the same. Raises
        UploadFailed when the server refuses the file or knows it by another uuid than the manifest.
        """
        if not anew and _uploaded(session, hotfix.manifest) is not None:
            return False
        try:
            ref = self._upload(session, hotfix, on_sent)
        except XapiFailure as refused:
            if refused.code == "PATCH_ALREADY_EXISTS" and _uploaded(session, hotfix.manifest) is not None:
                return False
            raise UploadFailed(_upload_refused(hotfix.manifest, refused)) from None
        except HttpRefused as refused:
            raise UploadFailed(
                f"{hotfix.manifest.name} was not uploaded: {refused}. No host was touched. Look at the "
                "master's log (/var/log/xensource.log) and start again."
            ) from None
        self._check_uuid(session, hotfix.manifest, ref)
        return True

    def remove(self, session: Session, manifest: Manifest) -> None:
        """Destroy the patch's record and file; one that is gone, or applied to a host, is left as it is."""
        patch = _uploaded(session, manifest)
        if patch is None:
            return
        try:
            session.call("pool_patch.destroy", patch.ref)
        except XapiFailure as refused:
            if refused.code not in ("PATCH_IS_APPLIED", "HANDLE_INVALID"):
                raise

    def clean(self, session: Session, manifest: Manifest) -> None:
        """Remove the files: on the master, where 6.0 keeps them (pool_patch.clean), or on all (pool_clean).

        The server keeps its record of the patch. Safe to call again.
        """
        pool = read_inventory(session)
        if (patch := pool.patch(manifest.uuid)) is not None:
            verb = "pool_clean" if pool.release >= _POOL_CLEAN_SINCE else "clean"
            session.call(f"pool_patch.{verb}", patch.ref)

    def precheck(self, session: Session, manifest: Manifest, host: Host) -> Verdict:
        """Ask the host; a failed check may come as an error or as a successful `<error>` text.

        Raises XapiFailure for what is no verdict on the hotfix.
        """
        what = f"{host.name}'s own precheck of {manifest.name}"
        patch = _ref(session, manifest)
        try:
            with during(what):
                said = tasks.run(
                    session, "pool_patch.precheck", patch, host.ref, what=what, limit=PRECHECK_LIMIT
                )
        except XapiFailure as refused:
            if not refused.code.startswith(_VERDICTS):
                raise
            return Verdict(refused.code, _explain(manifest, refused.code, refused.params[1:]))
        return _parse_precheck(manifest, said)

    def apply(self, session: Session, manifest: Manifest, on_progress: Callable[[float], None]) -> None:
        """Apply to every host that lacks it; success is that every host lists it.

        The whole pool at once while no host has it (``pool_patch.pool_apply``, which stops at the first
        failure), host by host after that. A call whose answer was lost is not sent again as long as its
        task or its effect shows.
        """
        pool = read_inventory(session)
        lacking = _lacking(pool, manifest)
        cause: PoolError | None = None
        try:
            if len(lacking) == len(pool.hosts):
                self._apply_once(session, manifest, None, on_progress)
            else:
                for host in lacking:
                    self._apply_once(session, manifest, host, on_progress)
        except PoolError as failed:
            cause = failed
        pool = read_inventory(session)
        if lacking := _lacking(pool, manifest):
            raise ApplyFailed(_half_applied(pool, manifest, lacking, cause)) from cause

    def _upload(self, session: Session, hotfix: Hotfix, on_sent: Sent | None) -> PatchRef:
        with hotfix.open_update() as body:
            return upload_patch(session, body, hotfix.update_size, on_sent=on_sent)

    def _check_uuid(self, session: Session, manifest: Manifest, ref: PatchRef) -> None:
        uuid = str(session.read("pool_patch.get_uuid", ref))
        if uuid.lower() != manifest.uuid:
            session.call("pool_patch.destroy", ref)
            raise UploadFailed(
                f"the pool reads the file as hotfix {uuid}, the manifest says {manifest.uuid}: it is not "
                f"{manifest.name}. The upload was removed again; no host was touched."
            )

    def _apply_once(
        self, session: Session, manifest: Manifest, host: Host | None, on_progress: Callable[[float], None]
    ) -> None:
        """Have the host, or with None the whole pool, patched; what is under way already is waited for."""
        method = "pool_patch.apply" if host else "pool_patch.pool_apply"
        what = f"{manifest.name} to be applied to {host.name if host else 'the pool'}"
        tasks.await_others(session, method, what=what, limit=APPLY_LIMIT)
        for _ in range(_TRIES):
            lacking = _lacking(read_inventory(session), manifest)
            if not lacking or (host and host.uuid not in {each.uuid for each in lacking}):
                return
            to = [host_ref(session, host.uuid)] if host else []
            task = tasks.start_surely(session, method, _ref(session, manifest), *to)
            if task is not None:
                tasks.finish(session, task, method, what=what, limit=APPLY_LIMIT, on_progress=on_progress)
                return


def _uploaded(session: Session, manifest: Manifest) -> UploadedPatch | None:
    """The patch with its file: a record alone (size 0, as a roll-up leaves) cannot be applied."""
    patch = read_inventory(session).patch(manifest.uuid)
    return patch if patch is not None and patch.size > 0 else None


def _ref(session: Session, manifest: Manifest) -> PatchRef:
    """References change when the master restarts, so it is looked up each time."""
    patch = read_inventory(session).patch(manifest.uuid)
    if patch is None:
        raise XapiFailure("pool_patch.get_by_uuid", "UUID_INVALID", ["pool_patch", manifest.uuid])
    return patch.ref


def _lacking(pool: Inventory, manifest: Manifest) -> tuple[Host, ...]:
    return tuple(host for host in pool.hosts if not host.has(manifest.uuid))


def _half_applied(
    pool: Inventory, manifest: Manifest, lacking: Sequence[Host], cause: PoolError | None
) -> str:
    have = ", ".join(host.name for host in pool.hosts if host not in lacking) or "no host"
    lack = ", ".join(host.name for host in lacking)
    return (
        f"{manifest.name} was applied to {have}; {lack} {'lack' if len(lacking) > 1 else 'lacks'} it"
        + (f": {_cause(manifest, cause)}" if cause else "")
        + ". Applying it moved no VM and rebooted no host. Cure the cause and start again: the run continues "
        "with the hosts that lack it."
    )


def _cause(manifest: Manifest, cause: PoolError) -> str:
    if isinstance(cause, XapiFailure):
        return _explain(manifest, cause.code, cause.params)
    return str(cause)


def _upload_refused(manifest: Manifest, refused: XapiFailure) -> str:
    why = {
        "INVALID_PATCH": "it does not accept the file (a bad signature, a damaged file, or no space for it)",
        "INVALID_PATCH_WITH_LOG": "it does not accept the file",
        "OUT_OF_SPACE": "it has no space for the file",
    }.get(refused.code, refused.code)
    details = f" [{', '.join(refused.params)}]" if refused.params else ""
    return f"the master refused {manifest.name}: {why}{details}. No host was touched."


def _parse_precheck(manifest: Manifest, said: str) -> Verdict:
    start = said.find("<error")
    if start < 0:
        return Verdict()
    try:
        error = read_tree(said[start : said.rindex(">") + 1])
    except (XmlRefused, ValueError):
        return Verdict("PATCH_PRECHECK_FAILED_UNKNOWN_ERROR", said.strip())
    code = error.get("errorcode", "PATCH_PRECHECK_FAILED_UNKNOWN_ERROR")
    details = [child.get("uuid") or (child.text or "").strip() for child in error]
    return Verdict(code, _explain(manifest, code, details))


def _explain(manifest: Manifest, code: str, details: Sequence[str]) -> str:
    first, second = [*details, "?", "?"][:2]
    known = {
        "PATCH_PRECHECK_FAILED_WRONG_SERVER_VERSION": f"it is for version {second}, found {first}",
        "PATCH_PRECHECK_FAILED_WRONG_SERVER_BUILD": f"it is for build {second}, found {first}",
        "PATCH_PRECHECK_FAILED_PREREQUISITE_MISSING": f"these hotfixes must be applied first: {first}",
        "PATCH_PRECHECK_FAILED_VM_RUNNING": "it needs all VMs of the host stopped",
        "PATCH_PRECHECK_FAILED_OUT_OF_SPACE": f"{first} bytes free in the control domain, {second} needed",
        "PATCH_PRECHECK_TOOLS_ISO_MOUNTED": "a VM has the tools CD in its drive: eject it",
        "PATCH_APPLY_FAILED": f"its apply script failed: {' '.join(details).strip()}",
        "CANNOT_FIND_PATCH": "the master has no file of it any more",
        "HOST_OFFLINE": "the host is offline",
    }
    detail = f" ({', '.join(details)})" if details else ""
    return f"{manifest.name}: {known.get(code) or code + detail}"
