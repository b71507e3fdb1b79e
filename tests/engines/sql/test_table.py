"""The SQL of a run counts the window's rows and no others, whatever the columns are called or hold."""

from datetime import UTC, date, datetime, timedelta

import pyarrow as pa
import pytest

from counted import counted
from rtb_optimizer.core.config.window import Window
from rtb_optimizer.engines.passes.profile import profile
from rtb_optimizer.engines.passes.sampling import draw_sample
from rtb_optimizer.engines.sql.columns import require_columns
from rtb_optimizer.engines.sql.dialect import Dialect
from rtb_optimizer.engines.sql.grouping import grouping
from rtb_optimizer.engines.sql.table import LogTable
from rtb_optimizer.errors import LogsInvalid
from v3_settings import v3_settings

START, END = datetime(2026, 3, 9, tzinfo=UTC), datetime(2026, 3, 10, tzinfo=UTC)
DAY = Window(START, END)
BERLIN_DAY = Window(START - timedelta(hours=1), END - timedelta(hours=1))
MICROSECOND = timedelta(microseconds=1)
# Just before, at the start, in the middle, just before the end, at the end.
EDGES = [START - MICROSECOND, START, START + timedelta(hours=12), END - MICROSECOND, END]


def naive(instants):
    return [t.replace(tzinfo=None) for t in instants]


@pytest.mark.parametrize(
    "column",
    [
        pa.array(naive(EDGES), pa.timestamp("us")),
        pa.array(naive(EDGES), pa.timestamp("ns")),
        pa.array(EDGES, pa.timestamp("us", "UTC")),
        pa.array(EDGES, pa.timestamp("ns", "UTC")),
        pa.array(EDGES, pa.timestamp("us", "Asia/Tokyo")),
        pa.array([t.isoformat() for t in EDGES]),
        pa.array([f"{t:%F %T.%f}" for t in EDGES]),
        pa.array([f"{t + timedelta(hours=2):%FT%T.%f}+02:00" for t in EDGES]),
    ],
    ids=lambda column: f"{column.type} {column[0]}",
)
def test_a_window_has_its_first_instant_and_not_its_last_however_time_is_written(open_logs, column):
    engine, table = open_logs(
        {"t": column, "click": [1, 2, 4, 8, 16], "n": [99] * 5},
        DAY,
        timestamp_column="t",
        outcome_column="click",
        exposure_column="n",
    )
    log_profile = profile(engine, table)

    assert log_profile.totals.outcome == 2 + 4 + 8
    assert dict(log_profile.rows_by_day) == {date(2026, 3, 9): 3}


@pytest.mark.parametrize("machine_zone", ["America/New_York", "Asia/Tokyo"])
def test_the_zone_of_the_machine_does_not_show(open_logs, monkeypatch, machine_zone):
    import time

    with monkeypatch.context() as patch:
        patch.setenv("TZ", machine_zone)
        time.tzset()
        engine, table = open_logs(
            {
                "t": [t.isoformat() for t in EDGES],
                "zoned": pa.array(EDGES, pa.timestamp("us", "UTC")),
                "click": [1] * 5,
            },
            DAY,
            timestamp_column="t",
        )
        counted_zoned = profile(engine, table).totals.rows, sorted(counted(engine, table, ["zoned"], ()))
        printed = engine.query("SELECT CAST(zoned AS VARCHAR) AS t FROM logs ORDER BY t").to_pydict()["t"][1]
    time.tzset()

    assert counted_zoned == (3, ["__other__"])
    assert printed == "2026-03-09 00:00:00+00"


def test_a_day_of_another_zone_is_cut_at_its_own_midnights(open_logs):
    hours = [START + timedelta(hours=h) for h in range(-3, 27)]
    two_days = Window(BERLIN_DAY.start, BERLIN_DAY.end + timedelta(hours=24))
    for kind in (pa.timestamp("us"), pa.timestamp("us", "UTC")):
        engine, table = open_logs(
            {"t": pa.array(hours if kind.tz else naive(hours), kind), "click": [1] * 30},
            two_days,
            timestamp_column="t",
            timezone="Europe/Berlin",
        )

        assert dict(profile(engine, table).rows_by_day) == {date(2026, 3, 9): 24, date(2026, 3, 10): 4}


def test_logs_of_dates_are_cut_by_the_dates_of_the_entitys_zone(open_logs):
    days = [date(2026, 3, 8), date(2026, 3, 9), date(2026, 3, 9), date(2026, 3, 10)]
    engine, table = open_logs(
        {"day": pa.array(days, pa.date32()), "click": [1, 1, 0, 1]},
        BERLIN_DAY,
        timestamp_column="day",
        timezone="Europe/Berlin",
    )

    assert dict(profile(engine, table).rows_by_day) == {date(2026, 3, 9): 2}


def test_rows_without_a_time_are_in_no_window(open_logs):
    engine, table = open_logs(
        {"t": pa.array([*EDGES[1:3], None], pa.timestamp("us", "UTC")), "click": [1] * 3}, DAY, timestamp_column="t"
    )

    assert profile(engine, table).totals.rows == 2


def test_without_a_timestamp_the_day_is_that_of_the_folder(open_logs):
    files = {
        "date=2026-03-06/a.parquet": pa.table({"click": [1, 0]}),
        "date=2026-03-09/b.parquet": pa.table({"click": [1, 0, 0]}),
        "date=2026-03-09/c.parquet": pa.table({"click": [1]}),
    }
    engine, table = open_logs(files, DAY)

    assert dict(profile(engine, table).rows_by_day) == {date(2026, 3, 6): 2, date(2026, 3, 9): 4}


def test_without_timestamp_and_folders_all_rows_are_of_the_windows_first_local_day(open_logs):
    engine, table = open_logs({"click": [1, 0]}, BERLIN_DAY, timezone="Europe/Berlin")

    assert dict(profile(engine, table).rows_by_day) == {date(2026, 3, 9): 2}


def test_a_row_filter_keeps_the_rows_that_match_all_its_columns(open_logs):
    engine, table = open_logs(
        {"site_id": [1, 1, 2, 3, None], "kind": ["a", "b", "a", "a", "a"], "click": [1, 1, 1, 1, 1]},
        row_filter={"site_id": ["1", "2"], "kind": ["a"]},
    )

    assert profile(engine, table).totals.rows == 2


def test_a_row_filter_leaves_out_the_rows_of_some_values_and_no_row_without_one(open_logs):
    engine, table = open_logs(
        {"site_id": [1, 1, 2, 3, None], "kind": ["a", "b", "a", None, "a"], "click": [1, 1, 1, 1, 1]},
        row_filter={"site_id": {"not": ["1", "9"]}},
    )
    both, of_both = open_logs(
        {"site_id": [1, 1, 2, 3, None], "kind": ["a", "b", "a", None, "a"], "click": [1, 1, 1, 1, 1]},
        row_filter={"site_id": {"not": ["3"]}, "kind": ["a"]},
    )

    assert profile(engine, table).totals.rows == 3
    assert profile(both, of_both).totals.rows == 3


def test_a_weight_multiplies_exposures_outcomes_value_and_cost(open_logs):
    engine, table = open_logs(
        {"click": [1, 0, 1], "w": [3.0, 2.5, None], "earned": [0.5, 0.0, 9.0], "paid": [0.25, 0.5, 9.0]},
        weight_column="w",
        value_column="earned",
        cost_column="paid",
    )
    totals = profile(engine, table).totals

    assert (totals.rows, totals.exposure, totals.outcome) == (3, 5.5, 3.0)
    assert (totals.value, totals.cost) == (1.5, 0.75 + 1.25)


def test_pre_aggregated_rows_count_their_exposures_and_outcomes(open_logs):
    engine, table = open_logs(
        {"imps": [1000, 10, 0], "viewable": [400, 4, 0], "revenue": [1.5, 0.25, 0.0]},
        exposure_column="imps",
        outcome_column="viewable",
        value_column="revenue",
    )
    log_profile = profile(engine, table)

    assert (log_profile.totals.exposure, log_profile.totals.outcome, log_profile.totals.value) == (1010, 404, 1.75)
    assert (log_profile.positive_rows, log_profile.anomalies["zero_exposure"]) == (2, 1)


def test_outcomes_beyond_exposures_are_cut_for_rates_and_reported(open_logs):
    engine, table = open_logs(
        {"imps": [10, 5, 2, 0, 1], "viewable": [4, 7, 2, 3, -2]}, exposure_column="imps", outcome_column="viewable"
    )
    log_profile = profile(engine, table)

    assert log_profile.totals.outcome == 4 + 5 + 2 + 0 + 0
    assert log_profile.anomalies["outcome_above_exposure"] == 2


def test_rows_that_contradict_themselves_are_counted_by_kind(open_logs):
    engine, table = open_logs(
        {
            "click": pa.array([1.0, None, float("nan"), -2.0]),
            "earned": [-1.0, 2.0, -0.5, float("nan")],
            "paid": [0.1, -0.1, 0.0, 0.0],
        },
        value_column="earned",
        cost_column="paid",
    )
    log_profile = profile(engine, table)

    assert log_profile.anomalies == {
        "zero_exposure": 0,
        "outcome_above_exposure": 0,
        "outcome_negative": 1,
        "outcome_null": 2,
        "value_negative": 2,
        "value_unreadable": 1,
        "cost_negative": 1,
        "cost_unreadable": 0,
        "cost_above_bid": 0,
    }
    assert (log_profile.totals.value, log_profile.totals.outcome) == (2.0, 1)


@pytest.mark.parametrize(
    ("id_columns", "repeats"),
    [("auction", 2), ("auction, imp", 1), ("", 0), ("imp", 3)],
    ids=lambda v: str(v) or "none",
)
def test_duplicates_are_counted_by_the_row_id_and_kept(open_logs, id_columns, repeats):
    engine, table = open_logs(
        {"auction": ["a", "a", "a", "b", "c"], "imp": [1, 1, 2, 1, 1], "click": [1, 1, 0, 0, 0]},
        row_id_columns=id_columns,
    )
    drawn = draw_sample(engine, table, ["auction", "imp"], profile(engine, table))

    assert drawn.duplicates == repeats
    assert len(drawn.sample.exposure) == 5


@pytest.mark.parametrize(
    ("paid", "micros"),
    [
        ([0.0000005], 1),
        ([0.00000049], 0),
        ([0.1] * 10, 1_000_000),
        ([0.0012345], 1235),
        ([-0.0000005], 0),
        ([1e9, 0.000001], 1_000_000_000_000_001),
    ],
)
def test_money_is_summed_in_whole_micros_half_rounded_up(open_logs, paid, micros):
    engine, table = open_logs({"click": [0] * len(paid), "paid": paid}, cost_column="paid")

    assert engine.query(grouping(table, [("paid",)])[0]).num_rows == len(set(paid))
    assert profile(engine, table).totals.cost * 1e6 == pytest.approx(micros, rel=1e-15)


@pytest.mark.parametrize("outcome", [pa.array([True, False]), pa.array(["1", "0"]), pa.array([1.0, None])])
def test_an_outcome_may_be_a_boolean_a_text_or_a_float(open_logs, outcome):
    engine, table = open_logs({"click": outcome})

    assert profile(engine, table).totals.outcome == 1


@pytest.mark.parametrize(
    "measure", ["exposure", "outcome", "value", "cost", "log_day", "row_hash", "raw_outcome", "rows"]
)
@pytest.mark.parametrize("change_case", [str, str.upper])
def test_columns_that_are_called_as_our_own_are_not_mistaken_for_them(open_logs, measure, change_case):
    name = change_case(measure)
    engine, table = open_logs({"click": [1, 0, 1], name: [7, 7, 5]})
    as_cost = open_logs({"click": [1, 0, 1], name: [7, 7, 5]}, cost_column=name)

    totals = profile(engine, table).totals
    assert (totals.exposure, totals.outcome, totals.value, totals.cost) == (3, 2, 0, 0)
    assert profile(*as_cost).totals.cost == 19
    assert counted(engine, table, [name], ("7", "5"))["7"].outcome == 1


def test_the_measures_own_names_may_be_the_columns_that_hold_them(open_logs):
    engine, table = open_logs(
        {"exposure": [10, 20], "outcome": [1, 2], "value": [0.5, 0.25], "cost": [0.1, 0.2]},
        exposure_column="exposure",
        outcome_column="outcome",
        value_column="value",
        cost_column="cost",
    )
    totals = profile(engine, table).totals

    assert (totals.exposure, totals.outcome, totals.value) == (30, 3, 0.75)
    assert totals.cost == pytest.approx(0.3)


HOSTILE = ['a"b', "a'b", "x; DROP VIEW logs; --", "select", "späce \U0001f600", "a.b", '"', "f_x"]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_column_name_is_only_a_name(open_logs, name):
    engine, table = open_logs(
        {name: ["x", "y", "y"], "click": [1, 0, 1]}, row_id_columns=[name], row_filter={name: ["y", "x"]}
    )

    assert profile(engine, table).totals.rows == 3
    assert counted(engine, table, [name], ("x", "y"))["y"].outcome == 1
    assert draw_sample(engine, table, [name], profile(engine, table)).sample.features[name].values == ("x", "y")


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_column_can_hold_each_measure(open_logs, name):
    for measure in ("outcome", "exposure", "value", "cost"):
        others = {"click": [1, 1], "imps": [4, 4]}
        columns = {"outcome_column": "click", "exposure_column": "imps"} | {f"{measure}_column": name}
        engine, table = open_logs({name: [2, 3], **others}, **columns)

        assert getattr(profile(engine, table).totals, measure) == 5


@pytest.mark.parametrize("value", [*HOSTILE, "' OR '1'='1", "\\", "%", "a\nb"])
def test_a_hostile_value_is_only_a_value(open_logs, value):
    engine, table = open_logs({"kind": [value, "other", "other"], "click": [1, 0, 1]}, row_filter={"kind": [value]})

    assert profile(engine, table).totals.rows == 1
    assert list(counted(engine, table, ["kind"], ())) == ["__other__"]


def test_missing_columns_are_all_named_with_their_keys_and_those_there_are(open_logs):
    _, table = open_logs(
        {"klick": [1], "site": ["a"]},
        outcome_column="click",
        cost_column="paid",
        anchor_features="adspace, site",
        row_id_columns="auction",
        row_filter={"seller": ["1"]},
    )

    with pytest.raises(LogsInvalid) as absent:
        require_columns(table)

    assert str(absent.value) == (
        "the logs have no column 'click' (outcome_column), 'paid' (cost_column), 'adspace' (anchor_features), "
        "'auction' (row_id_columns), 'seller' (row_filter); they have: klick, site"
    )


def test_candidates_may_be_absent(open_logs):
    _, table = open_logs({"click": [1]}, candidate_features="site, carrier")

    assert require_columns(table) is None


def test_a_statement_is_the_same_text_each_time():
    types = {"click": "INTEGER", "b": "VARCHAR", "a": "VARCHAR", "t": "TIMESTAMP"}

    def texts(known):
        settings = v3_settings(timestamp_column="t", row_filter={"b": ["1"], "a": ["2"]})
        table = LogTable(settings, DAY, known, {}, Dialect())
        return table.profile(), table.sample(["a", "b"], 1.0, 0.25), table.values_of_people(["a"], 2), table.measures()

    assert texts(types) == texts(dict(reversed(types.items())))
