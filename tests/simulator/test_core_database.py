"""Rows, generations, and sets that mirror references."""

import threading

import pytest

from simulator import ManualClock, XapiError, persistence
from simulator.call import NULL, Ref
from simulator.database import Change, Database
from simulator.schema import RELEASES, Schema


@pytest.fixture
def db() -> Database:
    return Database(Schema.of(RELEASES["6.0.2"]), ManualClock())


def error_of(caught: pytest.ExceptionInfo[XapiError]) -> list[str]:
    return caught.value.description


class TestRows:
    def test_fields_not_given_have_their_defaults(self, db: Database) -> None:
        row = db.get("VM", db.create("VM", name__label="a"))

        assert (row["name__label"], row["power_state"], row["tags"]) == ("a", "Halted", [])
        assert (row["resident_on"], row["snapshot_of"], row["HVM__shadow_multiplier"]) == (NULL, "", 1.0)

    def test_each_has_a_uuid_and_the_same_seed_gives_the_same(self, db: Database) -> None:
        other = Database(db.schema, ManualClock())

        assert [db.create("VM") for _ in range(3)] == [other.create("VM") for _ in range(3)]
        uuids = {row["uuid"] for row in db.rows("VM").values()}
        assert len(uuids) == 3
        assert uuids == {row["uuid"] for row in other.rows("VM").values()}

    def test_another_seed_gives_others(self, db: Database) -> None:
        other = Database(db.schema, ManualClock(), seed=5)

        assert {db.create("VM") for _ in range(3)}.isdisjoint({other.create("VM") for _ in range(3)})

    def test_what_a_dump_of_the_same_seed_holds_is_not_made_again(self, db: Database) -> None:
        dumped = Database(db.schema, ManualClock())
        dumped.create("VM", name__label="a")
        persistence.fill(db, persistence.extract(dumped))

        db.create("VM", name__label="b")

        assert {row["name__label"] for row in db.rows("VM").values()} == {"a", "b"}

    def test_a_row_that_was_read_does_not_change(self, db: Database) -> None:
        vm = db.create("VM", name__label="a")
        before = db.get("VM", vm)

        db.update("VM", vm, name__label="b")

        assert (before["name__label"], db.get("VM", vm)["name__label"]) == ("a", "b")

    def test_rows_are_found_by_their_fields(self, db: Database) -> None:
        one = db.create("VM", name__label="a", domid=1)
        db.create("VM", name__label="a", domid=2)

        assert db.find("VM", name__label="a", domid=1) == [one]
        assert db.by_uuid("VM", db.get("VM", one)["uuid"]) == one
        assert db.table_of(one) == "VM"
        assert db.table_of("x") is None

    def test_what_is_not_there_is_named(self, db: Database) -> None:
        with pytest.raises(XapiError) as caught:
            db.get("VM", "x")
        assert error_of(caught) == ["HANDLE_INVALID", "VM", "x"]
        with pytest.raises(XapiError) as caught:
            db.update("VM", "x", name__label="a")
        assert error_of(caught) == ["HANDLE_INVALID", "VM", "x"]
        with pytest.raises(XapiError) as caught:
            db.by_uuid("VM", "x")
        assert error_of(caught) == ["UUID_INVALID", "VM", "x"]

    def test_what_is_gone_can_be_destroyed_again(self, db: Database) -> None:
        vm = db.create("VM")
        db.destroy("VM", vm)

        db.destroy("VM", vm)

        assert not db.exists("VM", vm)

    def test_a_field_that_the_class_has_not_is_a_mistake(self, db: Database) -> None:
        with pytest.raises(TypeError, match="VM has no name_label"):
            db.create("VM", name_label="a")
        with pytest.raises(TypeError, match="VM has no name_label"):
            db.update("VM", db.create("VM"), name_label="a")


class TestMapsAndSets:
    def test_a_key_is_added_once(self, db: Database) -> None:
        vm = db.create("VM")
        db.add_to_map("VM", vm, "other_config", "k", "1")

        with pytest.raises(XapiError) as caught:
            db.add_to_map("VM", vm, "other_config", "k", "2")

        assert error_of(caught) == ["MAP_DUPLICATE_KEY", "VM", "other_config", vm, "k"]

    def test_a_key_can_be_put_and_removed(self, db: Database) -> None:
        vm = db.create("VM", other_config={"k": "1", "l": "2"})

        db.set_in_map("VM", vm, "other_config", "k", "3")
        db.remove_from_map("VM", vm, "other_config", "l")
        db.remove_from_map("VM", vm, "other_config", "l")

        assert db.get("VM", vm)["other_config"] == {"k": "3"}

    def test_a_value_is_in_a_set_once(self, db: Database) -> None:
        vm = db.create("VM")

        db.add_to_set("VM", vm, "tags", "a")
        db.add_to_set("VM", vm, "tags", "a")
        assert db.get("VM", vm)["tags"] == ["a"]
        db.remove_from_set("VM", vm, "tags", "a")
        assert db.get("VM", vm)["tags"] == []


class TestMirrors:
    def test_a_reference_is_mirrored_on_the_other_side(self, db: Database) -> None:
        host = db.create("host")

        vm = db.create("VM", resident_on=host)

        assert db.get("host", host)["resident_VMs"] == [vm]

    def test_a_change_of_it_moves_the_mirror(self, db: Database) -> None:
        one, other = db.create("host"), db.create("host")
        vm = db.create("VM", resident_on=one)

        db.update("VM", vm, resident_on=other)

        assert (db.get("host", one)["resident_VMs"], db.get("host", other)["resident_VMs"]) == ([], [vm])
        db.update("VM", vm, resident_on=NULL)
        assert db.get("host", other)["resident_VMs"] == []

    def test_who_is_destroyed_is_mirrored_no_longer(self, db: Database) -> None:
        patch, host = db.create("pool_patch"), db.create("host")
        applied = db.create("host_patch", pool_patch=patch, host=host)
        assert (db.get("pool_patch", patch)["host_patches"], db.get("host", host)["patches"]) == (
            [applied],
            [applied],
        )

        db.destroy("host_patch", applied)

        assert (db.get("pool_patch", patch)["host_patches"], db.get("host", host)["patches"]) == ([], [])

    def test_a_reference_to_nothing_is_told(self, db: Database) -> None:
        vm = db.create("VM", resident_on=Ref("OpaqueRef:gone"))

        assert list(db.dangling()) == [("VM", vm, "resident_on")]


class TestGenerations:
    def test_a_change_that_changes_nothing_is_none(self, db: Database) -> None:
        vm = db.create("VM", name__label="a")
        generation = db.generation

        db.update("VM", vm, name__label="a")

        assert db.generation == generation

    def test_watchers_see_every_change(self, db: Database) -> None:
        seen: list[Change] = []
        db.watch(seen.append)

        vm = db.create("VM", name__label="a")
        db.update("VM", vm, name__label="b")
        db.destroy("VM", vm)

        assert [(change.operation, change.table, change.ref) for change in seen] == [
            ("add", "VM", vm),
            ("mod", "VM", vm),
            ("del", "VM", vm),
        ]
        assert (seen[1].old["name__label"], seen[1].new["name__label"]) == ("a", "b")
        assert (dict(seen[0].old), dict(seen[2].new)) == ({}, {})

    def test_one_can_wait_for_a_change(self, db: Database) -> None:
        vm = db.create("VM")
        generation = db.generation
        changer = threading.Thread(target=db.update, args=("VM", vm), kwargs={"name__label": "b"})
        changer.start()

        assert db.wait_change(generation, 10)
        changer.join()

    def test_a_restart_drops_what_is_not_kept(self, db: Database) -> None:
        session, task = db.create("session"), db.create("task")
        vm = db.create("VM", current_operations={"t": "start"}, allowed_operations=["start"])

        db.forget_volatile()

        assert not db.exists("session", session)
        assert not db.exists("task", task)
        assert db.get("VM", vm)["current_operations"] == {}
        assert db.get("VM", vm)["allowed_operations"] == ["start"]
