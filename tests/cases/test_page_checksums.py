"""One byte of a data page of a log file is another: what the checksums of Parquet pages tell, and what they do not."""

import io

import pyarrow.parquet as pq
import pytest

from kinds_of_logs import CONFIG, DAY, DAYS, LAST
from layouts_of_logs import plain
from rtb_optimizer.errors import LogsInvalid
from rtb_optimizer.steps import in_process
from rtb_optimizer.store.objects import split_url

case = pytest.mark.case
WAS, IS = b"\x06\x00\x00\x00mobile", b"\x06\x00\x00\x00mobhle"
"""A value as a page without compression has it, and with one bit of it turned over."""


def page_bytes(table, column, *, checksums):
    """A file of a day whose columns are plain, and where a column's chunk lies in it."""
    body = io.BytesIO()
    pq.write_table(table, body, compression="none", use_dictionary=False, write_page_checksum=checksums)
    group = pq.ParquetFile(body).metadata.row_group(0)
    chunk = next(c for c in map(group.column, range(group.num_columns)) if c.path_in_schema == column)
    return body.getvalue(), chunk.data_page_offset, chunk.total_compressed_size


def damaged(body, start, size):
    """The file with the first such value of a chunk turned into another: as many bytes, no damage to its structure."""
    at = body.index(WAS, start, start + size)
    assert sum((a ^ b).bit_count() for a, b in zip(WAS, IS, strict=True)) == 1
    return body[:at] + IS + body[at + len(WAS) :]


@pytest.fixture
def run(add_entity, request_run, base_path, store):
    """Run an entity over three days of which the first has a damaged file; returns the decision."""

    def ran(column="device", *, checksums, **config):
        for day, table in plain().items():
            rows = table.append_column("seller", table["device"])
            body, start, size = page_bytes(rows, column, checksums=checksums)
            body = damaged(body, start, size) if day == DAYS[0] else body
            store.put_once(f"{split_url(base_path)[1]}/logs/date={day}/a.parquet", body)
        path = {"logs_path": f"{base_path}/logs/date={{date}}/", "completion_marker": ""}
        add_entity(**CONFIG | path | config)
        return in_process.run(request_run(data_start=str(DAYS[0]), data_end=str(LAST + DAY)))

    return ran


@case(62)
def test_a_page_of_a_column_that_the_table_counts_fails_the_run_by_its_checksum_with_the_file(run):
    with pytest.raises(LogsInvalid, match=rf"logs/date={DAYS[0]}/a.parquet cannot be read: .*CRC checksum"):
        run(checksums=True)


UNSEEN = {
    "no checksums": {"checksums": False},
    "a column that no exact count reads": {"column": "seller", "checksums": True},
    "rows that SQL counts, without their duplicates": {"checksums": True, "drop_duplicates": "true"},
}


@case(62)
@pytest.mark.parametrize("which", UNSEEN)
def test_otherwise_the_byte_is_a_value_like_any_other(run, which):
    assert run(**UNSEEN[which]).decision == "activated"
