"""What files of JSON lines hold is handed on for the bytes in which it was found, and for no others."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from rtb_optimizer.core.config.formats import Content, Format
from rtb_optimizer.engines.protocol import JsonColumns
from rtb_optimizer.logs.partitions import LogFile, Partition
from rtb_optimizer.run.found_columns import as_found, found_columns

JSON, WRITTEN = Content(Format.JSON), datetime(2026, 3, 1, tzinfo=UTC)
ONE, OTHER = JsonColumns((("a",), ("b", "c.d")), 0, 0), JsonColumns((("a",),), 2, 7)


def file(name, etag):
    return LogFile(key=f"logs/day/{name}", byte_size=1, etag=etag, modified=WRITTEN, content=JSON)


def partition(*files):
    return Partition("s3://bucket/logs/day/", None, files, "")


FILES = (file("a", "1"), file("b", "2"), file("c", "3"))
FOUND = {"s3://bucket/logs/day/a": ONE, "s3://bucket/logs/day/b": OTHER, "s3://bucket/logs/day/c": ONE}


@pytest.mark.parametrize(
    ("now", "known"),
    [
        (FILES, "abc"),
        ((FILES[0], replace(FILES[1], etag="9"), FILES[2]), "ac"),
        (FILES[1:], "bc"),
        ((*FILES, file("d", "1")), "abc"),
        ((), ""),
    ],
    ids=["the same files", "one is another", "one is gone", "one is new", "none"],
)
def test_it_is_known_of_files_that_are_what_they_were(now, known):
    body = found_columns([partition(*FILES)], FOUND).to_json()

    expected = {url: columns for url, columns in FOUND.items() if url[-1] in known}
    assert as_found([partition(*now)], body) == expected


def test_columns_that_files_share_are_written_once_and_other_files_not_at_all():
    document = found_columns([partition(*FILES, file("e", "5"))], FOUND)

    assert document.columns == (ONE.values, OTHER.values)
    assert [each.columns for each in document.files] == [0, 1, 0]
