"""Which columns files of JSON lines have, however late in a file a name, a record or a value comes up."""

import json

import pytest
from pyarrow.fs import LocalFileSystem

from rtb_optimizer.core.config.formats import Content, Format
from rtb_optimizer.engines.duckdb import json_columns, text_files
from rtb_optimizer.engines.duckdb.engine import DuckDBEngine
from rtb_optimizer.engines.protocol import Reading
from rtb_optimizer.engines.sql.identity import SOURCE_ROW
from rtb_optimizer.errors import LogsInvalid

of_structures = json_columns._of_structures
PLAIN = {"n": 1, "device": {"kind": "tv"}}


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    """Open lines, dictionaries or texts, as a file; returns the columns in the order of the lines, and the engine."""
    with DuckDBEngine(LocalFileSystem(), 1, 256) as engine:

        def found(lines, *columns, before=None):
            path = tmp_path_factory.mktemp("logs") / "part-0.json"
            path.write_text("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines))
            url = f"local://{path}"
            known = {} if before is None else {url: before}
            types = engine.open_logs([url], Reading({url: Content(Format.JSON)}, columns, found=known))
            named = ", ".join(engine.dialect.identifier(name) for name in types)
            return engine.query(f"SELECT {named} FROM logs ORDER BY {SOURCE_ROW}").to_pydict(), engine

        yield found


COLUMNS = {
    "plain values, as texts": (
        [{"a": 1.50, "b": True, "c": "x"}],
        {"a": ["1.5"], "b": ["true"], "c": ["x"]},
    ),
    "a name that most lines lack": ([{"a": 1}, {"b": 2}], {"a": ["1", None], "b": [None, "2"]}),
    "a value that is null in all lines is no column": ([{"a": None, "b": 1}, {"a": None}], {"b": ["1", None]}),
    "a value that is null first": ([{"a": None}, {"a": 1}], {"a": [None, "1"]}),
    "records by path": ([{"a": {"b": {"c": 1}, "d": None}}], {"a.b.c": ["1"]}),
    "a record that is null first": ([{"a": None}, {"a": {"b": 1}}], {"a.b": [None, "1"]}),
    "a name that only the second record has": (
        [{"a": {"b": 1}}, {"a": {"b": 1, "c": 2}}],
        {"a.b": ["1", "1"], "a.c": [None, "2"]},
    ),
    "a value in one line and a record in another": (
        [{"a": 1}, {"a": {"b": 2}}],
        {"a": ["1", '{"b":2}'], "a.b": [None, "2"]},
    ),
    "a record without names": ([{"a": {}, "n": 1}], {"a": ["{}"], "n": ["1"]}),
    "a record without names in one line": (
        [{"a": {}}, {"a": {"b": 1}}],
        {"a": ["{}", '{"b":1}'], "a.b": [None, "1"]},
    ),
    "lists as JSON": ([{"a": [{"b": 1}, 2]}, {"a": []}], {"a": ['[{"b":1},2]', "[]"]}),
    "a list in one line and a record with a number for a name in another": (
        [{"a": [7]}, {"a": {"0": 8}}],
        {"a": ["[7]", '{"0":8}'], "a.0": [None, "8"]},
    ),
    "a name twice in a line": (['{"a": 1, "a": 2}', '{"a": 3}'], {"a": ["1", "3"]}),
    "a line without names": ([{}, {"a": 1}], {"a": [None, "1"]}),
    "names that are no paths": (
        [{'q"q': 1, "*": 2, "s/t~u": 3, "x y": {'"': 4, "*": 5, "": 6, "a/b~c": 7}}],
        {'q"q': ["1"], "*": ["2"], "s/t~u": ["3"], 'x y."': ["4"], "x y.*": ["5"], "x y.": ["6"], "x y.a/b~c": ["7"]},
    ),
    "a name that is no text is none": ([{"": 1, "a": 2}], {"a": ["2"]}),
}


@pytest.fixture(params=["lines that are alike", "lines of few of many names"])
def kind(request, monkeypatch):
    """Find columns in one of the two ways, whatever the lines are."""
    most = {"lines that are alike": 1_000, "lines of few of many names": 0}[request.param]
    monkeypatch.setattr(json_columns, "MOST_PATHS_A_NAME", most)
    return request.param


@pytest.mark.usefixtures("kind")
@pytest.mark.parametrize("case", COLUMNS)
def test_the_columns_are_the_values_in_records(opened, case):
    lines, expected = COLUMNS[case]
    assert opened(lines)[0] == expected


@pytest.mark.parametrize("case", COLUMNS)
def test_they_are_the_same_where_the_first_lines_have_none_of_them(opened, case, monkeypatch):
    monkeypatch.setattr(json_columns, "MOST_PATHS_A_NAME", 1_000)
    monkeypatch.setattr(json_columns, "FIRST_LINES", 1)
    lines, expected = COLUMNS[case]
    found, _ = opened([PLAIN, *lines])
    before = {"n": "1", "device.kind": "tv"}
    expected = {name: [before.get(name), *values] for name, values in expected.items()}
    others = {name: [value, *[None] * len(lines)] for name, value in before.items() if name not in expected}
    assert found == expected | others


@pytest.mark.usefixtures("kind")
def test_lines_that_are_no_rows_are_counted_with_the_first_of_them(opened):
    found, engine = opened([{"a": 1}, "[2]", '{"a": ', "7", {"b": 3}, '"x"'])
    assert found == {"a": ["1", None], "b": [None, "3"]}
    [bad] = engine.bad_lines()
    assert (bad.lines, bad.first, bad.why) == (4, 2, "it is no JSON object")


def test_what_was_found_before_is_not_looked_for_again(opened, monkeypatch):
    lines = [{"a": 1, "b": {"c": 2}}, "[2]", {'q"q': 3}]
    whole, engine = opened(lines)
    [found], bad = engine.found().values(), engine.bad_lines()[0]

    monkeypatch.setattr(text_files, "json_columns", None)
    again, engine = opened(lines, before=found)

    assert again == whole == {"a": ["1", None], "b.c": ["2", None], 'q"q': [None, "3"]}
    assert [*engine.found().values()] == [found]
    assert (engine.bad_lines()[0].lines, engine.bad_lines()[0].first) == (bad.lines, bad.first) == (1, 2)


def test_a_record_of_many_keys_is_read_where_each_line_has_few_of_them(opened, monkeypatch):
    ways = []
    monkeypatch.setattr(json_columns, "_of_structures", lambda *of: ways.append(of) or of_structures(*of))
    found, _ = opened([{"kv": {f"k{n}": n}} for n in range(50)])
    assert found == {f"kv.k{n}": [*[None] * n, str(n), *[None] * (49 - n)] for n in range(50)}
    assert len(ways) == 1
    opened([{"kv": {"k": n}} for n in range(50)])
    assert len(ways) == 1


def test_what_is_in_lists_is_looked_for_where_no_columns_are_named(opened):
    lines = [{"a": [], "b": {"c": [{"d": None}, {"e": [1]}]}}, {"f": [{"g": "x"}]}]
    _, engine = opened(lines)
    assert list(engine.nested_columns()) == ["b.c.0.e.0", "f.0.g"]
    found, engine = opened(lines, "f.0.g")
    assert found["f.0.g"] == [None, "x"]
    assert not engine.nested_columns()


@pytest.mark.parametrize(
    ("line", "named"),
    [('{"n": 1, "n": 2}', "'n'"), ('{"n": 1, "device": {"kind": "tv", "kind": "pc"}}', "'device.kind'")],
    ids=["a value", "in a record"],
)
def test_a_value_that_a_line_gives_twice_is_refused(opened, line, named):
    with pytest.raises(LogsInvalid, match=rf"has lines that give {named} twice: readers of JSON take the first or"):
        opened([PLAIN, line], "n", "device.kind")


def test_a_value_that_a_line_gives_twice_and_nobody_reads_is_no_matter(opened):
    found, _ = opened([PLAIN | {"ext": 1}, '{"n": 1, "device": {"kind": "tv"}, "ext": 1, "ext": 2}'], "n")

    assert found["n"] == ["1", "1"]
