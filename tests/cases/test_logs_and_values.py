"""Cases 1 to 21 of docs/edge-cases.md: logs that are late, changed, repeated or odd, and values that are no values."""

import io
import json

import pyarrow.parquet as pq
import pytest

from rtb_optimizer import pipeline
from rtb_optimizer.store import entities, runs
from rtb_optimizer.store.objects import split_url
from seeded_logs import BUSY_WORLD, NIGHTS

LAST = NIGHTS[-1]


@pytest.fixture
def deliver(store, base_path):
    """Deliver tables of logs by day, each day in files of its own with its marker; returns the logs_path."""

    def delivered(tables, name="odd", marker=True):
        logs_path = f"{base_path}/{name}/date={{date}}/"
        for day, files in tables.items():
            folder = split_url(logs_path.replace("{date}", str(day)))[1]
            for n, table in enumerate(files if isinstance(files, list) else [files]):
                body = io.BytesIO()
                pq.write_table(table, body)
                store.put_once(f"{folder}part-{n}.parquet", body.getvalue())
            if marker:
                store.put_once(f"{folder}_SUCCESS", b"\n")
        return logs_path

    return delivered


@pytest.fixture
def run(add_entity, request_run, session, store):
    """Run an entity over logs; returns what was decided, the report, and the rows of the segment table."""

    def go(logs_path, entity_code="odd", dag_run_id="manual__1", window=None, **config):
        if not any(known.entity_code == entity_code for known in entities.listed(session)):
            add_entity(entity_code, logs_path=logs_path, **config)
        decided = pipeline.run(request_run(entity_code, dag_run_id=dag_run_id, **(window or {})))
        keys = {o.output_type: o.s3_key for o in runs.outputs(session, decided.opt_run_id)}
        table = pq.read_table(io.BytesIO(store.read(keys["segments"]))).to_pylist()
        return decided, json.loads(store.read(keys["report"])), {row["segment"]: row for row in table}

    return go


def nights(days=NIGHTS, world=BUSY_WORLD):
    """The demonstration's logs by day."""
    return {day: world.day(day) for day in days}


def with_column(table, name, values):
    """The table with one column replaced or added."""
    there = table.column_names.index(name) if name in table.column_names else None
    return table.append_column(name, values) if there is None else table.set_column(there, name, values)


def warned(report):
    """The messages of a report's warnings by code."""
    return {warning["code"]: warning["message"] for warning in report["warnings"]}
