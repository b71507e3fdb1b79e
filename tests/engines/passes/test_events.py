"""Events joined to rows: counts are those of a plain join by pandas, whatever repeats, is late or finds no row."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow.fs import LocalFileSystem

from rtb_optimizer.core.config.formats import Content, Format
from rtb_optimizer.core.config.window import Window
from rtb_optimizer.engines.duckdb.engine import DuckDBEngine
from rtb_optimizer.engines.exact.counts import exact_counts
from rtb_optimizer.engines.passes.events import MAX_ROWLESS, OpenedEvents, event_findings, join_events
from rtb_optimizer.engines.passes.profile import profile
from rtb_optimizer.engines.protocol import Reading
from rtb_optimizer.engines.spark.engine import SparkEngine
from rtb_optimizer.engines.sql.table import LogTable
from rtb_optimizer.errors import LogsInvalid
from v3_settings import v3_settings

START = datetime(2026, 3, 6, tzinfo=UTC)
WINDOW = Window(START, START + timedelta(days=2))
CONFIG = {
    "logs_path": "s3://lake/logs/",
    "outcome_logs_path": "s3://lake/events/",
    "row_id_columns": ["auction"],
    "timestamp_column": "at",
    "outcome_column": "click",
    "attribution_hours": 24,
}
KINDS = {"outcome_logs_kind_column": "what", "outcome_kinds": {"click": 1, "sale": 50}, "value_column": "worth"}


def rows_and_events(seed=5, rows=3_000):
    """Return rows of two days, and events: of kinds, repeated, late by days, of no row, without id or time."""
    draw = np.random.default_rng(seed)
    at = pd.to_datetime(START) + pd.to_timedelta(np.sort(draw.integers(0, 2 * 86_400, rows)), unit="s")
    logs = pd.DataFrame({"auction": [f"a{n}" for n in range(rows)], "at": at, "site": draw.integers(0, 5, rows)})
    hit = draw.choice(rows, 900)
    late = pd.to_timedelta(draw.exponential(12 * 3600, 900), unit="s")
    events = pd.DataFrame(
        {
            "auction": logs["auction"].to_numpy()[hit],
            "at": logs["at"].iloc[hit].reset_index(drop=True) + late,
            "what": draw.choice(["click", "sale", "view"], 900),
            "amount": np.round(draw.uniform(1, 9, 900), 2),
        }
    )
    strangers = pd.DataFrame({"auction": ["nobody", None, "", "a1"], "at": [at[0], at[0], at[0], None]})
    strangers["what"], strangers["amount"] = "click", 1.0
    return logs, pd.concat([events, strangers, events.sample(200, random_state=seed)])


@pytest.fixture
def join(tmp_path):
    """Write rows (in several files and row groups) and events, and join them; returns engine and joined outcomes."""
    engines = []

    def joined(logs, events, cluster=None, **config):
        settings = v3_settings(**{**CONFIG, **config})
        urls = []
        for n, part in enumerate([logs[:900], logs[900:2100], logs[2100:]]):
            in_micros = {"coerce_timestamps": "us", "allow_truncated_timestamps": True}
            rows = pa.Table.from_pandas(part, preserve_index=False)
            pq.write_table(rows, tmp_path / f"r{n}.parquet", row_group_size=300, **in_micros)
            urls.append(f"local://{tmp_path}/r{n}.parquet")
        rows = pa.Table.from_pandas(events, preserve_index=False)
        pq.write_table(rows, tmp_path / "events.parquet", **in_micros)
        files = LocalFileSystem()
        engine = SparkEngine(cluster, files) if cluster else DuckDBEngine(files, 2, 256)
        engines.append(engine)
        table = LogTable(settings, WINDOW, engine.open_logs(urls), {}, engine.dialect)
        types = engine.open_events("outcome_logs", [f"local://{tmp_path}/events.parquet"])
        found = join_events(engine, [OpenedEvents(settings.outcome_logs, types)], table, WINDOW)
        return engine, found

    yield joined
    for engine in engines:
        engine.__exit__(None, None, None)


def plain_join(logs, events, kinds=None, amount=None, hours=24):
    """Return the outcome and the value of each row, by pandas."""
    events = events[events["auction"].notna() & (events["auction"] != "")]
    events = events[events["what"].isin(kinds)] if kinds else events.assign(what="")
    first = events.sort_values("at", na_position="last").drop_duplicates(["auction", "what"])
    both = logs[["auction", "at"]].merge(first, on="auction", suffixes=("", "_event"))
    both = both[both["at_event"] < both["at"] + pd.Timedelta(hours=hours)]
    both["worth"] = (both["what"].map(kinds) if kinds else 1.0) * (both[amount] if amount else 1.0)
    by_row = both.groupby("auction")["worth"].agg(["size", "sum"]).reindex(logs["auction"]).fillna(0)
    return (by_row["size"] > 0).to_numpy().astype(int), by_row["sum"].to_numpy()


@pytest.mark.parametrize(
    ("config", "kinds", "amount", "hours"),
    [
        ({}, None, None, 24),
        ({"attribution_hours": 2.5}, None, None, 2.5),
        (KINDS, {"click": 1, "sale": 50}, None, 24),
        ({**KINDS, "outcome_logs_value_column": "amount"}, {"click": 1, "sale": 50}, "amount", 24),
    ],
    ids=["any event", "within two and a half hours", "kinds with weights", "kinds with weights and values"],
)
def test_outcomes_and_values_are_those_of_a_plain_join(join, config, kinds, amount, hours):
    logs, events = rows_and_events()
    engine, joined = join(logs, events, **config)
    outcome, value = plain_join(logs, events, kinds, amount, hours)

    totals = profile(engine, joined.table).totals
    assert totals.rows == len(logs)
    assert totals.outcome == outcome.sum() > 0
    if kinds:
        assert totals.value == pytest.approx(value.sum())

    # By row group, with the outcomes put in their places, and in SQL: both as pandas counts them.
    by_site = exact_counts(engine, joined.table, {"site": ["site"]}, {"site": [str(n) for n in range(5)]}).statistics[
        "site"
    ]
    expected = pd.Series(outcome).groupby(logs["site"].to_numpy()).sum()
    assert {site: counts.outcome for site, counts in by_site.items()} == {str(s): n for s, n in expected.items()}
    in_sql = engine.query("SELECT site, SUM(click) AS n FROM logs GROUP BY site").to_pydict()
    assert dict(zip(in_sql["site"], map(int, in_sql["n"]), strict=True)) == expected.to_dict()


def test_a_cluster_joins_the_same_outcomes_and_tells_the_same_of_the_events(join, sail):
    logs, events = rows_and_events()
    config = {**KINDS, "outcome_logs_value_column": "amount"}
    (duckdb, here), (spark, there) = join(logs, events, **config), join(logs, events, cluster=sail, **config)

    assert there.placed.to_pylist() == here.placed.to_pylist()
    assert there.events == here.events
    assert profile(spark, there.table) == profile(duckdb, here.table)
    spark.store_rows("placed", there.placed)
    assert spark.query("SELECT * FROM placed").num_rows == there.placed.num_rows


def test_what_became_of_the_events_is_told_by_day(join):
    logs, events = rows_and_events()
    _, joined = join(logs, events)
    known = events[events["auction"].notna() & (events["auction"] != "")]
    told = joined.events["outcome_logs"].days
    assert sum(day.events for day in told) == known["auction"].nunique()
    assert sum(day.events + day.repeats for day in told) == len(known)
    assert sum(day.found for day in told) == known["auction"].nunique() - 1  # but for nobody's
    outcome, _ = plain_join(logs, events)
    assert sum(day.counted for day in told) == outcome.sum()


@pytest.mark.parametrize(("share", "is_told"), [(1.0, True), (0.6, True), (0.4, False), (0.0, False)])
def test_a_day_that_was_delivered_again_is_told_and_each_event_counts_once(join, share, is_told):
    logs, events = rows_and_events()
    once = events[events["auction"].notna() & (events["auction"] != "")].drop_duplicates(["auction"])
    last = once[once["at"] >= pd.Timestamp(START + timedelta(days=1))]
    again = last.sample(frac=share, random_state=1)
    _, joined = join(logs, pd.concat([once, again]))
    _, plain = join(logs, once)
    found = event_findings(joined, joined.table.settings.outcome_logs, WINDOW)
    told = [each for each in found.warnings if each.code == "events_repeated"]

    assert [(day.events, day.counted) for day in joined.events["outcome_logs"].days] == [
        (day.events, day.counted) for day in plain.events["outcome_logs"].days
    ]
    assert bool(told) == is_told
    for each in told:
        assert "most events of" in each.message
        assert "of the outcome logs came again" in each.message
        assert "2026-03-07: " in each.message
        assert "2026-03-06: " not in each.message
        assert "look into s3://lake/events/ for files that were delivered twice, under another name" in each.message


def test_events_of_other_ids_are_told_with_the_columns_that_differ_and_are_too_many(join):
    logs, events = rows_and_events()
    _, joined = join(logs, events.assign(auction="x" + events["auction"].astype(str)))
    found = event_findings(joined, joined.table.settings.outcome_logs, WINDOW)
    (warning,) = [w for w in found.warnings if w.code == "events_without_row"]
    assert "'auction' and 'auction' do not hold the same ids" in warning.message
    assert found.rowless_share == warning.share == 1 > MAX_ROWLESS


def test_a_window_without_events_is_told_and_no_fault_of_the_ids(join):
    logs, events = rows_and_events()
    _, joined = join(logs, events.assign(at=events["at"] + pd.Timedelta(days=900)))
    found = event_findings(joined, joined.table.settings.outcome_logs, WINDOW)
    assert "no_events" in {w.code for w in found.warnings}
    assert found.rowless_share == 0


def test_some_events_without_a_row_are_a_warning_by_day(join):
    logs, events = rows_and_events()
    strange = events["auction"].where(np.arange(len(events)) % 3 > 0, "z" + events["auction"].astype(str))
    _, joined = join(logs, events.assign(auction=strange))
    (warning,) = [
        w for w in event_findings(joined, joined.table.settings.outcome_logs, WINDOW).warnings if "row" in w.code
    ]
    assert warning.code == "events_without_row"
    assert "2026-03-06: " in warning.message


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (1.0, " of them came more than 24 hours after it (attribution_hours): they do not count; "),
        (0.4, " of them came more than 24 hours after it (attribution_hours): they do not count; "),
        (0.05, ""),
    ],
    ids=["all, as by the clock of another zone", "many", "few"],
)
def test_events_that_found_their_row_too_late_to_count_are_told(join, share, text):
    logs, events = rows_and_events()
    once = events[events["auction"].isin(logs["auction"])].drop_duplicates(["auction"])
    at = once["auction"].map(logs.set_index("auction")["at"])
    late = np.arange(len(once)) < share * len(once)
    _, joined = join(logs, once.assign(at=at + pd.to_timedelta(np.where(late, 25, 1), unit="h")))
    of_day = joined.events["outcome_logs"].days
    told = [
        warning
        for warning in event_findings(joined, joined.table.settings.outcome_logs, WINDOW).warnings
        if warning.code == "events_late"
    ]

    assert sum(day.found - day.counted for day in of_day) == late.sum() > 0
    assert [text in warning.message for warning in told] == ([True] if text else [])
    assert all("check outcome_logs_time_column, timestamp_format and the clocks" in w.message for w in told)


def test_events_without_an_id_and_kinds_without_events_are_told(join):
    logs, events = rows_and_events()
    kinds = KINDS | {"outcome_kinds": {"click": 1, "Sale": 50}}
    _, joined = join(logs, events, **kinds)
    told = {w.code: w.message for w in event_findings(joined, joined.table.settings.outcome_logs, WINDOW).warnings}
    assert told["events_without_id"] == "2 events have no id of a row: they do not count"
    assert "outcome_kinds names 'Sale', of which there is no event" in told["kinds_without_events"]


@pytest.mark.parametrize("on_cluster", [False, True], ids=["here", "on a cluster"])
def test_events_without_a_kind_and_those_whose_kind_is_spelt_otherwise_are_told(join, request, on_cluster):
    logs, events = rows_and_events()
    spelt = dict(enumerate(["click", "Click", "click ", "view", None, " "]))
    kinds = pd.Series(np.arange(len(events)) % len(spelt)).map(spelt).to_numpy()
    count = pd.Series(kinds).value_counts()
    config = KINDS | {"outcome_kinds": {"click": 1}}
    cluster = request.getfixturevalue("sail") if on_cluster else None
    _, joined = join(logs, events.assign(what=kinds), cluster=cluster, **config)
    told = {w.code: w for w in event_findings(joined, joined.table.settings.outcome_logs, WINDOW).warnings}

    assert told["kinds_respelt"].rows == count["Click"] + count["click "]
    assert f"{told['kinds_respelt'].rows} events have a kind that outcome_kinds spells otherwise" in str(told)
    assert "'Click', 'click '" in told["kinds_respelt"].message
    assert told["events_without_kind"].rows == pd.isna(kinds).sum() + count[" "]


def test_kinds_that_are_meant_not_to_count_are_no_fault(join):
    logs, events = rows_and_events()
    _, joined = join(logs, events, **KINDS)
    told = {w.code for w in event_findings(joined, joined.table.settings.outcome_logs, WINDOW).warnings}

    assert "view" in set(events["what"])
    assert not told & {"kinds_respelt", "events_without_kind"}


WORTH = KINDS | {"outcome_logs_value_column": "amount"}


@pytest.mark.parametrize(
    ("lost", "told"),
    [
        ("what == 'sale' and index % 2 == 0", "sale"),
        ("index % 2 == 0", "click|sale"),
        ("index >= 0", "click|sale"),
        ("what == 'click'", None),
        ("index == 7", None),
        ("index < 0", None),
    ],
    ids=["half of the sales", "half of all", "all", "clicks never have one", "one event", "none"],
)
def test_events_without_an_amount_that_others_of_their_kind_have_are_told_by_kind(join, lost, told):
    logs, events = rows_and_events()
    events = events[events["auction"].notna() & (events["auction"] != "")]
    events = events.drop_duplicates(["auction", "what"]).reset_index(drop=True)
    gone = events.eval(lost, engine="python")
    _, joined = join(logs, events.assign(amount=events["amount"].mask(gone)), **WORTH)
    found = event_findings(joined, joined.table.settings.outcome_logs, WINDOW).warnings
    found = [w for w in found if w.code == "events_without_value"]

    if told is None:
        assert found == []
        return
    kinds = told.split("|")
    assert [w.rows for w in found] == [(gone & events["what"].isin(kinds)).sum()]
    for kind in kinds:
        of = events["what"] == kind
        assert f"{kind}: {(gone & of).sum()} of {of.sum()}" in found[0].message
    assert "'amount' (outcome_logs_value_column)" in found[0].message
    assert "each counts with 0" in found[0].message


def test_lines_of_the_outcome_logs_that_are_no_rows_are_limited_as_their_own_share(tmp_path):
    logs, events = rows_and_events()
    pq.write_table(pa.Table.from_pandas(logs, preserve_index=False), tmp_path / "rows.parquet")
    lines = events.dropna()[["auction", "at"]].to_csv(index=False).splitlines()
    (tmp_path / "events.csv").write_text("\n".join([*lines[:100], *["one,field,too,many"] * 50]))
    settings, url = v3_settings(**CONFIG), f"local://{tmp_path}/events.csv"
    with DuckDBEngine(LocalFileSystem(), 1, 256) as engine:
        table = LogTable(settings, WINDOW, engine.open_logs([f"local://{tmp_path}/rows.parquet"]), {}, engine.dialect)
        reading = Reading({url: Content(Format.CSV, first_line=lines[0])}, settings.outcome_logs.columns)
        types = engine.open_events("outcome_logs", [url], reading)
        with pytest.raises(LogsInvalid, match=r"50 of 149 lines are no rows; most of them in .*events.csv, line 101"):
            join_events(engine, [OpenedEvents(settings.outcome_logs, types)], table, WINDOW)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda logs, events: (logs, events.drop(columns="auction")), "the outcome logs have no column 'auction'"),
        (lambda logs, events: (logs.drop(columns="auction"), events), "no column 'auction' (row_id_columns)"),
        (lambda logs, events: (logs.assign(click=0), events), "have a column 'click' of their own"),
        (
            lambda logs, events: (logs, events.assign(at="some time ago")),
            "'at' (outcome_logs_time_column) cannot be read, such as 'some time ago'",
        ),
    ],
)
def test_outcome_logs_that_are_not_as_configured_are_refused_by_name(join, change, words):
    with pytest.raises(LogsInvalid) as refused:
        join(*change(*rows_and_events()))
    assert words in str(refused.value)


def test_a_weight_and_a_filter_of_the_rows_hold_for_joined_outcomes_too(join):
    logs, events = rows_and_events()
    engine, joined = join(logs.assign(weight=2), events, weight_column="weight", row_filter={"site": ["1", "2"]})
    outcome, _ = plain_join(logs, events)
    table = replace(joined.table)
    assert profile(engine, table).totals.outcome == 2 * outcome[logs["site"].isin([1, 2])].sum()
