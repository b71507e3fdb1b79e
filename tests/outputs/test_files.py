"""Output files are read back as they were written, and reading one never takes the process down."""

import itertools
import subprocess
import sys
from math import prod

import pytest

from as_json import as_json
from checkout import CHECKOUT
from rtb_optimizer.core.sample.counts import Counts
from rtb_optimizer.core.table.lookup import Row, look_up
from rtb_optimizer.core.table.segments import Segment, Tier
from rtb_optimizer.outputs.documents.tables import SegmentsDocument
from rtb_optimizer.outputs.files import parquet_table, segments_parquet

READ_AND_END = """
import io, sys
import pyarrow as pa
import pyarrow.parquet as pq
{reader}
buffer = io.BytesIO()
pq.write_table(pa.table({{"x": list(range(2000)), "y": ["v"] * 2000}}), buffer)
body = buffer.getvalue()
for _ in range(20):
    assert read(body).num_rows == 2000
"""
OURS = "from rtb_optimizer.outputs.files import parquet_table as read"
TIMES = 12


AWKWARD = [
    "*",
    "",
    "a|b",
    "a",
    "b",
    "\\",
    "\\*",
    "__missing__",
    "__other__",
    "007",
    "7",
    "é",
    "日本語",
    "a\nb",
    '"',
    "null",
]


def segment_of(pattern, multiplier):
    counts, figures = Counts(10, 10.0, 1.0, 0.0, 0.0), (1.0, multiplier, 0.1, 9.0, 1.0, 1.0)
    return Segment(pattern, counts, *figures, Tier.LOW, multiplier, no_bid=False)


def by_cells(table, values):
    """The product of the rows that match by their cells, as docs/outputs.md says: each null, or the request's value."""
    cells = [name for name in table.column_names if name.startswith("feature_")]
    rows = (row for row in table.to_pylist() if all(row[c] in (None, v) for c, v in zip(cells, values, strict=True)))
    return prod(row["multiplier"] for row in rows)


def test_the_cells_of_the_table_are_read_as_the_look_up_reads_its_keys_whatever_the_values():
    """Null is any value: a value that is itself `*` stands in its cell as it is, and matches itself alone."""
    patterns = list(itertools.product([None, *AWKWARD], repeat=2))
    segments = [segment_of(pattern, 1 + n / 640) for n, pattern in enumerate(patterns)]
    table = parquet_table(segments_parquet(["site", "size"], segments))
    rows = [Row(row["segment"], 1.0, row["multiplier"]) for row in table.to_pylist()]

    for values in itertools.product(AWKWARD, AWKWARD):
        found = look_up(rows, ["site", "size"], dict(zip(["site", "size"], values, strict=True)), 0.0, float("inf"))
        assert by_cells(table, values) == pytest.approx(found.multiplier)


def aborted(reader, code=READ_AND_END, times=TIMES):
    """Those of some processes that read tables and are taken down on their way out: exit code and last words."""
    ended = [
        subprocess.run(
            [sys.executable, "-c", code.format(reader=reader)],
            cwd=CHECKOUT / "include",
            capture_output=True,
            text=True,
            check=False,
        )
        for _ in range(times)
    ]
    assert [process.stderr for process in ended if "Traceback" in process.stderr] == []
    unwell = [process for process in ended if process.returncode or "Traceback" in process.stderr]
    return [(process.returncode, process.stderr[-500:]) for process in unwell]


def test_a_process_that_has_read_a_table_ends_in_peace():
    """PyArrow's dataset reader, behind `read_table`, lets its threads hold Python files past the interpreter's end."""
    assert aborted(OURS) == []


def test_a_table_is_read_by_no_other_thread():
    """A thread that holds the bytes past the interpreter's end is what aborts one process in some thousands."""
    counted = """
import os
threads = lambda: len(os.listdir("/proc/self/task"))
before = threads()
read(body)
assert threads() == before
"""
    assert aborted(OURS, READ_AND_END.partition("for _")[0] + counted, times=1) == []


@pytest.mark.parametrize("path", sorted((CHECKOUT / "include").rglob("*.py")), ids=lambda path: path.name)
def test_no_table_in_memory_is_read_in_the_way_that_aborts(path):
    assert "pq.read_table(" not in path.read_text()
    assert "pd.read_parquet(" not in path.read_text()
    assert path.read_text().count("pq.ParquetFile(") == path.read_text().count("pre_buffer=")


def test_the_report_shows_the_segments_that_move_most_and_only_so_many():
    """Every second segment is bid up; the later it comes, the more traffic it moves."""
    rows = [
        Segment(
            (f"site{n}",), Counts(n, 100.0 * n, 1.0, 0.0, 0.0), 1.0, 1.0, 1.0, 1.0, 0.0, 1.0, Tier.LOW,
            (1.5, 0.5)[n % 2], no_bid=False,
        )
        for n in range(1, 101)
    ]  # fmt: skip
    default = Segment((None,), Counts(1, 1, 1, 0, 0), 1.0, 1.0, 1.0, 1.0, 0.0, 1.0, Tier.LOW, 1.0, no_bid=False)

    summary = as_json(SegmentsDocument.of([default, *rows]))

    assert [row["segment"] for row in summary["best"]] == [f"site{n}" for n in range(100, 60, -2)]
    assert [row["segment"] for row in summary["worst"]] == [f"site{n}" for n in range(99, 60, -2)]
    assert summary["total"] == 101
