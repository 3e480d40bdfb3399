"""Which hotfixes are installed, and in which order."""

from __future__ import annotations

from pathlib import Path

import pytest

from simulator.hotfix import SampleHotfix, make_sample
from xenpatch.errors import InputError
from xenpatch.hotfix.catalogue import State, catalogue, listed, standings
from xenpatch.hotfix.choice import files, in_order, manifest_for, required
from xenpatch.hotfix.intake import Hotfix, verify
from xenpatch.hotfix.manifest import HotfixId, HotfixUuid, known_manifests, load_manifest


def sample(folder: Path, number: int, **more: object) -> SampleHotfix:
    own = folder / str(number)
    own.mkdir()
    return make_sample(own, "6.0.2", number=number, **more)  # type: ignore[arg-type]


def taken_in(made: SampleHotfix, **changes: object) -> Hotfix:
    manifest = load_manifest(made.manifest).model_copy(update=changes)
    return verify(made.archive, manifest)


def named(made: SampleHotfix) -> HotfixId:
    return HotfixId(name=made.info.name_label, uuid=HotfixUuid(made.info.uuid))


def test_a_hotfix_comes_after_those_that_it_requires(tmp_path: Path) -> None:
    first, second, third = (sample(tmp_path, number) for number in (1, 2, 3))
    given = [
        taken_in(first, requires=(named(third),)),
        taken_in(second),
        taken_in(third, requires=(named(second),)),
    ]

    order, notes = in_order(given)

    assert [each.manifest.name[-3:] for each in order] == ["002", "003", "001"]
    assert notes == ()


def test_what_another_contains_is_left_out_and_named(tmp_path: Path) -> None:
    first, second = sample(tmp_path, 1), sample(tmp_path, 2)

    order, notes = in_order([taken_in(first), taken_in(second, supersedes=(named(first),))])

    assert [each.manifest.name for each in order] == [second.info.name_label]
    assert notes == (f"{first.info.name_label} is left out: {second.info.name_label} contains it",)


def test_a_hotfix_given_twice_is_taken_once(tmp_path: Path) -> None:
    made = sample(tmp_path, 1)

    order, notes = in_order([taken_in(made), taken_in(made)])

    assert len(order) == 1
    assert "once more" in notes[0]


def test_a_circle_is_bad_input(tmp_path: Path) -> None:
    first, second = sample(tmp_path, 1), sample(tmp_path, 2)

    with pytest.raises(InputError, match="require each other"):
        in_order([taken_in(first, requires=(named(second),)), taken_in(second, requires=(named(first),))])


def test_a_folder_stands_for_the_hotfixes_in_it_and_a_zip_for_its_update(tmp_path: Path) -> None:
    made = sample(tmp_path, 1)

    assert files([made.archive.parent]) == (made.archive,)
    with pytest.raises(InputError, match="holds no"):
        files([tmp_path])


def test_each_file_has_its_own_manifest(tmp_path: Path) -> None:
    first, second = sample(tmp_path, 1), sample(tmp_path, 2)
    manifests = [second.manifest, first.manifest]

    found = manifest_for(first.archive, manifests, alone=False)

    assert found is not None
    assert found.name == first.info.name_label
    assert manifest_for(tmp_path / "other.zip", manifests, alone=False) is None


def test_the_vendors_list_agrees_with_the_manifests() -> None:
    for manifest in known_manifests():
        known = listed(manifest.uuid)
        assert known is not None
        assert known.name == manifest.name
        assert {each.name for each in manifest.supersedes} == known.rolls_up


def test_the_vendors_list_is_whole() -> None:
    uuids = [each.uuid for each in catalogue()]

    assert len(set(uuids)) == len(uuids) > 100
    assert {each.product_version for each in catalogue()} == {
        "6.0.0", "6.0.2", "6.1.0", "6.2.0", "6.5.0", "7.0.0",
    }  # fmt: skip
    for each in catalogue():
        assert each.name not in each.rolls_up | each.requires


def test_a_pool_stands_to_each_hotfix_of_its_version() -> None:
    e014, e008 = HotfixUuid("180f1451-0c50-4169-9a2b-d661b4bc7bc2"), "7c04fd30-9a0a-4894-9662-05ca9f866162"
    states = {each.hotfix.name: each for each in standings("6.0.2", [[e014], [e014, HotfixUuid(e008)]])}

    assert states["XS602E014"].state is State.APPLIED
    assert states["XS602E008"].state is State.SUPERSEDED
    assert states["XS602E008"].by == ("XS602E014",)
    assert states["XS602E010"].state is State.MISSING
    assert "XS60E001" not in states


def test_requirements_come_from_the_vendors_list_too(tmp_path: Path) -> None:
    e013 = next(each for each in catalogue() if each.name == "XS60E013")
    manifest = load_manifest(sample(tmp_path, 1).manifest).model_copy(update={"uuid": e013.uuid})

    assert list(required(manifest).values()) == ["XS60E001"]
