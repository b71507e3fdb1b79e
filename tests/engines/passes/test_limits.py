"""Logs of which too much does not count are refused, with the column, the day or the file."""

import pyarrow as pa
import pytest

from rtb_optimizer.engines.passes.arrivals import Arrivals
from rtb_optimizer.engines.passes.limits import (
    partly_absent_columns,
    require_few_strays,
    require_few_without_outcome,
    require_few_without_weight,
)
from rtb_optimizer.engines.passes.profile import profile
from rtb_optimizer.errors import LogsInvalid
from v3_settings import v3_settings

SETTINGS = v3_settings(timestamp_column="ts", max_lost_share=0.05)


@pytest.mark.parametrize(
    ("arrived", "says"),
    [
        (Arrivals({}, (), untimed=60, total=1_000), "6.0% of 1000 rows have no time (timestamp_column 'ts')"),
        (Arrivals({}, (), outside=340, total=1_000), "34.0% of 1000 rows have a time (timestamp_column 'ts') outside"),
    ],
)
def test_rows_that_are_lost_for_their_time_have_a_limit(arrived, says):
    with pytest.raises(LogsInvalid) as refused:
        require_few_strays(arrived, SETTINGS)

    assert str(refused.value).startswith(says)
    assert str(refused.value).endswith("up to 5.0% of the rows may be lost (max_lost_share)")
    require_few_strays(Arrivals({}, (), untimed=50, outside=50, total=1_000), SETTINGS)
    require_few_strays(Arrivals({}, ()), SETTINGS)


@pytest.mark.parametrize(
    ("clicks", "refused"),
    [([1, 0, None, None], True), ([1, None, None, None], False), ([1, 0, 0, 1], False), ([None] * 4, False)],
    ids=["null beside 0", "null is how 0 is written", "none is null", "nothing but null"],
)
def test_rows_without_an_outcome_value_have_a_limit_where_others_have_0(open_logs, clicks, refused):
    engine, table = open_logs({"click": pa.array(clicks, pa.int64())}, max_lost_share=0.4)
    window = profile(engine, table)

    if not refused:
        require_few_without_outcome(window, table.settings)
        return
    with pytest.raises(LogsInvalid, match=r"50\.0% of 4 rows have no outcome value \(outcome_column 'click'\)"):
        require_few_without_outcome(window, table.settings)


@pytest.mark.parametrize("weight", [float("nan"), None, -1.0])
def test_rows_without_a_weight_count_for_nothing_and_have_a_limit(open_logs, weight):
    columns = {"click": [1, 0, 1, 0], "w": pa.array([1.0, 1.0, 2.0, weight], pa.float64())}
    engine, table = open_logs(columns, weight_column="w", max_lost_share=0.2)
    window = profile(engine, table)

    assert window.anomalies["weight_negative" if weight == -1 else "weight_unreadable"] == 1
    assert window.anomalies["outcome_null"] == 0
    with pytest.raises(LogsInvalid, match=r"25\.0% of 4 rows have a weight \(weight_column 'w'\) that is negative"):
        require_few_without_weight(window, table.settings)


WHOLE = {"click": [1, 0], "placement": [1, 2], "device": ["a", "b"]}


def without(*names):
    return {name: column for name, column in WHOLE.items() if name not in names}


def test_a_file_without_a_column_that_is_counted_by_is_named(open_logs):
    engine, table = open_logs(
        {"a.parquet": WHOLE, "b.parquet": without("click", "placement"), "c.parquet": without("click")},
        anchor_features="placement",
    )
    with pytest.raises(LogsInvalid) as refused:
        partly_absent_columns(engine, table)

    assert "'click' (outcome_column) is not in local://" in str(refused.value)
    assert "b.parquet, local://" in str(refused.value)
    assert "'placement' (anchor_features) is not in local://" in str(refused.value)


def test_a_candidate_that_some_files_lack_is_warned_of(open_logs):
    files = {"a.parquet": WHOLE, **{f"b{n}.parquet": without("device") for n in range(5)}}
    engine, table = open_logs(files, candidate_features="placement, device, elsewhere")
    (warning,) = partly_absent_columns(engine, table)

    assert warning.code == "column_in_part"
    assert "candidate 'device' is not in local://" in warning.message
    assert "and 2 more files" in warning.message


def test_names_that_differ_in_case_alone_are_one_column(open_logs):
    engine, table = open_logs({"a.parquet": WHOLE, "b.parquet": {**without("device"), "Device": ["a", "b"]}})

    assert partly_absent_columns(engine, table) == ()
