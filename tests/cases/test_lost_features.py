"""A feature that is lost to small numbers fades: no bid jumps because there were fewer rows to see it by."""

import io
from datetime import UTC, date, datetime, time, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rtb_optimizer.outputs.published import published
from rtb_optimizer.steps import in_process
from rtb_optimizer.store import entities
from rtb_optimizer.store.objects import split_url
from rtb_optimizer.store.schema import Run

FIRST = date(2026, 3, 1)
COUNTRY = {"US": 1.5, "DE": 1.0, "FR": 0.8, "BR": 0.3}
MAX_MOVEMENT = 1.5


@pytest.fixture
def deliver(base_path, store):
    """Deliver a day of clicks that follow site and country."""

    def put(day, rows):
        draw = np.random.default_rng(day.toordinal())
        site, country = draw.integers(0, 5, rows), draw.choice(list(COUNTRY), rows)
        rate = 0.05 * (1 + site / 2) * np.array([COUNTRY[name] for name in country])
        start = datetime.combine(day, time(), UTC)
        table = pa.table(
            {
                "ts": [start + timedelta(seconds=int(s)) for s in np.sort(draw.integers(0, 86_400, rows))],
                "click": (draw.random(rows) < rate).astype(int),
                "price": np.round(draw.uniform(0.5, 2, rows), 4),
                "site": site,
                "country": country,
            }
        )
        body = io.BytesIO()
        pq.write_table(table, body)
        for name, content in (("part.parquet", body.getvalue()), ("_SUCCESS", b"\n")):
            store.put_once(f"{split_url(base_path)[1]}/logs/date={day}/{name}", content)

    return put


@pytest.fixture
def night(add_entity, base_path, request_run, session):
    """Run a day of the entity; returns the decision and the bid of each country."""
    add_entity(
        value_column="",
        row_id_columns="",
        timestamp_column="ts",
        candidate_features="site, country",
        anchor_features="site",
        lookback_days="1",
        max_movement=str(MAX_MOVEMENT),
        max_volume_factor="1000",
        min_z="6",
        min_holdout_gain="-1",
        max_predicted_change="10",
        logs_path=f"{base_path}/logs/date={{date}}/",
    )

    def run(day):
        dates = {"data_start": str(day), "data_end": str(day + timedelta(days=1))}
        decided = in_process.run(request_run(dag_run_id=f"manual__{day}", **dates))
        session.expire_all()
        table = published(session, session.get_one(Run, decided.opt_run_id))
        bids = {name: table.rows[f"*|{name}"]["multiplier"] for name in COUNTRY if f"*|{name}" in table.rows}
        return decided, {name: bids.get(name, 1.0) for name in COUNTRY}, table

    return run


@pytest.mark.case(58)
def test_a_feature_of_which_too_few_rows_are_left_moves_to_1_by_max_movement_and_then_leaves(deliver, night, session):
    deliver(FIRST, 20_000)
    decided, before, _ = night(FIRST)
    assert decided.decision == "activated"
    assert before["BR"] < 0.6

    nights, first = [], before["BR"]
    for n in range(1, 6):
        deliver(FIRST + n * timedelta(days=1), 700)
        decided, bids, table = night(FIRST + n * timedelta(days=1))
        assert entities.find(session, "drugs_com").active_run_id == decided.opt_run_id
        moves = [max(bids[name] / before[name], before[name] / bids[name]) for name in COUNTRY]
        nights.append((bids["BR"], "country" in [feature.name for feature in table.selection.features]))
        assert max(moves) <= MAX_MOVEMENT * (1 + 1e-9)
        before = bids

    assert nights[0] == (pytest.approx(first * MAX_MOVEMENT), True)
    assert nights[-1] == (1.0, False)
