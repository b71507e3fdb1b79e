"""Keys of win logs and outcome logs that contradict each other are refused where they are saved, with the fix."""

from datetime import UTC, datetime, timedelta

import pytest

from rtb_optimizer.core.config.event_logs import OUTCOMES, ROLES, WINS
from rtb_optimizer.core.config.window import Window
from rtb_optimizer.errors import ConfigInvalid
from v3_settings import v3_settings

WON = {
    "timestamp_column": "at",
    "row_id_columns": ["auction"],
    "exposure_column": "won",
    "win_logs_path": "s3://lake/wins/date={date}/",
}
PAID = {"win_logs_cost_column": "price", "cost_column": "paid"}
CLICKED = {"outcome_logs_path": "s3://lake/clicks/date={date}/"}


def problems(**overrides):
    try:
        v3_settings(**overrides)
    except ConfigInvalid as refused:
        return list(refused.violations)
    return []


@pytest.mark.parametrize(
    "config",
    [
        WON,
        WON | PAID,
        WON | PAID | CLICKED,
        WON | PAID | {"bid_column": "bid", "value_column": "paid"},
        WON | {"win_logs_id_columns": ["id"], "win_logs_time_column": "at", "cost_column": "price"},
        WON | {"iceberg_tables": {"s3://lake/wins/date={date}/": "logs.wins"}},
    ],
)
def test_wins_with_and_without_cost_and_clicks_are_accepted(config):
    assert problems(**config) == []


@pytest.mark.parametrize(
    ("config", "problem"),
    [
        ({"win_logs_path": "lake/wins/"}, "win_logs_path: 'lake/wins/' is not an s3://bucket/path URL"),
        ({"win_logs_path": "s3://lake/{{ ds }}/"}, "win_logs_path: "),
        ({"row_id_columns": []}, "win_logs_path: row_id_columns is empty: wins are joined to rows by their id"),
        ({"timestamp_column": ""}, "win_logs_path: timestamp_column is not set: wins count for a time after their row"),
        ({"exposure_column": ""}, "win_logs_path: exposure_column is not set, the name that a row's exposure gets"),
        (
            {"win_logs_cost_column": "price"},
            "win_logs_cost_column: cost_column is not set, the name that a row's cost gets",
        ),
        ({"win_logs_id_columns": ["a", "b"]}, "win_logs_id_columns: name as many as row_id_columns, in the same order"),
        *(
            ({"win_logs_path": "", key: value}, f"{key}: win_logs_path is not set")
            for key, value in {
                "win_logs_cost_column": "price",
                "win_logs_time_column": "at",
                "win_logs_id_columns": ["id"],
            }.items()
        ),
        (
            {"outcome_logs_path": "s3://lake/wins/date={date}"},
            "win_logs_path: it is outcome_logs_path, too, and each of its events would be a win; deliver wins in logs ",
        ),
        (
            PAID | CLICKED | {"value_column": "paid"},
            "cost_column: 'paid' is also value_column, and both are joined; give each a name of its own",
        ),
        ({"exposure_column": "site"}, "candidate_features: site is also exposure_column: "),
        (
            {"iceberg_tables": {"s3://lake/other/": "logs.wins"}},
            "iceberg_tables: s3://lake/other/ is neither logs_path nor outcome_logs_path nor win_logs_path",
        ),
    ],
)
def test_what_contradicts_itself_is_refused_with_the_key_and_what_to_do(config, problem):
    found = problems(**WON | config)
    assert [each for each in found if each.startswith(problem)], found


def test_ids_and_time_are_called_as_those_of_the_rows_unless_they_are_named():
    logs = v3_settings(**WON).win_logs
    assert (logs.ids, logs.time_column, logs.columns) == ((("auction", "auction"),), "at", ["auction", "at"])
    named = v3_settings(**WON | PAID | {"win_logs_id_columns": ["id"], "win_logs_time_column": "t"}).win_logs
    assert (named.ids, named.columns) == ((("auction", "id"),), ["id", "t", "price"])
    assert (named.flag, named.amount) == ("won", "paid")


def test_wins_come_before_outcomes_and_none_where_none_are_configured():
    assert ROLES == (WINS, OUTCOMES)
    assert v3_settings().event_logs == []
    assert [logs.role for logs in v3_settings(**WON | CLICKED).event_logs] == [WINS, OUTCOMES]


def test_wins_are_read_as_long_as_they_count_and_awaited_as_far_as_the_lag_goes():
    day = datetime(2026, 3, 7, tzinfo=UTC)
    rows = Window(day, day + timedelta(days=1))
    logs = v3_settings(**WON | {"attribution_hours": 6}).win_logs
    assert logs.window(rows) == Window(day, day + timedelta(hours=30))
    assert logs.required_window(rows, timedelta(hours=2)) == Window(day, day + timedelta(hours=26))
