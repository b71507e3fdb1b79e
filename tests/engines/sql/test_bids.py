"""What bought a row, as SQL over real files: its run, its multiplier, its arm."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from hashlib import md5

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rtb_optimizer.core.config.window import Window
from rtb_optimizer.core.realized.arms import ArmRules, ChallengerRule, Holdback
from rtb_optimizer.core.realized.row_bids import BidRecord, BidSource, LivePeriod
from rtb_optimizer.engines.duckdb.engine import DuckDBEngine
from rtb_optimizer.engines.passes.profile import profile
from rtb_optimizer.engines.passes.sampling import draw_sample
from rtb_optimizer.engines.sql.bids import bid_columns
from rtb_optimizer.engines.sql.table import LogTable
from v3_settings import v3_settings

START = datetime(2026, 3, 9, tzinfo=UTC)
DAY = Window(START, START + timedelta(days=1))
MOVED = START + timedelta(hours=3, minutes=30)
PERIODS = (LivePeriod(7, START, MOVED), LivePeriod(8, MOVED, DAY.end))
NO_RULES = ArmRules()
RULE = Holdback(0.25, "auction_id", "drugs_com:")


@pytest.fixture
def selected(tmp_path):
    """Select the columns of what bought each of some rows; a row is its columns by name."""

    def select(rows, record, rules=NO_RULES, **config):
        columns = {name: [row.get(name) for row in rows] for name in rows[0]}
        pq.write_table(pa.table({"click": [1] * len(rows), **columns}), tmp_path / "log.parquet")
        settings = v3_settings(outcome_column="click", candidate_features=["auction_id"], **config)
        with DuckDBEngine(None, 1, 200) as engine:
            types = engine.open_logs([str(tmp_path / "log.parquet")])
            table = LogTable(settings, DAY, types, {}, engine.dialect)
            found = bid_columns(table, record, rules)
            named = ", ".join(f"{sql} AS {name}" for name, sql in vars_of(found).items())
            drawn = draw_sample(engine, table, [], profile(engine, table), found)
            return engine.query(f"SELECT {named} FROM logs").to_pylist(), drawn.by_arm

    return select


def vars_of(columns):
    return {
        "run_mark": columns.mark,
        "multiplier": columns.multiplier,
        "held": columns.is_control,
        "challenged": columns.is_challenger,
        "b": columns.bucket,
    }


def digest_of(text):
    return md5(text.encode(), usedforsecurity=False).hexdigest()[:8]


def rows_at(*hours, **columns):
    return [{"auction_id": f"id-{n}", "at": START + timedelta(hours=h), **columns} for n, h in enumerate(hours)]


def test_a_row_with_a_time_was_bought_in_its_period(selected):
    found, _ = selected(rows_at(0, 3.4, 3.5, 23.9), BidRecord(BidSource.HISTORY, PERIODS), timestamp_column="at")

    assert [row["run_mark"] for row in found] == [0, 0, 1, 1]


def test_a_row_without_a_time_is_marked_by_its_day(selected):
    found, _ = selected([{"auction_id": "a"}], BidRecord(BidSource.HISTORY, PERIODS))

    assert [row["run_mark"] for row in found] == [date(2026, 3, 9)]


def test_the_arm_is_what_a_reader_of_active_json_draws(selected):
    rows = rows_at(*[1] * 400)
    record = BidRecord(BidSource.HISTORY, PERIODS)
    found, _ = selected(rows, record, ArmRules({0: RULE}), timestamp_column="at")
    drawn = [digest_of(f"drugs_com:{row['auction_id']}") < RULE.below for row in rows]

    assert [row["held"] for row in found] == drawn
    assert sum(drawn) == pytest.approx(100, abs=35)


def test_a_period_without_a_holdback_holds_nothing_back(selected):
    record = BidRecord(BidSource.HISTORY, PERIODS)
    found, _ = selected(rows_at(*[1, 5] * 100), record, ArmRules({0: RULE}), timestamp_column="at")

    assert any(row["held"] for row in found if row["run_mark"] == 0)
    assert not any(row["held"] for row in found if row["run_mark"] == 1)


def test_a_row_without_an_id_is_in_no_control(selected):
    salt = next(each for each in "abcdefgh" if digest_of(each) < RULE.below)  # of which no id would be held back
    rows, rule = [{"auction_id": None, "at": START}, *rows_at(1)], replace(RULE, salt=salt)
    found, _ = selected(rows, BidRecord(BidSource.HISTORY, PERIODS), ArmRules({0: rule}), timestamp_column="at")

    assert not found[0]["held"]


@pytest.mark.parametrize(
    ("version", "held"),
    [("run-1", False), ("run-1:control", True), (" run-1:control ", True), ("", False), (None, False)],
)
def test_a_model_version_tells_the_run_and_the_control(selected, version, held):
    rows = [{"auction_id": "a", "version": version}, {"auction_id": "b", "version": "run-1"}]
    found, _ = selected(rows, BidRecord(BidSource.RUN), run_column="version")

    assert found[0]["held"] is held
    assert found[0]["run_mark"] == (None if version is None else version.strip())


@pytest.mark.parametrize(("group", "held"), [("7", True), ("8", False), (None, False)])
def test_the_platform_s_arm_is_named_by_its_values(selected, group, held):
    rows = [{"auction_id": "a", "group": group}, {"auction_id": "b", "group": "8"}]
    found, _ = selected(rows, BidRecord(BidSource.HISTORY, PERIODS), arm_column="group", control_arms=["7"])

    assert found[0]["held"] is held


@pytest.mark.parametrize(("logged", "read"), [("1.5", 1.5), ("x", None), (None, None), ("-2", -2.0)])
def test_a_multiplier_is_a_number_or_none(selected, logged, read):
    rows = [{"auction_id": "a", "m": logged}, {"auction_id": "b", "m": "1"}]
    found, _ = selected(rows, BidRecord(BidSource.MULTIPLIER, PERIODS), multiplier_column="m")

    assert found[0]["multiplier"] == read


def test_the_sums_by_arm_add_up_to_the_window_and_have_sixteen_parts(selected):
    rows = rows_at(*[n / 100 for n in range(2_000)])
    rules = ArmRules({0: RULE, 1: RULE})
    _, by_arm = selected(rows, BidRecord(BidSource.HISTORY, PERIODS), rules, timestamp_column="at")

    assert sum(each.counts.rows for each in by_arm) == 2_000
    assert sum(each.counts.outcome for each in by_arm) == 2_000
    assert {each.bucket for each in by_arm} == set("0123456789abcdef")
    assert {(each.mark, each.is_control) for each in by_arm} == {(0, False), (0, True), (1, False), (1, True)}


OTHER = ChallengerRule(0.5, "auction_id", "drugs_com:")


def test_a_challenger_takes_the_other_end_of_the_hash(selected):
    rules = ArmRules({0: RULE, 1: RULE}, {1: OTHER})
    record = BidRecord(BidSource.HISTORY, PERIODS)
    found, by_arm = selected(rows_at(*[1, 5] * 200), record, rules, timestamp_column="at")
    drawn = [digest_of(f"drugs_com:id-{n}") >= OTHER.starts_at for n in range(400)]

    assert [row["challenged"] for row in found] == [each and bool(n % 2) for n, each in enumerate(drawn)]
    assert not any(row["challenged"] and row["held"] for row in found)
    assert sum(each.counts.rows for each in by_arm if each.is_challenger) == sum(drawn[1::2])


@pytest.mark.parametrize("share", [0.05, 0.3, 0.5])
def test_a_change_of_one_share_moves_no_request_between_the_other_arms(share):
    digests = [digest_of(f"drugs_com:{n}") for n in range(2_000)]
    before = [digest < RULE.below for digest in digests]
    other = replace(OTHER, share=share)

    assert not any(held and digest >= other.starts_at for held, digest in zip(before, digests, strict=True))
    assert sum(digest >= other.starts_at for digest in digests) == pytest.approx(2_000 * share, abs=100)


def test_the_run_that_a_model_version_names_tells_a_challenger(selected):
    rows = [{"auction_id": n, "version": n} for n in ("run-1", "run-2", "run-1:control")] + [
        {"auction_id": "x", "version": None}
    ]
    found, _ = selected(rows, BidRecord(BidSource.RUN), ArmRules(challenger_runs=["run-2"]), run_column="version")

    assert [row["challenged"] for row in found] == [False, True, False, False]
