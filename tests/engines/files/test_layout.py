"""What is read of a row group at once: one range where the columns lie close together, else as few as pay."""

import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rtb_optimizer.engines.files.layout import GAP, LARGEST, Chunk, Layout, RowGroupPlace, footer_bytes, ranges

MB = 1 << 20


def row_group(*sizes):
    """A row group of columns a, b, c, ... of these sizes."""
    chunks, at = [], 4
    for name, size in zip("abcdef", sizes, strict=False):
        chunks.append(Chunk(name, at, at + size))
        at += size
    return RowGroupPlace(4, at, chunks)


@pytest.mark.parametrize(
    ("sizes", "columns", "expected"),
    [
        ((MB, MB, MB), "abc", [(4, 4 + 3 * MB)]),
        ((MB, MB, MB), "b", [(4 + MB, 4 + 2 * MB)]),
        ((MB, MB, MB), "ac", [(4, 4 + 3 * MB)]),  # a third of it is read for nothing: no reason for a second request
        ((MB, 9 * MB, MB), "ac", [(4, 4 + MB), (4 + 10 * MB, 4 + 11 * MB)]),
        ((MB, 9 * GAP // 10, 1, 9 * MB, MB), "ace", [(4, 5 + MB + 9 * GAP // 10), (5 + 10 * MB + 9 * GAP // 10,) * 2]),
        ((9 * MB, 9 * MB), "ab", [(4, 4 + LARGEST), (4 + LARGEST, 4 + 18 * MB)]),
        ((MB, MB), "", []),
        ((MB, MB), "z", []),
    ],
)
def test_columns_are_read_in_as_few_ranges_as_pay(sizes, columns, expected):
    if expected and expected[-1][0] == expected[-1][1]:  # the last column
        expected[-1] = (expected[-1][0], expected[-1][0] + sizes[-1])

    assert ranges(row_group(*sizes), columns) == expected


@pytest.mark.parametrize("needed", [(4, 5), (4 + LARGEST - 1, 4 + LARGEST + 1), (4, 4 + 2 * LARGEST), (MB, 40 * MB)])
def test_what_is_needed_is_within_one_of_the_ranges(needed):
    parts = ranges(row_group(*[10 * MB] * 4), "abcd", needed)

    assert sum(begin <= needed[0] and needed[1] <= end for begin, end in parts) == 1
    assert [begin for begin, _ in parts[1:]] == [end for _, end in parts[:-1]]


def test_the_layout_is_that_of_the_footer_nested_columns_by_their_outermost_name():
    body = io.BytesIO()
    device = [{"geo": {"country": "de"}, "os": "ios"}] * 10
    pq.write_table(pa.table({"Click": range(10), "device": device}), body, row_group_size=4)
    end = body.getvalue()[-footer_bytes(body.getvalue()) :]
    layout = Layout.of(end)

    assert [[chunk.column for chunk in group.chunks] for group in layout.row_groups] == [
        ["click", "device", "device"]
    ] * 3
    assert layout.row_groups[-1].stop <= body.tell() - len(end)
    for n, group in enumerate(layout.row_groups):
        assert layout.at(group.start, group.stop) == n
    assert layout.at(layout.row_groups[0].start, layout.row_groups[1].stop) is None
    assert layout.at(0, 2) is None


@pytest.mark.parametrize("end", [b"", b"PAR1", b"a,b\n1,2\n", b"\xff" * 100 + (100).to_bytes(4, "little") + b"PAR1"])
def test_what_is_no_footer_has_no_layout(end):
    assert footer_bytes(end) is None or Layout.of(end) is None
