"""A whole run, step by step, without Airflow: each step twice, since Airflow may run any of them twice."""

import io

import pyarrow.parquet as pq
import pytest

from rtb_optimizer import steps
from rtb_optimizer.store import runs
from rtb_optimizer.store.schema import Entity, Run

pytestmark = pytest.mark.usefixtures("logs")
STEPS = ("require_partitions", "select_features", "build_segments", "map_ad_macros", "write_outputs", "activate_run")


def test_logs_become_an_active_run_and_every_step_may_run_twice(add_entity, request_run, session, store):
    entity = add_entity()
    opt_run_id = steps.create_run(request_run())

    assert steps.create_run(request_run()) == opt_run_id
    for step in STEPS:
        assert getattr(steps, step)(opt_run_id) == getattr(steps, step)(opt_run_id), step

    run = session.get_one(Run, opt_run_id)
    assert (run.status, session.get_one(Entity, entity.entity_id).active_run_id) == ("succeeded", opt_run_id)
    assert runs.features(session, opt_run_id)[0].feature_name == "internal_adspace_id"
    written = {o.output_type: o for o in runs.outputs(session, opt_run_id)}
    assert set(written) == {"segments", "features", "ad_macros", "report", "manifest"}
    table = pq.read_table(io.BytesIO(store.read(written["segments"].s3_key)))
    assert table.num_rows == run.total_segments == written["segments"].row_count
