"""Logs on the local disk, read by a real DuckDB the way a run reads them from S3."""

from collections.abc import Mapping
from contextlib import ExitStack
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow.fs import LocalFileSystem

from rtb_optimizer.core.config.window import Window
from rtb_optimizer.engines.duckdb.engine import DuckDBEngine
from rtb_optimizer.engines.sql.table import LogTable
from v3_settings import v3_settings

WINDOW = Window(datetime(2026, 3, 6, tzinfo=UTC), datetime(2026, 3, 10, tzinfo=UTC))


@pytest.fixture
def open_logs(tmp_path):
    """Write columns (or tables by file name) as Parquet and open them; keyword arguments override v3's defaults."""
    with ExitStack() as open_engines:

        def opened(columns: Mapping[str, object], window=WINDOW, threads=2, memory_mb=256, **config):
            files = columns if all(name.endswith(".parquet") for name in columns) else {"part-0.parquet": columns}
            urls = []
            for name, content in files.items():
                path = tmp_path / name
                path.parent.mkdir(parents=True, exist_ok=True)
                pq.write_table(content if isinstance(content, pa.Table) else pa.table(content), path)
                urls.append(f"local://{path}")
            engine = open_engines.enter_context(DuckDBEngine(LocalFileSystem(), threads, memory_mb))
            types = engine.open_logs(urls)
            days = {f"local://{tmp_path}/date={day:%F}/": day.date() for day in (WINDOW.start, window.start)}
            days = {url: day for url, day in days.items() if any(opened.startswith(url) for opened in urls)}
            return engine, LogTable(v3_settings(**config), window, types, days, engine.dialect)

        yield opened
