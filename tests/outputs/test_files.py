"""Output files are read back as they were written, and reading one never takes the process down."""

import subprocess
import sys

import pytest

from as_json import as_json
from checkout import CHECKOUT
from rtb_optimizer.core.table.segments import Counts, Segment, Tier
from rtb_optimizer.outputs.documents.tables import SegmentsDocument

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


def aborted(reader):
    """How many of a dozen processes that read tables and end are taken down on their way out."""
    ended = [
        subprocess.run(
            [sys.executable, "-c", READ_AND_END.format(reader=reader)],
            cwd=CHECKOUT / "include",
            capture_output=True,
            text=True,
            check=False,
        )
        for _ in range(TIMES)
    ]
    assert all("Traceback" not in process.stderr for process in ended), ended[0].stderr
    return sum(process.returncode != 0 for process in ended)


def test_a_process_that_has_read_a_table_ends_in_peace():
    """PyArrow's dataset reader, behind `read_table`, lets its threads hold Python files past the interpreter's end."""
    assert aborted(OURS) == 0


@pytest.mark.parametrize("path", sorted((CHECKOUT / "include").rglob("*.py")), ids=lambda path: path.name)
def test_no_table_in_memory_is_read_in_the_way_that_aborts(path):
    assert "pq.read_table(" not in path.read_text()
    assert "pd.read_parquet(" not in path.read_text()


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
