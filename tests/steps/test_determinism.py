"""The same rows and settings give the same bytes: whatever their order, their files, and the number of threads."""

import io
import json
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rtb_optimizer.demo.world import World
from rtb_optimizer.outputs.documents.report import Report
from rtb_optimizer.outputs.files import json_bytes
from rtb_optimizer.outputs.report_page.page import report_page
from rtb_optimizer.steps import in_process
from rtb_optimizer.steps.activate_run import activate_run
from rtb_optimizer.steps.create_run import create_run
from rtb_optimizer.store import entities, runs
from rtb_optimizer.store.objects import split_url
from seeded_logs import NIGHTS, WORLD

STEPS = (*(function for _, function in in_process.STEPS), activate_run)
TABLES = ("segments", "joint_segments", "features", "ad_macros", "export_plain_table_csv")


def as_it_is(table: pa.Table) -> list[pa.Table]:
    return [table]


def shuffled(table: pa.Table) -> list[pa.Table]:
    return [table.take(np.random.default_rng(1).permutation(len(table)))]


def in_three(table: pa.Table) -> list[pa.Table]:
    """Three files of unequal size, rows mixed over them; the first by name holds the fewest."""
    mixed = table.take(np.random.default_rng(2).permutation(len(table)))
    return [mixed.slice(0, 7), mixed.slice(7, len(table) // 2), mixed.slice(7 + len(table) // 2)]


@dataclass(frozen=True)
class Layout:
    """How the same rows are laid out, and how many threads count them."""

    files: Callable[[pa.Table], list[pa.Table]]
    threads: int
    row_group_size: int = 1_000_000
    use_dictionary: bool = True

    def written(self, table: pa.Table) -> list[bytes]:
        return [self._file(part) for part in self.files(table)]

    def _file(self, part: pa.Table) -> bytes:
        body = io.BytesIO()
        pq.write_table(part, body, row_group_size=self.row_group_size, use_dictionary=self.use_dictionary)
        return body.getvalue()


LAYOUTS = {
    "one file, 1 thread": Layout(as_it_is, 1),
    "shuffled, small row groups, 2 threads": Layout(shuffled, 2, row_group_size=777),
    "three files without dictionaries, 4 threads": Layout(in_three, 4, row_group_size=400, use_dictionary=False),
}
MANY_OUTCOMES = World(seed=7, rows_per_day=7_000, base_rate=0.3, adspaces=30)
SOME_ROWS = {"full_sample_rows": 0, "negatives_per_positive": 2}
SAMPLED = {
    "all rows": (WORLD, {}),
    "some of the rows without an outcome": (WORLD, SOME_ROWS),
    "some of the rows with an outcome, too": (MANY_OUTCOMES, {"max_sample_rows": 10_000}),
    "money, some rows": (WORLD, {"objective": "value", **SOME_ROWS}),
}


@pytest.fixture
def charts_drawn_once():
    """Not here: each page is drawn again."""


@pytest.fixture
def publish(add_entity, request_run, session, store, base_path):
    """Lay the rows out in some way and run; returns the outputs by name, as bytes. Files may only become more."""
    entity = add_entity()

    def run(name, layout, world, overrides):
        for day in NIGHTS:
            folder = split_url(f"{base_path}/logs/date={day}/")[1]
            for n, body in enumerate(layout.written(world.day(day))):
                store.replace(f"{folder}part-{n}.parquet", body)
            store.put_once(f"{folder}_SUCCESS", b"\n")
        entities.find(session, entity.entity_code).active_run_id = None  # a run starts from what is active
        session.commit()
        opt_run_id = create_run(
            request_run(dag_run_id=name, overrides={**overrides, "exports": "plain", "engine_threads": layout.threads})
        )
        for step in STEPS:
            step(opt_run_id)
        session.expire_all()
        return {o.output_type: store.read(o.s3_key) for o in runs.outputs(session, opt_run_id)}

    return run


@pytest.mark.takes_turns
@pytest.mark.parametrize(("world", "overrides"), SAMPLED.values(), ids=SAMPLED)
def test_a_run_gives_the_same_bytes_however_its_rows_are_laid_out(publish, world, overrides):
    """The report has the configuration, threads included: with the other's configuration it is the other's report."""
    one, *others = (publish(name, layout, world, overrides) for name, layout in LAYOUTS.items())
    report = json.loads(one["report"])

    assert (report["coverage"]["sampled_share"] < 1) == bool(overrides)
    assert (report["coverage"]["sampled_positive_share"] < 1) == ("max_sample_rows" in overrides)
    assert report["segments"]["total"] > 10
    for other in others:
        assert [name for name in TABLES if other[name] != one[name]] == []
        other_report = json.loads(other["report"])
        assert other_report["config"] != report["config"]
        other_report["config"] = report["config"]
        other_report["warnings"] = [
            w for w in other_report["warnings"] if w["code"] != "inputs_changed"
        ]  # files were written again
        assert json_bytes(other_report) == one["report"]
        assert report_page(Report.read(json.dumps(other_report))) == one["report_page"]
