"""Builds the statements that count many terms in one scan, by GROUPING SETS."""

from collections.abc import Iterable, Iterator, Sequence

from rtb_optimizer.engines.sql.table import MEASURES, LogTable

MAX_FEATURES = 60
"""Features in a statement: a row says which of them it is grouped by in one whole number of 64 bits."""
MAX_SETS = 32
"""Sets in a statement: engines hold the groups of all its sets at once, or repeat each row for every set."""
GROUPED_BY = "grouped_by"

FeatureSet = tuple[str, ...]
"""The features that rows are grouped by, in order of their names."""


def parts_of_sets(sets: Iterable[Sequence[str]]) -> Iterator[list[FeatureSet]]:
    """Yield the sets of features, each once, in as few parts as the limits of a statement allow."""
    part: list[FeatureSet] = []
    for each in dict.fromkeys(tuple(sorted(features)) for features in sets):
        if part and (len(part) == MAX_SETS or len({*each, *(name for other in part for name in other)}) > MAX_FEATURES):
            yield part
            part = []
        part.append(each)
    if part:
        yield part


def grouping(table: LogTable, sets: Sequence[FeatureSet]) -> tuple[str, dict[int, FeatureSet]]:
    """Return the statement for the exact statistics of sets of features, and each set by its GROUPED_BY.

    A row is of one combination of raw values: GROUPED_BY, the values (`f_` and the name; NULL for features that are not
    of its set), the number of rows, and the sums of MEASURES.
    """
    names = sorted({name for features in sets for name in features})
    quoted = {name: table.quote("f_" + name) for name in names}
    # GROUPING of more than one column is not portable, nor is the order of its bits.
    bits = " + ".join(f"CAST(GROUPING({quoted[name]}) AS BIGINT) * {1 << n}" for n, name in enumerate(names))
    listed = ", ".join(f"({', '.join(quoted[name] for name in features)})" for features in sets)
    sums = ", ".join(f"{table.dialect.summed(m)} AS {m}" for m in MEASURES)
    sql = (
        f"SELECT {bits} AS {GROUPED_BY}, {', '.join(quoted.values())}, COUNT(*) AS rows, {sums} "
        f"FROM {table.source(names)} GROUP BY GROUPING SETS ({listed})"
    )
    return sql, {sum(1 << n for n, name in enumerate(names) if name not in each): each for each in sets}
