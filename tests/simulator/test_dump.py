"""The dump's s-expressions and the pool database as a file."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator import dump, sexpr
from simulator.call import Ref
from simulator.dump import Dump

SMALL = Path(__file__).parent / "data" / "small_pool.xml"
REAL = ["TampaTwoHostPoolSelectioniSCSI.xml", "small_vms.xml", "xapidb_app.xml"]
HEAD = (
    '<database><manifest><pair key="schema_major_vsn" value="5"/><pair key="schema_minor_vsn" value="63"/>'
    '<pair key="generation_count" value="1"/></manifest>'
)

xml_text = st.text(
    st.characters(
        exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff", include_characters="\t\n\r"
    )
)
expressions: st.SearchStrategy[sexpr.SExpr] = st.recursive(xml_text, st.lists)


def written(folder: Path, text: str) -> Path:
    path = folder / "pool.xml"
    path.write_text(text)
    return path


@given(expressions)
def test_an_s_expression_survives_printing_and_parsing(expression: sexpr.SExpr) -> None:
    assert sexpr.parse(sexpr.render(expression)) == expression


@given(st.dictionaries(xml_text, xml_text))
def test_a_map_survives_printing_and_parsing(members: dict[str, str]) -> None:
    assert sexpr.parse_map(sexpr.render_map(members)) == members


def test_s_expressions_are_printed_as_xapi_prints_them() -> None:
    assert sexpr.render_set(["a", "b"]) == "('a' 'b')"
    assert sexpr.render_map({"k": 'it\'s "it"', "p": "C:\\"}) == r"""(('k' 'it\'s \"it\"') ('p' 'C:\\'))"""
    assert sexpr.render_set([]) == "()"


def test_double_quotes_symbols_and_comments_are_read() -> None:
    assert sexpr.parse('(true "a\\"b" ; a comment\n (c))') == ["true", 'a"b', ["c"]]


@pytest.mark.parametrize(
    "text", ["", "(", ")", "('a'", "'a", "('a') 'b'", "('a'))", "(" * 101 + ")" * 101, "(" * 100_000]
)
def test_what_is_not_one_s_expression_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="unreadable s-expression"):
        sexpr.parse(text)


@pytest.mark.parametrize("text", ["('a')", "(('a'))", "(('a' 'b' 'c'))", "(('a' ('b')))", "'a'"])
def test_what_is_not_a_map_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="unreadable s-expression"):
        sexpr.parse_map(text)


@pytest.mark.parametrize("text", ["'a'", "(('a' 'b'))"])
def test_what_is_not_a_set_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="unreadable s-expression"):
        sexpr.parse_set(text)


@pytest.mark.parametrize("name", REAL)
def test_a_real_pool_database_is_the_same_after_load_and_save(
    shared_data: Path, tmp_path: Path, name: str
) -> None:
    original = shared_data / "pools" / name
    loaded = dump.load(original)
    saved = dump.save(loaded)
    (tmp_path / name).write_bytes(saved)
    assert dump.load(tmp_path / name) == loaded
    # One of the files was laid out over several lines by a person; xapi writes one.
    assert saved == re.sub(rb">\s+<", b"><", original.read_bytes())


@pytest.mark.parametrize("name", REAL)
def test_every_set_and_map_of_a_real_pool_database_is_printed_as_it_was(shared_data: Path, name: str) -> None:
    values = [
        value
        for rows in dump.load(shared_data / "pools" / name).tables.values()
        for row in rows.values()
        for value in row.values()
        if value.startswith("(") and value.endswith(")") and not value.startswith("(C)")
    ]
    assert len(values) > 1000
    assert [sexpr.render(sexpr.parse(value)) for value in values] == values


def test_the_small_pool_is_the_same_after_load_and_save() -> None:
    assert dump.save(dump.load(SMALL)) == SMALL.read_bytes().rstrip()


def test_rows_hold_plain_values() -> None:
    loaded = dump.load(SMALL)
    (vm,) = loaded.tables["VM"].values()
    (cpu,) = loaded.tables["host_cpu"].values()
    assert loaded.manifest == {"schema_major_vsn": "5", "schema_minor_vsn": "63", "generation_count": "4859"}
    assert vm["name__description"] == 'first line\nsecond line, 100% of <"it">'
    assert vm["__ctime"] == "61"
    assert "ref" not in vm
    assert cpu["modelname"] == "Intel(R) Xeon(R) CPU           X3450  @ 2.67GHz"
    assert loaded.tables["task"] == {}


@given(st.dictionaries(st.sampled_from(["_ref", "uuid", "name__label", "__ctime", "PBDs"]), xml_text))
def test_any_row_survives_save_and_load(
    tmp_path_factory: pytest.TempPathFactory, row: dict[str, str]
) -> None:
    before = Dump(
        {"schema_major_vsn": "5", "schema_minor_vsn": "63", "generation_count": "1"},
        {"VM": {Ref("OpaqueRef:1"): row}, "host": {}},
    )
    path = tmp_path_factory.getbasetemp() / "any.xml"
    path.write_bytes(dump.save(before))
    assert dump.load(path) == before


def test_a_value_that_xml_cannot_hold_is_refused_by_name() -> None:
    bad = Dump({}, {"VM": {Ref("OpaqueRef:1"): {"name__label": "a\x1bb"}}})
    with pytest.raises(ValueError, match="cannot save VM OpaqueRef:1: name__label has a character"):
        dump.save(bad)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no element found"),
        ("<html></html>", "unexpected <html>"),
        ("<database/>", "its manifest has no number schema_major_vsn"),
        (HEAD, "no element found"),
        (HEAD + "<table/></database>", "<table> without name"),
        (HEAD + '<table name="VM"><row/></table></database>', "<row> without ref"),
        (HEAD + '<table name="VM"><row ref="a"/><row ref="a"/></table></database>', "a second row"),
        (HEAD + "<database/></database>", "unexpected <database> in <database>"),
        (HEAD + "text</database>", "unexpected text text"),
        (
            HEAD + '<table name="VM"><row ref="a"><row ref="b"/></row></table></database>',
            "unexpected <row> in <row>",
        ),
        ('<!DOCTYPE d [<!ENTITY a "aaaa">]>' + HEAD + "</database>", "a document type is not allowed"),
        ("<database>" * 100_000, "unexpected <database> in <database>"),
    ],
)
def test_what_is_not_a_whole_pool_database_is_refused(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=r"pool\.xml is not a pool database") as refused:
        dump.load(written(tmp_path, text))
    assert reason in str(refused.value)


def test_the_xml_declaration_is_kept_as_it_was(tmp_path: Path) -> None:
    bare = dump.load(written(tmp_path, HEAD + "</database>"))
    assert dump.save(bare) == HEAD.encode() + b"</database>"
    declared = dump.DECLARATION + HEAD.encode() + b"</database>"
    assert dump.save(dump.load(written(tmp_path, declared.decode()))) == declared
