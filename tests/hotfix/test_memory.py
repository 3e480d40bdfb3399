"""A hotfix of gigabytes is verified and read with hardly more memory than an idle program has."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Final

import pytest

from tests.hotfix.kit import UUID, write_yaml

MIB: Final = 1024 * 1024
NAME: Final = "XS602E900.xsupdate"

MEASURE: Final = """
import resource, sys
from pathlib import Path
from xenpatch.hotfix.intake import verify
from xenpatch.hotfix.manifest import load_manifest

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

manifest = load_manifest(Path(sys.argv[2]))
idle = peak()
hotfix = verify(Path(sys.argv[1]), manifest)
with hotfix.open_update() as stream:
    size = 0
    while size < int(sys.argv[3]):
        size += len(stream.read(1 << 20))
print(peak() - idle, size)
"""


def peak_above_idle(path: Path, size: int, md5: str, read: int) -> int:
    """Bytes above idle at the peak of verifying and reading, in a program of its own."""
    facts = {
        "name": "XS602E900",
        "uuid": UUID,
        "product_versions": ["6.0.2"],
        "guidance": ["restartHost"],
        "files": {"update": {"name": NAME, "md5": md5, "size": size}},
    }
    manifest = write_yaml(path.parent / "manifest.yaml", facts)
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, path, manifest, str(read)],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    above, size_read = map(int, done.stdout.split())
    assert size_read >= read
    return above


@pytest.mark.timeout(300)
def test_memory_stays_flat_for_a_zip_of_two_gibibytes(tmp_path: Path) -> None:
    path = tmp_path / "XS602E900.zip"
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open(NAME, "w", force_zip64=True) as entry,
    ):
        for _ in range(2048):
            entry.write(bytes(MIB))

    above = peak_above_idle(path, 2048 * MIB, "a981130cf2b7e09f4686dc273cf7187e", read=256 * MIB)

    assert above < 32 * MIB


@pytest.mark.timeout(300)
def test_memory_stays_flat_for_a_bare_update(tmp_path: Path) -> None:
    path = tmp_path / NAME
    path.touch()
    os.truncate(path, 512 * MIB)  # sparse

    above = peak_above_idle(path, 512 * MIB, "aa559b4e3523a6c931f08f4df52d58f2", read=512 * MIB)

    assert above < 32 * MIB
