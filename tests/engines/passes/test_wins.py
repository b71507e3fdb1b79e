"""Wins and clicks joined to auctions: counts are those of a plain SQL join of the three, on every engine."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from pyarrow.fs import LocalFileSystem

from kinds_of_logs import DAY, DAYS, LAST
from rtb_optimizer.core.config.window import Window
from rtb_optimizer.engines.duckdb.engine import DuckDBEngine
from rtb_optimizer.engines.exact.counts import exact_counts
from rtb_optimizer.engines.passes.events import MAX_ROWLESS, OpenedEvents, event_findings, join_events, place_events
from rtb_optimizer.engines.passes.profile import profile
from rtb_optimizer.engines.spark.engine import SparkEngine
from rtb_optimizer.engines.sql.table import LogTable
from rtb_optimizer.errors import LogsInvalid
from three_logs import CLICKS_APART, CONFIG, WINS_APART, ThreeLogs, parquet, three_logs
from v3_settings import v3_settings

START = datetime.combine(DAYS[0], datetime.min.time(), UTC)
WINDOW = Window(START, START + timedelta(days=3))
PLACES = ["101", "102", "103", "104", "105"]


@pytest.fixture
def opened(tmp_path):
    """Write three logs, the auctions as a file a day, and open them; returns engine, rows, and the logs of events."""
    engines = []

    def open_three(logs, cluster=None, window=WINDOW, **config):
        settings = v3_settings(**CONFIG | {"logs_path": "s3://lake/auctions/{date}/"} | WINS_APART | config)
        urls = []
        for day in DAYS:
            of_day = logs.auctions[logs.auctions["event_time"].dt.date == day]
            (tmp_path / f"{day}.parquet").write_bytes(parquet(of_day))
            urls.append(f"local://{tmp_path}/{day}.parquet")
        (tmp_path / "win_logs.parquet").write_bytes(parquet(logs.wins))
        (tmp_path / "outcome_logs.parquet").write_bytes(parquet(logs.clicks))
        files = LocalFileSystem()
        engine = SparkEngine(cluster, files) if cluster else DuckDBEngine(files, 2, 256)
        engines.append(engine)
        table = LogTable(settings, window, engine.open_logs(urls), {}, engine.dialect)
        events = [
            OpenedEvents(each, engine.open_events(each.role.name, [f"local://{tmp_path}/{each.role.name}.parquet"]))
            for each in settings.event_logs
        ]
        return engine, table, events

    yield open_three
    for engine in engines:
        engine.__exit__(None, None, None)


@pytest.fixture
def joined(opened):
    """Open three logs and join them; returns engine and joined rows."""

    def join(logs, **config):
        engine, table, events = opened(logs, **{"win_logs_path": "s3://lake/wins/"} | config)
        return engine, join_events(engine, events, table, config.get("window", WINDOW))

    return join


CLICKED = {**CLICKS_APART, "outcome_logs_path": "s3://lake/clicks/{date}/"}


@pytest.mark.parametrize("hours", [24, 2.5, 48])
@pytest.mark.parametrize("window", [WINDOW, Window(START + timedelta(days=1), WINDOW.end)], ids=["three", "two days"])
def test_exposures_costs_and_outcomes_are_those_of_a_plain_join(joined, hours, window):
    logs = three_logs()
    engine, rows = joined(logs, attribution_hours=hours, window=window, **CLICKED)
    plain = logs.joined(hours)
    plain = plain[plain["event_time"] >= window.start.replace(tzinfo=None)]

    found = profile(engine, rows.table)
    assert found.totals.rows == len(plain)
    assert found.totals.exposure == plain["won"].sum() > 0
    assert found.totals.outcome == (plain["clicked"] * plain["won"]).sum() > 0
    assert found.totals.cost == pytest.approx(plain["paid"].sum(), abs=1e-9)
    assert found.anomalies["outcome_above_exposure"] == (plain["clicked"] > plain["won"]).sum() > 0
    assert found.anomalies["zero_exposure"] == (plain["won"] == 0).sum()

    # By row group, with what was joined put in its places, and in SQL.
    counted = exact_counts(engine, rows.table, {"placement": ["placement"]}, {"placement": PLACES})
    by_place = counted.statistics["placement"]
    of_place = plain.assign(clicked=plain["clicked"] * plain["won"]).groupby("placement")[["won", "clicked"]].sum()
    assert {place: (c.exposure, c.outcome) for place, c in by_place.items()} == {
        str(place): (each.won, each.clicked) for place, each in of_place.iterrows()
    }
    in_sql = engine.query(f"SELECT SUM(won) AS won, SUM(clicked) AS clicked FROM logs WHERE {rows.table.where()}")
    assert [int(each) for each in in_sql.to_pylist()[0].values()] == [plain["won"].sum(), plain["clicked"].sum()]


def test_wins_alone_leave_the_outcomes_that_the_rows_have(joined):
    logs = three_logs()
    plain = logs.joined()
    rows = logs.auctions.merge(plain[["auction_id", "clicked"]], on="auction_id")
    without_cost = dict.fromkeys(("cost_column", "bid_column", "win_logs_cost_column"), "")
    engine, found = joined(ThreeLogs(rows, logs.wins, logs.clicks), **without_cost)
    totals = profile(engine, found.table).totals
    assert (totals.exposure, totals.outcome) == (plain["won"].sum(), (plain["clicked"] * plain["won"]).sum())
    assert "paid" not in found.table.types


def test_a_repeated_win_counts_once_at_the_price_of_its_first_time(joined):
    auctions = three_logs().auctions.head(3)
    [first, second, third] = auctions["auction_id"]
    at = auctions["event_time"].iloc[0]
    wins = pd.DataFrame(
        [
            (first, at + timedelta(seconds=9), 7.0),
            (first, at + timedelta(seconds=1), 0.1234567),
            (second, at + timedelta(hours=30), 3.0),
            (third, at, None),
        ],
        columns=["auction_id", "won_at", "win_price"],
    )
    engine, rows = joined(ThreeLogs(three_logs().auctions, wins, three_logs().clicks), **CLICKED)
    found = engine.query("SELECT auction_id, won, paid FROM logs ORDER BY auction_id LIMIT 3").to_pylist()
    assert [(each["won"], each["paid"]) for each in found] == [(1, 0.1234567), (0, 0), (1, 0)]
    assert profile(engine, rows.table).totals.cost == 0.123457


def test_a_later_step_gets_the_same_columns_from_what_was_joined(joined, opened):
    logs = three_logs()
    engine, rows = joined(logs, **CLICKED)
    other, table, events = opened(logs, win_logs_path="s3://lake/wins/", **CLICKED)
    placed = place_events(other, [each.logs for each in events], table, rows.placed)
    assert placed.types == rows.table.types
    assert profile(other, placed) == profile(engine, rows.table)


def test_a_cluster_joins_the_same_rows(joined, sail):
    logs = three_logs()
    (duckdb, here), (spark, there) = joined(logs, **CLICKED), joined(logs, cluster=sail, **CLICKED)
    assert there.placed.to_pylist() == here.placed.to_pylist()
    assert there.events == here.events
    assert profile(spark, there.table) == profile(duckdb, here.table)


def test_what_became_of_the_wins_is_told_by_day(joined):
    logs = three_logs()
    _, rows = joined(logs, **CLICKED)
    found = event_findings(rows, rows.table.settings.win_logs, WINDOW)
    known = logs.wins[logs.wins["auction_id"].notna()]
    ids = known["auction_id"]
    assert sum(day.events for day in found.days) == ids.nunique()
    assert sum(day.repeats for day in found.days) == len(ids) - ids.nunique()
    assert sum(day.found for day in found.days) == (~ids.drop_duplicates().str.startswith("elsewhere")).sum()
    assert sum(day.counted for day in found.days) == logs.joined()["won"].sum()
    told = {warning.code: warning.message for warning in found.warnings}
    assert told == {
        "wins_without_time": "1 wins have no time: they do not count",
        "wins_without_id": "3 wins have no id of a row: they do not count",
    }


def strange(share):
    """Return logs in which a share of the wins is of other auctions."""
    logs = three_logs()
    is_strange = np.random.default_rng(2).random(len(logs.wins)) < share
    ids = logs.wins["auction_id"].where(~is_strange, "x" + logs.wins["auction_id"].astype(str))
    return replace(logs, wins=logs.wins.assign(auction_id=ids))


def test_wins_of_other_auctions_are_told_with_the_columns_that_differ_and_are_too_many(joined):
    _, rows = joined(strange(0.95))
    found = event_findings(rows, rows.table.settings.win_logs, WINDOW)
    [warning] = [each for each in found.warnings if each.code == "wins_without_row"]
    assert "'auction_id' and 'auction_id' do not hold the same ids" in warning.message
    assert "correct row_id_columns, win_logs_id_columns, or the logs" in warning.message
    assert found.rowless_share == warning.share > MAX_ROWLESS


def test_some_wins_without_a_row_are_a_warning_by_day(joined):
    _, rows = joined(strange(0.3))
    found = event_findings(rows, rows.table.settings.win_logs, WINDOW)
    [warning] = [each for each in found.warnings if each.code == "wins_without_row"]
    assert f"{LAST}: " in warning.message
    assert "the same ids" not in warning.message


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda wins: wins.assign(auction_id="z" + wins["auction_id"]), "do not hold the same ids"),
        (lambda wins: wins.assign(won_at=wins["won_at"] + 40 * DAY), "hold no win of the window that counts"),
        (lambda wins: wins.assign(won_at=wins["won_at"] + 40 * DAY), "they do not count; check win_logs_time_column"),
        (lambda wins: wins.assign(won_at=pd.NaT), "wins have no time: they do not count"),
        (lambda wins: wins.head(0), "hold no win of the window that counts"),
    ],
)
def test_without_any_win_that_counts_nothing_is_counted_and_it_says_why(joined, change, words):
    logs = three_logs()
    _, rows = joined(replace(logs, wins=change(logs.wins)))
    with pytest.raises(LogsInvalid, match="no row has a win that counts, so that none is an exposure: ") as refused:
        event_findings(rows, rows.table.settings.win_logs, WINDOW)
    assert words in str(refused.value)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda logs: replace(logs, wins=logs.wins.drop(columns="win_price")), "win logs have no column 'win_price'"),
        (lambda logs: replace(logs, wins=logs.wins.drop(columns="won_at")), "win logs have no column 'won_at'"),
        (
            lambda logs: replace(logs, auctions=logs.auctions.assign(won=1, paid=2)),
            "the logs have a column 'won', 'paid' of their own: with win_logs_path, exposure_column and cost_column ",
        ),
        (
            lambda logs: replace(logs, wins=logs.wins.assign(won_at="at noon")),
            "'won_at' (win_logs_time_column) cannot be read, such as 'at noon'",
        ),
        (
            lambda logs: replace(logs, wins=logs.wins.assign(win_price="much")),
            "'win_price' (win_logs_cost_column) cannot be read, such as 'much'",
        ),
    ],
)
def test_win_logs_that_are_not_as_configured_are_refused_by_name(joined, change, words):
    with pytest.raises(LogsInvalid) as refused:
        joined(change(three_logs()))
    assert words in str(refused.value)


def test_a_weight_a_currency_and_a_filter_of_the_rows_hold_for_wins_too(joined):
    logs = three_logs()
    auctions = logs.auctions.assign(weight=3, currency=np.where(logs.auctions["country"] == "US", "USD", "EUR"))
    config = {"weight_column": "weight", "row_filter": {"device": ["mobile"]}, "bid_column": ""}
    config |= {"currency_column": "currency", "currency_rates": {"USD": 1, "EUR": 2}}
    engine, rows = joined(replace(logs, auctions=auctions), **config, **CLICKED)
    plain = logs.joined()
    plain = plain[plain["device"] == "mobile"]
    rate = np.where(plain["country"] == "US", 1, 2)
    totals = profile(engine, rows.table).totals
    assert totals.exposure == 3 * plain["won"].sum()
    assert totals.cost == pytest.approx(3 * (plain["paid"] * rate).sum())
