"""Where Spark's SQL differs from DuckDB's: each spelling gives DuckDB's answer, and DuckDB's own spelling would not.

The server is Sail: Spark's grammar and functions, and one more silent difference, sums that wrap.
"""

import pytest
from pyarrow.fs import LocalFileSystem

from rtb_optimizer.core.config.spark import java_pattern
from rtb_optimizer.engines.duckdb.engine import DuckDBEngine
from rtb_optimizer.engines.spark.dialect import SparkDialect
from rtb_optimizer.engines.spark.engine import SparkEngine
from rtb_optimizer.engines.sql.dialect import SAMPLE_BUCKETS, Dialect
from rtb_optimizer.errors import LogsInvalid
from spark_differences import DIFFERENCES, HOSTILE

OURS, SPARK = Dialect(), SparkDialect()


@pytest.fixture(scope="module")
def engines(sail):
    with DuckDBEngine(None, 1, 64) as duckdb, SparkEngine(sail, LocalFileSystem()) as spark:
        yield duckdb, spark


def answer(engine, sql):
    [row] = engine.query(f"SELECT {sql} AS x").to_pylist()
    return row["x"]


def answer_or_error(engine, sql):
    try:
        return answer(engine, sql)
    except (LogsInvalid, ValueError) as problem:
        return type(problem)


@pytest.mark.parametrize(("spell", "expected"), [pytest.param(*each[1:], id=each[0]) for each in DIFFERENCES])
def test_a_spelling_answers_as_duckdb_does_and_duckdbs_would_not(engines, spell, expected):
    duckdb, spark = engines

    assert answer(duckdb, spell(OURS)) == expected
    assert answer(spark, spell(SPARK)) == expected
    if spell(OURS) != spell(SPARK):
        assert answer_or_error(spark, spell(OURS)) != expected


@pytest.mark.parametrize("text", HOSTILE)
def test_any_text_is_the_same_text_in_a_literal(engines, text):
    duckdb, spark = engines

    assert answer(duckdb, OURS.literal(text)) == text
    assert answer(spark, SPARK.literal(text)) == text


@pytest.mark.parametrize("name", ["a b", "`", "``", '"', "a.b", "SELECT", "Ω", "\\", "a'b", "rows"])
def test_any_name_is_the_same_name(engines, name):
    _, spark = engines
    quoted = SPARK.identifier(name)

    assert spark.query(f"SELECT {quoted} FROM (SELECT 7 AS {quoted}) AS t").to_pylist() == [{name: 7}]


@pytest.mark.parametrize(
    "number",
    [
        *("0.5", "-0.5", "1.4999999", "9223372036854774784", "-9223372036854775808", "9223372036854775808", "1e300"),
        *("-1e300", "Infinity", "-Infinity", "NaN", "-0.0"),
    ],
)
def test_a_float_is_the_same_whole_number_or_none(engines, number):
    duckdb, spark = engines
    of_number = f"CAST('{number}' AS DOUBLE)"

    assert answer(spark, SPARK.floored(of_number)) == answer(duckdb, OURS.floored(of_number))


@pytest.mark.parametrize("text", ["1.5", " 1.5 ", "-3", "1e3", "x", "", "1.5d", "1f", "0x1p3", "12D", "1,5", "+7"])
def test_a_text_is_the_same_number_or_none(engines, text):
    duckdb, spark = engines

    assert answer(spark, SPARK.number(f"TRIM('{text}')")) == answer(duckdb, OURS.number(f"TRIM('{text}')"))


@pytest.mark.parametrize(
    "text",
    [
        *("2026-03-06 12:30:15", "2026-03-06T12:30:15Z", "2026-03-06T14:30:15+02:00", "2026-03-06", "2026", "12:30"),
        *("x", "2026-03-06 12:30:15.123456", "", "20260306", "2026-13-01", "1772800215"),
    ],
)
def test_a_text_is_the_same_instant_or_none(engines, text):
    answers = [
        answer(engine, dialect.naive(f"CAST({dialect.zoned_of_text(dialect.literal(text))} AS {dialect.zoned_type})"))
        for engine, dialect in zip(engines, (OURS, SPARK), strict=True)
    ]

    assert answers[0] == answers[1]


@pytest.mark.parametrize("share", [1 / SAMPLE_BUCKETS, 0.25, 0.5, 0.75])
def test_a_share_of_the_hashes_is_drawn(engines, share):
    _, spark = engines
    hashed = f"SELECT {SPARK.row_hash('id')} AS row_hash FROM range(100000)"
    drawn = spark.query(f"SELECT COUNT(*) AS n FROM ({hashed}) AS t WHERE {SPARK.is_below(share)}")["n"][0].as_py()

    assert drawn / 100_000 == pytest.approx(share, abs=0.006)


def test_no_spelling_of_duckdb_is_left():
    """A method that the dialect does not override is one that both spell alike."""
    alike = {"literals", "text", "instant", "portable_hash", "is_portably_below"}
    methods = {name for name, member in vars(Dialect).items() if callable(member)}

    assert methods - vars(SparkDialect).keys() == alike


@pytest.mark.parametrize(
    ("pattern", "java"),
    [
        ("%Y-%m-%d %H:%M:%S", "yyyy-MM-dd HH:mm:ss"),
        ("%d/%b/%Y:%H:%M:%S %z", "dd/MMM/yyyy:HH:mm:ss Z"),
        ("%Y-%m-%dT%H:%M:%S.%fZ", "yyyy-MM-dd'T'HH:mm:ss.SSSSSS'Z'"),
        ("%Y o'clock", "yyyy 'o''clock'"),
        ("%A %d", None),
        ("100%", None),
    ],
)
def test_a_pattern_of_strptime_is_javas_or_has_no_counterpart(pattern, java):
    assert java_pattern(pattern) == java
