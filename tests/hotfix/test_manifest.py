"""A manifest says exactly what was published, and every fault in one is told with its line."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from tests.hotfix.kit import write_yaml
from xenpatch.errors import FileRefused, InputError, ManifestError
from xenpatch.hotfix.manifest import (
    Guidance,
    Manifest,
    Package,
    find_known,
    known_manifests,
    load_manifest,
)

GOOD = """\
name: XS602E900
uuid: ABCD1234-FEED-DEAD-BEEF-000000000000
product_versions: [6.0.2, 6.10]
guidance: [restartHost]
supersedes: []
article: null
files:
  update: {name: XS602E900.xsupdate, md5: 0123456789ABCDEF0123456789abcdef, size: 12}
components:
  - name: xapi
    packages:
      - {name: xapi-core, version: 0.2, release: 251, arch: i686}
"""


@pytest.fixture
def e008() -> Manifest:
    known = find_known("XS602E008.zip", "")
    assert known
    return known


def load(folder: Path, text: str) -> Manifest:
    path = folder / "hotfix.yaml"
    path.write_text(text, encoding="utf-8")
    return load_manifest(path)


def refusal(folder: Path, text: str) -> str:
    with pytest.raises(ManifestError) as caught:
        load(folder, text)
    assert "pydantic" not in str(caught.value)
    return str(caught.value).removeprefix(f"The manifest {folder / 'hotfix.yaml'} ")


def test_xs602e008_is_known_with_the_facts_of_its_article(e008: Manifest) -> None:
    assert e008.name == "XS602E008"
    assert e008.uuid == "7c04fd30-9a0a-4894-9662-05ca9f866162"
    assert e008.product_versions == ("6.0.2",)
    assert e008.guidance == (Guidance.RESTART_HOST,)
    assert e008.article == "CTX134753"
    assert e008.resolves == ("CTX134708", "CA-79986", "CA-87350")
    assert [(other.name, other.uuid) for other in e008.supersedes] == [
        ("XS602E004", "7f363047-46f2-41b7-8ff2-141d88e7b4ec")
    ]
    files = (e008.files.archive, e008.files.update, e008.files.source)
    assert [(file.name, file.md5) for file in files if file] == [
        ("XS602E008.zip", "fe1d35bbf43d2bdc27123f84da7b78a6"),
        ("XS602E008.xsupdate", "1215881520ba7c6b059ecc2194039e4d"),
        ("XS602E008-src-pkgs.tar.bz2", "d99773b26ff8853843e7baebd1072dcb"),
    ]


def test_xs602e008_lists_the_packages_and_does_not_guess_the_one_that_is_cut_off(e008: Manifest) -> None:
    assert [(package.nvra, package.known) for package in e008.packages] == [
        ("openssl-0.9.8e-22.el5_8.3.i386", True),
        ("vncterm-6.0.2-251.i686", True),
        ("xen-device-model-6.0.2-33.7524.i686", True),
        ("xen-hypervisor-4.1.2-", False),
    ]


def test_xs602e008_agrees_with_the_vendors_lists_of_hotfixes(e008: Manifest, shared_data: Path) -> None:
    rows = (shared_data / "hotfixes" / "hotfixes.csv").read_text(encoding="utf-8").splitlines()
    rollups = (shared_data / "hotfixes" / "rollups.tsv").read_text(encoding="utf-8").splitlines()

    assert f"6.0.2,{e008.name},{e008.uuid},XS602E008.zip,{e008.article}" in rows
    for other in e008.supersedes:
        assert any(row.startswith(f"6.0.2,{other.name},{other.uuid},") for row in rows)
    (rollup,) = (row for row in rollups if row.split("\t")[2] == e008.name)
    assert "xen, vncterm, openssl, qemu. Rolls up XS602E004." in rollup
    assert {component.name for component in e008.components} == {"xen", "vncterm", "openssl", "qemu"}


@pytest.mark.parametrize("name", ["XS602E008.zip", "xs602e008.XSUPDATE"])
def test_a_known_hotfix_is_found_by_the_name_of_its_zip_or_update(name: str) -> None:
    found = find_known(name, "")

    assert found is known_manifests()[0]


@pytest.mark.parametrize("md5", ["fe1d35bbf43d2bdc27123f84da7b78a6", "1215881520BA7C6B059ECC2194039E4D"])
def test_a_known_hotfix_is_found_by_md5_under_any_name(md5: str) -> None:
    found = find_known("download.bin", md5)

    assert found is known_manifests()[0]


def test_a_hotfix_is_not_known_by_its_source_package() -> None:
    assert find_known("XS602E008-src-pkgs.tar.bz2", "d99773b26ff8853843e7baebd1072dcb") is None


def test_values_stay_as_they_are_written(tmp_path: Path) -> None:
    manifest = load(tmp_path, GOOD)

    assert manifest.uuid == "abcd1234-feed-dead-beef-000000000000"
    assert manifest.product_versions == ("6.0.2", "6.10")
    assert manifest.packages == (Package(name="xapi-core", version="0.2", release="251", arch="i686"),)
    assert manifest.files.update.size == 12
    assert manifest.files.update.md5 == "0123456789abcdef0123456789abcdef"
    assert manifest.article is None


def test_a_manifest_survives_being_written_and_read(tmp_path: Path, e008: Manifest) -> None:
    path = write_yaml(tmp_path / "copy.yaml", e008.model_dump(mode="json"))

    assert load_manifest(path) == e008


def test_a_manifest_cannot_be_changed(e008: Manifest) -> None:
    with pytest.raises(ValidationError, match="frozen"):
        e008.name = "other"


def test_a_package_is_either_known_or_shown_as_it_was_printed() -> None:
    base: dict[str, Any] = {"name": "xen", "version": "4.1.2"}

    with pytest.raises(ValidationError, match="lacks its release or arch: say in 'printed'"):
        Package(**base, release=None, arch=None)
    with pytest.raises(ValidationError, match="so 'printed' must go"):
        Package(**base, release="1", arch="i686", printed="xen-4.1.2-")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (
            "article:",
            "artikle:",
            "line 6: artikle is not a key that a manifest has; did you mean article?",
        ),
        (
            "size: 12",
            "sizes: 12",
            "line 8: files.update.sizes is not a key that a manifest has; did you mean size?",
        ),
        (
            "ABCD1234-FEED",
            "ABCD1234FEED",
            "line 2: uuid is not a uuid (8-4-4-4-12 hexadecimal digits): 'ABCD1234FEED-DEAD-BEEF-0",
        ),
        ("name: XS602E900\nuuid", "uuid", "line 1: name is missing"),
        (
            "89abcdef,",
            "89abcde,",
            "line 8: files.update.md5 has 31 hexadecimal digits where 32 are needed (was it cut short?)",
        ),
        (
            "size: 12",
            "sha256: 0123456789abcdef0123456789abcdef",
            "line 8: files.update.sha256 has 32 hexadecimal digits where 64 are needed (was it cut short?)",
        ),
        (
            "0123456789ABC",
            "x123456789ABC",
            "line 8: files.update.md5 is not a checksum of 32 hexadecimal digits: 'x",
        ),
        ("size: 12", "size: 0", "line 8: files.update.size must be more than 0: '0'"),
        ("size: 12", "size: large", "line 8: files.update.size must be a whole number: 'large'"),
        (
            "XS602E900.xsupdate",
            "../XS602E900.xsupdate",
            "line 8: files.update.name must be a file name without a folder: '../XS602E900.xsupdate'",
        ),
        ("[6.0.2, 6.10]", "[]", "line 3: product_versions must not be an empty list"),
        ("[6.0.2, 6.10]", "6.0.2", "line 3: product_versions must be a list: '6.0.2'"),
        (
            "[6.0.2, 6.10]",
            "[Tampa]",
            "line 3: product_versions[0] is not a product version such as 6.0.2: 'Tampa'",
        ),
        (
            "restartHost",
            "reboot",
            "line 4: guidance[0] must be one of 'restartHVM', 'restartPV', 'restartHost' or 'restartXAPI': ",
        ),
        (
            "release: 251",
            "release: 2-1",
            "line 12: components[0].packages[0].release cannot be part of an rpm's",
        ),
        ("name: xapi\n", "name: [xapi]\n", "line 10: components[0].name must be text"),
        ("[]", "[XS602E004]", "line 5: supersedes[0] must be a mapping of keys to values: 'XS602E004'"),
    ],
)
def test_a_fault_is_told_with_its_line_and_key(tmp_path: Path, old: str, new: str, words: str) -> None:
    assert old in GOOD

    message = refusal(tmp_path, GOOD.replace(old, new, 1))

    assert message.startswith("cannot be used:\n  ")
    assert words in message
    assert len(message.splitlines()) == 2


def test_two_files_by_one_name_are_refused(tmp_path: Path) -> None:
    source = "  source: {name: xs602e900.XSUPDATE, md5: 0123456789abcdef0123456789abcdef}\n"

    message = refusal(tmp_path, GOOD.replace("components:", f"{source}components:"))

    assert "line 7: files lists two files by the same name" in message


def test_many_faults_are_cut_at_ten(tmp_path: Path) -> None:
    message = refusal(tmp_path, GOOD + "".join(f"key{number}: 1\n" for number in range(30)))

    assert len(message.splitlines()) == 12
    assert message.endswith("and 20 more")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("- a\n- b\n", "line 1: the manifest must be a mapping of keys to values"),
        ("just text\n", "line 1: the manifest must be a mapping of keys to values: 'just text'"),
        ("# nothing\n", "line 1: the manifest must be a mapping of keys to values"),
        (f"{GOOD}name: again\n", "line 13: the key 'name' stands here twice (first on line 1)"),
        ("a: [b\n", "line 2: expected ',' or ']'"),
        ("a: {b: \x00}\n", "holds a character that YAML does not allow"),
        ("a: 1\n---\nb: 2\n", "line 2: but found another document"),
        ("a: &x [1]\nb: [*x, *x]\n", "line 1: anchors and aliases are not used here; write the value out"),
        ("a: *x\n", "line 1: anchors and aliases are not used here"),
        (
            "a: !!python/object:os.system {}\n",
            "line 1: the tag tag:yaml.org,2002:python/object:os.system is not",
        ),
        ("? [a]\n: b\n", "line 1: a key must be plain text"),
        ("a: " + "[" * 100_000, "line 1: is nested more than 16 levels deep"),
    ],
)
def test_what_is_no_plain_yaml_mapping_is_refused(tmp_path: Path, text: str, words: str) -> None:
    message = refusal(tmp_path, text)

    assert words in message


def test_a_manifest_that_is_too_large_is_refused(tmp_path: Path) -> None:
    message = refusal(tmp_path, "a: " + "x" * 300_000)

    assert message == "is larger than 262144 bytes: is it the right file?"


def test_a_manifest_that_is_not_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "hotfix.yaml"
    path.write_bytes(b"name: \xff\xfe")

    with pytest.raises(ManifestError, match=r"is not text in UTF-8: is it the right file\?"):
        load_manifest(path)


def test_a_manifest_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    assert load(tmp_path, "\ufeff" + GOOD).name == "XS602E900"


def test_a_manifest_that_is_not_there_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "none.yaml"

    with pytest.raises(FileRefused) as caught:
        load_manifest(path)
    assert str(caught.value) == f"The manifest {path} does not exist. Check the path."
    assert isinstance(caught.value, InputError)
