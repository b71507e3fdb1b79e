"""2,000 damaged files of text: each is counted, or refused by a named error; none crashes the process."""

import gzip
import random

import pyarrow as pa
import pytest
from pyarrow.fs import LocalFileSystem

from kinds_of_logs import DAYS, LAST, healthy_day
from layouts_of_logs import json_lines, lines_of
from rtb_optimizer.core.config.formats import Content, compression_of, content_of
from rtb_optimizer.core.config.window import Window, midnight, zone
from rtb_optimizer.engines.duckdb.engine import DuckDBEngine
from rtb_optimizer.engines.passes.arrivals import arrivals
from rtb_optimizer.engines.passes.legibility import require_few_bad_lines, require_legible
from rtb_optimizer.engines.passes.profile import profile
from rtb_optimizer.engines.protocol import Reading
from rtb_optimizer.engines.sql.columns import configured_columns, require_columns
from rtb_optimizer.engines.sql.table import LogTable
from rtb_optimizer.errors import RtbOptimizerError
from rtb_optimizer.logs.contents import unpacked
from v3_settings import v3_settings

UTC = zone("UTC")
WINDOW = Window(midnight(DAYS[0], UTC), midnight(LAST, UTC))
SETTINGS = v3_settings(
    logs_path="s3://lake/logs/",
    outcome_column="click",
    timestamp_column="event_time",
    cost_column="price",
    row_id_columns="auction_id",
    candidate_features="placement, device, country",
    max_lost_share=0.2,
)
ROWS = 60
CHUNKS, FILES = 20, 100


def damaged(body, draw):
    """Return bytes with a few faults: cut, flipped, doubled, removed, or filled with what text should not hold."""
    body = bytearray(body)
    for _ in range(draw.randint(1, 4)):
        at = draw.randrange(max(len(body), 1))
        fault = draw.randrange(7)
        if fault == 0:
            del body[at:]
        elif fault == 1:
            body[at : at + 1] = bytes([draw.randrange(256)])
        elif fault == 2:
            body[at:at] = body[at : at + draw.randrange(200)]
        elif fault == 3:
            del body[at : at + draw.randrange(200)]
        elif fault == 4:
            body[at:at] = draw.choice(
                [b'"', b"\n", b"\r", b",", b"{", b"}", b"\0", b"\xff", b"[", b"\\", b"\xe2\x80\xa8"]
            )
        elif fault == 5:
            body[at:at] = draw.choice([b"1e999", b"NaN", b"-", b"true", b"null", b"9" * 40, b"x" * 5_000])
        else:
            body = bytearray(b"\n".join(draw.sample(lines := bytes(body).split(b"\n"), len(lines))))
    return bytes(body)


def read(folder, name, body):
    """Count a file as a run would; returns its rows, or the error's words."""
    path = folder / name
    path.write_bytes(body)
    compression = compression_of(body)
    plain = unpacked(body, compression)
    content = content_of(plain, compression)
    if not isinstance(content, Content):
        return content
    url = f"local://{path}"
    try:
        with DuckDBEngine(LocalFileSystem(), 1, 256) as engine:
            reading = Reading({url: content}, configured_columns(SETTINGS))
            table = LogTable(SETTINGS, WINDOW, engine.open_logs([url], reading), {}, engine.dialect)
            require_few_bad_lines(engine, SETTINGS)
            require_columns(table)
            require_legible(engine, table)
            arrivals(engine, table)
            return profile(engine, table).totals.rows
    except RtbOptimizerError as refused:
        return str(refused)


@pytest.mark.takes_turns
@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_a_damaged_file_is_counted_or_refused_by_name(tmp_path, chunk):
    table = healthy_day(DAYS[0], ROWS)
    wholes = {"a.csv": lines_of(table), "b.json": json_lines(table), "c.tsv": lines_of(table, "\t")}
    draw, outcomes = random.Random(chunk), []  # noqa: S311 - no secret
    for number in range(FILES):
        name = draw.choice(sorted(wholes))
        body = wholes[name]
        packed = draw.random() < 0.3
        body = damaged(gzip.compress(body, mtime=0), draw) if packed and draw.random() < 0.5 else damaged(body, draw)
        if packed and not body.startswith(b"\x1f\x8b"):
            body = gzip.compress(body, mtime=0)
        found = read(tmp_path, f"{number}-{name}", body)
        outcomes.append(found)
        if isinstance(found, str):
            assert found.isprintable()
            assert len(found) < 5_000
        else:
            assert found <= 3 * ROWS  # rows may be doubled by the damage itself
    counted = [each for each in outcomes if isinstance(each, int)]
    assert 10 <= len(counted) < FILES
    assert ROWS in counted


def test_the_whole_files_are_counted(tmp_path):
    table = healthy_day(DAYS[0], ROWS)
    assert read(tmp_path, "a.csv", lines_of(table)) == ROWS
    assert read(tmp_path, "b.json.gz", gzip.compress(json_lines(table))) == ROWS
    assert read(tmp_path, "c.parquet", pa.py_buffer(b"ORC").to_pybytes()) == "ORC"
