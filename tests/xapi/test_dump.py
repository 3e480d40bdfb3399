"""A saved database shows the pool as the XenAPI does, and what is none is refused by name and place."""

import tracemalloc
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import SecretStr

from simulator import SimulatedPool
from xenpatch.errors import InputError
from xenpatch.steps.backup import back_up
from xenpatch.xapi.dump import read_pool, read_tables
from xenpatch.xapi.inventory import Inventory, PowerState
from xenpatch.xapi.session import Endpoint, open_session
from xenpatch.xapi.sexpr import parse_map, parse_set
from xenpatch.xapi.survey import read_inventory

POOL = '<table name="pool"><row ref="p" uuid="p-uuid" name_label="lab" master="h1"/></table>'
HOST = (
    '<row ref="{0}" uuid="{0}-uuid" name__label="{0}" enabled="true" metrics="m-{0}" memory__overhead="0"'
    " software__version=\"()\" software_version=\"(('product_version' '6.0.2'))\"/>"
)
METRICS = '<row ref="m-{0}" live="{1}" memory__total="4294967296"/>'
VM = (
    '<row ref="v" uuid="v-uuid" name__label="{name}" power_state="Running" resident_on="h1"'
    ' memory__dynamic_max="1073741824" memory__dynamic_min="536870912" memory__overhead="0"{more}/>'
)


def document(*tables: str) -> str:
    return f"<database><manifest/>{''.join(tables)}</database>"


def table(name: str, *rows: str) -> str:
    return f'<table name="{name}">{"".join(rows)}</table>'


def small(vm: str = "web", more: str = "", live: str = "true") -> str:
    return document(
        POOL,
        table("host", HOST.format("h1"), HOST.format("h2")),
        table("host_metrics", METRICS.format("h1", "true"), METRICS.format("h2", live)),
        table("VM", VM.format(name=vm, more=more)),
    )


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    return tmp_path / "pool.xml"


def read(saved: Path, text: str) -> Inventory:
    saved.write_text(text)
    return read_pool(saved).pool


def in_order(pool: Inventory) -> Inventory:
    """The pool with what has no order of its own sorted."""
    hosts = [replace(host, pbds=tuple(sorted(host.pbds, key=lambda pbd: pbd.sr))) for host in pool.hosts]
    return replace(pool, hosts=tuple(hosts))


def test_a_backup_shows_the_pool_as_the_api_did(small_pool: SimulatedPool, tmp_path: Path) -> None:
    endpoint = Endpoint((small_pool.url,), small_pool.user, SecretStr(small_pool.password))
    with open_session(endpoint) as session:
        live = read_inventory(session)
        copy = back_up(session, live, tmp_path)

    offline = read_pool(copy).pool

    assert in_order(offline) == in_order(live)


@pytest.mark.parametrize(
    ("name", "hosts", "running"),
    [("TampaTwoHostPoolSelectioniSCSI", 2, 4), ("small_vms", 1, 0), ("xapidb_app", 2, 2)],
)
def test_real_databases_are_read(shared_data: Path, name: str, hosts: int, running: int) -> None:
    pool = read_pool(shared_data / "pools" / f"{name}.xml").pool

    assert len(pool.hosts) == hosts
    assert sum(vm.power_state is PowerState.RUNNING for vm in pool.vms) == running
    assert all(host.memory_capacity > 7 << 30 and host.boot_time > 0 for host in pool.hosts)
    assert all(vm.disks and vm.memory > 0 for vm in pool.vms)


def test_protected_white_space_is_as_it_was(saved: Path) -> None:
    (vm,) = read(saved, small("a%_b%.c%td%%e%n100%")).vms

    assert vm.name == "a  b c\td%e\n100%"


def test_a_name_that_looks_like_another_type_stays_a_name(saved: Path) -> None:
    assert [read(saved, small(name)).vms[0].name for name in ("true", "42", "('a')")] == [
        "true",
        "42",
        "('a')",
    ]


def test_sets_and_maps_are_read(saved: Path) -> None:
    (vm,) = read(
        saved, small(more=" tags=\"('apart:dns' 'it\\'s')\" blocked_operations=\"(('pool_migrate' ''))\"")
    ).vms

    assert vm.apart == {"apart:dns"}
    assert vm.pinned == "OPERATION_BLOCKED"


def test_every_host_counts_as_reachable_and_those_that_were_not_are_named(saved: Path) -> None:
    saved.write_text(small(live="false"))
    found = read_pool(saved)

    assert [host.live for host in found.pool.hosts] == [True, True]
    assert found.silent == ("h2",)


def test_a_disabled_host_stays_disabled(saved: Path) -> None:
    text = small().replace('name__label="h2" enabled="true"', 'name__label="h2" enabled="false"')

    assert [host.enabled for host in read(saved, text).hosts] == [True, False]


def test_tables_that_nobody_needs_take_no_memory(saved: Path) -> None:
    long = f'<row ref="x" value="{"long" * 500}"/>'
    with saved.open("w") as file:
        file.write('<database><table name="task">')
        file.writelines(long for _ in range(20_000))
        file.write("</table></database>")
    assert saved.stat().st_size > 38 << 20

    tracemalloc.start()
    read_tables(saved)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 2 << 20


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no element found"),
        ("PK\x03\x04", "not well-formed"),
        ("<html></html>", "it begins with <html> (line 1"),
        (small()[:-20], "line 1"),
        ("<database></database>", "it holds 0 pools"),
        ('<!DOCTYPE d [<!ENTITY a "aaaa">]><database/>', "a document type is not allowed"),
        (document(POOL), "the master that its pool names is none of its hosts"),
        (small().replace('ref="v" ', ""), "a row of VM without a reference"),
        (small().replace(' uuid="v-uuid"', ""), "there is no uuid of VM v"),
        (small().replace('"1073741824"', '"much"'), "memory_dynamic_max of VM v cannot be 'much' (line 1"),
        (small().replace('enabled="true"', 'enabled="yes"', 1), "enabled of host h1 cannot be 'yes'"),
        (small(more=' tags="(\'a\'"'), "tags of VM v cannot be"),
        (small(more=' other_config="(\'a\')"'), "other_config of VM v cannot be"),
        (small().replace("Running", "Flying"), "power_state of VM v cannot be 'Flying' (line 1"),
        (small().replace('"1073741824"', f'"{"9" * 5000}"'), "memory_dynamic_max of VM v cannot be '99999"),
        (small().replace('"1073741824"', '"-1"'), "memory_dynamic_max of VM v cannot be '-1'"),
        (f"<database>{'<a>' * 200}", "elements lie more than 200 deep"),
        (f'<database a="{"x" * (5 << 20)}">', "a tag of more than 4194304 bytes"),
        (small().replace('<row ref="h2"', '<row ref="h1"'), "a second row of host with the reference h1"),
    ],
)  # fmt: skip
def test_what_is_no_dump_is_refused_by_name_and_place(saved: Path, text: str, words: str) -> None:
    with pytest.raises(InputError) as refused:
        read(saved, text)

    assert str(refused.value).startswith(f"{saved} is no whole pool database")
    assert words in str(refused.value)
    assert str(refused.value).endswith("Nothing was contacted.")


def test_what_cannot_be_opened_is_bad_input(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere\.xml cannot be read: No such file"):
        read_pool(tmp_path / "nowhere.xml")
    with pytest.raises(InputError, match="cannot be read: Is a directory"):
        read_pool(tmp_path)


@pytest.mark.parametrize("text", ["", "'a'", "('a'", "('a' b)", "('a' ('b'))", "('a\\')"])
def test_what_is_no_set_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="set or map"):
        parse_set(text)


def test_an_s_expression_of_megabytes_takes_little_memory() -> None:
    text = "x" * 1000 + "\\'" * 200_000

    tracemalloc.start()
    (member,) = parse_set(f"('{text}')")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert len(member) == 201_000
    assert peak < 8 << 20
    with pytest.raises(ValueError, match="set or map"):
        parse_set("(" * 1_000_000 + ")")


def test_s_expressions_are_read_with_their_escapes() -> None:
    assert parse_set("()") == []
    assert parse_set(r"('a \'b\'' '' 'c\\d')") == ["a 'b'", "", "c\\d"]
    assert parse_map(r"(('k' 'v\"w') ('' ''))") == {"k": 'v"w', "": ""}
