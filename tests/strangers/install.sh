#!/bin/sh
# Installs clients of the XenAPI that were not written for this project, to try the simulator with:
# the npm package xen-api, and Ansible with its XenServer modules. Idempotent.
# usage: install.sh [FOLDER]     (default: .strangers beside the repository's README)
set -eu

XEN_API=4.7.6
ANSIBLE=12.3.0
ANSIBLE_CORE=2.19.5
XENAPI=26.21.1

root=$(cd "$(dirname "$0")/../.." && pwd)
folder=${1:-$root/.strangers}
python=${PYTHON:-python3}
[ -n "${PYTHON:-}" ] || [ ! -x "$root/.venv/bin/python" ] || python=$root/.venv/bin/python

mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
xen_api="xen-api $XEN_API"
command -v npm >/dev/null || xen_api="no npm for xen-api"
wanted="$xen_api, ansible $ANSIBLE, ansible-core $ANSIBLE_CORE, XenAPI $XENAPI"

install_xen_api() {
    command -v npm >/dev/null || return 0
    mkdir -p "$folder/npm"
    npm install --prefix "$folder/npm" --no-audit --no-fund --no-package-lock --ignore-scripts "xen-api@$XEN_API"
}

install_ansible() {
    [ -x "$folder/venv/bin/python" ] || "$python" -m venv "$folder/venv"
    "$folder/venv/bin/python" -m pip install --quiet "ansible-core>=$ANSIBLE_CORE,<2.20" "XenAPI==$XENAPI"
    # The package ansible holds a hundred collections; one is needed.
    "$folder/venv/bin/python" -m pip download --quiet --no-deps --dest "$folder/download" "ansible==$ANSIBLE"
    "$folder/venv/bin/python" - "$folder" <<'PYTHON'
import sys
from pathlib import Path
from zipfile import ZipFile

folder = Path(sys.argv[1])
(wheel,) = (folder / "download").glob("ansible-*.whl")
with ZipFile(wheel) as archive:
    wanted = [name for name in archive.namelist() if name.startswith("ansible_collections/community/general/")]
    archive.extractall(folder / "collections", wanted)
wheel.unlink()
PYTHON
}

if [ "$(cat "$folder/installed" 2>/dev/null || true)" != "$wanted" ]; then
    rm -f "$folder/installed"
    install_xen_api
    install_ansible
    echo "$wanted" >"$folder/installed"
fi
echo "$wanted: in $folder"
