"""The sample, its folds and its hold-out do not depend on the outcome, whether rows have an id, a time, or neither."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from rtb_optimizer.core.config.window import Window
from rtb_optimizer.engines.passes.profile import profile
from rtb_optimizer.engines.passes.sampling import draw_sample

ROWS = 40_000
ONE_DAY = Window(datetime(2026, 3, 6, tzinfo=UTC), datetime(2026, 3, 7, tzinfo=UTC))
SAMPLED = {"full_sample_rows": 0, "negatives_per_positive": 1}
DRAWN = {"all rows": {}, "a part of the rows": SAMPLED}


def logs(seed=1, rows=ROWS):
    """Return rows of three devices whose rates differ, with money that comes with the outcome alone."""
    draw = np.random.default_rng(seed)
    device = draw.integers(0, 3, rows)
    click = (draw.random(rows) < np.array([0.15, 0.24, 0.32])[device]).astype(np.int64)
    day = datetime(2026, 3, 6)  # noqa: DTZ001 - as logs hold it
    return {
        "id": [f"r{n}" for n in range(rows)],
        "some_id": [f"r{n}" if n % 10 == 0 else None for n in range(rows)],
        "hour": pa.array([day + timedelta(hours=int(h)) for h in draw.integers(0, 24, rows)], pa.timestamp("us")),
        "date": pa.array([date(2026, 3, 6)] * rows),
        "device": np.array(["mobile", "desktop", "tablet"])[device].tolist(),
        "click": click,
        "revenue": click * 1.5,
    }


IDENTITIES = {
    "neither id nor time": {},
    "a date": {"timestamp_column": "date"},
    "an hour": {"timestamp_column": "hour"},
    "an hour, and money that follows the outcome": {"timestamp_column": "hour", "value_column": "revenue"},
    "an id": {"row_id_columns": ["id"]},
    "an id that most rows lack": {"row_id_columns": ["some_id"]},
}


def drawn_from(open_logs, columns, **config):
    """Draw from a file that holds what the configuration names and nothing else."""
    given = {"outcome_column": "click", "candidate_features": ["device"], **config}
    named = {name for value in given.values() for name in (value if isinstance(value, list) else [value])}
    columns = {name: column for name, column in columns.items() if name in named}
    engine, table = open_logs({"date=2026-03-06/part-0.parquet": columns}, window=ONE_DAY, **given)
    return draw_sample(engine, table, ["device"], profile(engine, table))


@pytest.mark.parametrize("overrides", DRAWN.values(), ids=DRAWN)
@pytest.mark.parametrize("identity", IDENTITIES.values(), ids=IDENTITIES)
def test_every_fold_and_the_hold_out_have_the_rate_of_their_values(open_logs, identity, overrides):
    drawn = drawn_from(open_logs, logs(), **identity, **overrides)
    sample, device = drawn.sample, drawn.sample.features["device"]

    assert len(np.unique(sample.fold)) == 5
    for code in range(len(device.values)):
        of_value = device.codes == code
        rate = sample.outcome[of_value].sum() / sample.exposure[of_value].sum()
        for part in (*(sample.fold == fold for fold in range(5)), drawn.holdout):
            rows = of_value & part
            observed = sample.outcome[rows].sum() / sample.exposure[rows].sum()
            assert abs(observed - rate) < 5 * np.sqrt(rate / sample.outcome[rows].size)


@pytest.mark.parametrize("identity", IDENTITIES.values(), ids=IDENTITIES)
def test_a_part_of_the_rows_without_an_outcome_is_drawn_in_its_share(open_logs, identity):
    columns = logs()
    drawn = drawn_from(open_logs, columns, **identity, **SAMPLED)
    without = int((columns["click"] == 0).sum())
    expected = drawn.shares.others * without

    assert drawn.shares.others < 1
    assert abs((drawn.sample.outcome == 0).sum() - expected) < 5 * np.sqrt(expected)


@pytest.mark.parametrize("overrides", [SAMPLED, {"full_sample_rows": 20_000}], ids=["by outcomes", "by rows"])
def test_rows_without_an_exposure_take_no_place_in_the_sample(open_logs, overrides):
    """As auctions that were not won: as many exposures are drawn as of a log without them."""
    won = logs()
    others = {name: [*column] * 9 for name, column in logs(seed=2).items()}
    auctions = {name: [*won[name], *others[name]] for name in ("device", "click")}
    auctions |= {"id": [f"r{n}" for n in range(10 * ROWS)], "won": [1] * ROWS + [0] * (9 * ROWS)}
    auctions["click"] = [click * was_won for click, was_won in zip(auctions["click"], auctions["won"], strict=True)]
    identity = {"row_id_columns": ["id"], **overrides}

    alone = drawn_from(open_logs, won, **identity)
    drawn = drawn_from(open_logs, auctions, exposure_column="won", **identity)

    assert drawn.shares == alone.shares
    assert sorted(drawn.row_hash) == sorted(alone.row_hash)


@pytest.mark.parametrize("identity", IDENTITIES.values(), ids=IDENTITIES)
def test_where_all_rows_are_drawn_their_order_does_not_matter(open_logs, identity):
    columns = logs(rows=3000)
    order = np.random.default_rng(5).permutation(3000)
    mixed = {name: pa.array(column).take(pa.array(order)) for name, column in columns.items()}
    one, other = (drawn_from(open_logs, each, **identity) for each in (columns, mixed))

    for name in ("exposure", "outcome", "fold"):
        assert np.array_equal(getattr(one.sample, name), getattr(other.sample, name))
    assert np.array_equal(one.holdout, other.holdout)
    assert np.array_equal(one.sample.features["device"].codes, other.sample.features["device"].codes)


def test_the_same_files_draw_the_same_rows_and_a_copy_under_another_path_too(open_logs):
    columns = {"click": logs()["click"], "device": logs()["device"]}
    one, again = (drawn_from(open_logs, columns, **SAMPLED) for _ in range(2))

    assert np.array_equal(one.row_hash, again.row_hash)


def test_rows_alike_are_repeats_only_where_an_id_or_a_time_says_so(open_logs):
    columns = {name: [*column, *column[:100]] for name, column in logs(rows=5000).items() if name != "hour"}
    second = [datetime(2026, 3, 6) + timedelta(seconds=17 * n) for n in range(5000)]  # noqa: DTZ001 - as logs hold it
    columns["second"] = pa.array([*second, *second[:100]], pa.timestamp("us"))

    assert drawn_from(open_logs, columns, row_id_columns=["id"]).duplicates == 100
    assert drawn_from(open_logs, columns, timestamp_column="second").duplicates == 100
    assert drawn_from(open_logs, columns, timestamp_column="date").duplicates == 0
    assert drawn_from(open_logs, columns).duplicates == 0


def test_aggregates_alike_in_all_that_is_counted_are_repeats_without_a_time_too(open_logs):
    columns = {"device": [f"d{n}" for n in range(500)], "shown": list(range(1, 501)), "click": [1] * 500}
    repeated = {name: [*column, *column[:20]] for name, column in columns.items()}

    assert drawn_from(open_logs, repeated, exposure_column="shown").duplicates == 20


def test_repeats_are_estimated_from_the_rows_that_are_all_drawn(open_logs):
    columns = logs()
    second = [datetime(2026, 3, 6) + timedelta(seconds=2 * n) for n in range(ROWS)]  # noqa: DTZ001 - as logs hold it
    repeated = pa.table({**columns, "second": pa.array(second, pa.timestamp("us"))})
    repeated = pa.concat_tables([repeated, repeated.slice(0, 4000)])
    drawn = drawn_from(open_logs, repeated.to_pydict(), timestamp_column="second", **SAMPLED)

    assert abs(drawn.duplicates - 4000) < 500
