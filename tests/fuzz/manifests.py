"""Manifests that are damaged, or use what YAML allows to do harm."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import yaml
from hypothesis import strategies as st

from tests.fuzz.edits import Splice, places, spliced, splices
from tests.hotfix.kit import facts
from xenpatch.errors import HotfixError
from xenpatch.hotfix.manifest import load_manifest

_WHOLE: Final = yaml.safe_dump(facts()).encode()
_PIECES: Final = (
    b"&a", b"*a", b"!!python/object/apply:os.system ['true']", b"!!binary x", b"- " * 200, b"[" * 500,
    b"{" * 5000, b"? ", b"<<: *a", b"---\n", b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b"%YAML 9.9\n",
    b"name: twice\n", b": " * 50, b"9" * 6000, b"|\n  ", b"'", b"\t", "\u2028\ud7ff".encode(), b"null", b"~",
    b"\n" * 100, b"# " + b"x" * 100_000, b"x" * 300_000,
)  # fmt: skip

_pieces = st.builds(Splice, places, st.integers(0, 30), st.sampled_from(_PIECES))
cases = st.lists(_pieces, min_size=1, max_size=3) | splices


@contextmanager
def judging(folder: Path) -> Iterator[Callable[[list[Splice]], str]]:
    """A judge: a manifest is whole, or is refused by name."""

    def judge(case: list[Splice]) -> str:
        path = folder / "XS602E900.yaml"
        path.write_bytes(spliced(_WHOLE, case))
        try:
            manifest = load_manifest(path)
        except HotfixError as error:
            refused = error
        else:
            assert manifest == type(manifest).model_validate(manifest.model_dump())
            return "taken"
        assert str(path) in str(refused)
        return type(refused).__name__

    yield judge
