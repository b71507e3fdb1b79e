"""Profiles a file whose times are outside its statistics: a process of its own, which used to abort.

`python beyond_statistics.py FILE`: prints the error of the run.
"""

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow.fs import LocalFileSystem

from rtb_optimizer.core.config.window import Window
from rtb_optimizer.engines.duckdb.engine import DuckDBEngine
from rtb_optimizer.engines.passes.profile import profile
from rtb_optimizer.engines.sql.table import LogTable
from rtb_optimizer.errors import LogsInvalid
from v3_settings import v3_settings

ROWS = 4_000
START = datetime(2026, 3, 6, tzinfo=UTC)
WINDOW = Window(START, START + timedelta(days=4))


def main() -> None:
    """Write the file, zero some of its times, profile it."""
    path = Path(sys.argv[1])
    naive = START.replace(tzinfo=None)
    times = pa.array([naive + timedelta(minutes=n) for n in range(ROWS)], pa.timestamp("us"))
    table = pa.table({"ts": times, "click": [n % 2 for n in range(ROWS)]})
    pq.write_table(table, path, compression="none", use_dictionary=False)
    body = path.read_bytes()
    path.write_bytes(body[:1_000] + bytes(8_000) + body[9_000:])
    with DuckDBEngine(LocalFileSystem(), 1, 128) as engine:
        types = engine.open_logs([f"local://{path}"])
        logs = LogTable(v3_settings(timestamp_column="ts"), WINDOW, types, {}, engine.dialect)
        try:
            profile(engine, logs)
        except LogsInvalid as refused:
            sys.stdout.write(f"{refused}\n")


if __name__ == "__main__":
    main()
