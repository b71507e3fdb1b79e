"""The logs are counted exactly; selection reads a fair sample of them."""

from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest

from counted import counted
from rtb_optimizer.core.config.window import Window
from rtb_optimizer.core.sample.values import MISSING, OTHER, UNEXPANDED
from rtb_optimizer.core.table.evaluation import evaluate
from rtb_optimizer.engines.passes.encoding import encode
from rtb_optimizer.engines.passes.profile import profile
from rtb_optimizer.engines.passes.sampling import Shares, draw_sample, sampling_shares
from rtb_optimizer.errors import LogsInvalid
from rtb_optimizer.run.choose_features import choose_features
from rtb_optimizer.run.screen_candidates import admissible
from rtb_optimizer.run.suspected_leaks import leak_warnings, suspected_leaks
from v3_settings import v3_settings

ROWS = 40_000


def table_of(rows=ROWS, seed=5, ids=None):
    """Rows whose outcome follows `site`: about 2 % positives, whole cents of cost."""
    draw = np.random.default_rng(seed)
    site = draw.integers(0, 10, rows)
    return pa.table(
        {
            "auction": np.arange(rows) if ids is None else draw.integers(0, ids, rows),
            "site": [f"s{n}" for n in site],
            "noise": draw.integers(0, 50, rows),
            "click": (draw.random(rows) < 0.004 * (site + 0.5)).astype(int),
            "paid": draw.integers(0, 100, rows) / 100,
        }
    )


CASE_CONTROL = {
    "row_id_columns": "auction",
    "cost_column": "paid",
    "negatives_per_positive": 5,
    "full_sample_rows": 0,
    "candidate_features": "site, noise",
}


def test_the_profile_of_an_empty_window_says_which_window_and_why(open_logs):
    engine, table = open_logs({"click": [1], "kind": ["a"]}, row_filter={"kind": ["b"]})

    with pytest.raises(LogsInvalid) as empty:
        profile(engine, table)

    assert str(empty.value) == (
        "no row of the logs falls into [2026-03-06 00:00, 2026-03-10 00:00) UTC and passes row_filter"
    )


def test_logs_without_any_exposure_are_refused_with_the_keys_to_look_at(open_logs):
    engine, table = open_logs({"click": [1, 2], "imps": [0, 0]}, exposure_column="imps")

    with pytest.raises(LogsInvalid, match="2 rows have no exposure: check exposure_column and weight_column"):
        profile(engine, table)


@pytest.mark.parametrize(
    ("rows", "positives", "shares"),
    [
        (1_000, 10, (1.0, 1.0)),  # small logs are taken whole
        (5_001, 10, (1.0, 0.9998)),
        (10_000, 0, (1.0, 0.5)),
        (1_000_000, 1_000, (1.0, 0.030031)),  # 30 others per positive
        (1_000_000, 10, (1.0, 0.004991)),  # but never fewer than full_sample_rows in all
        (1_000_000, 40_000, (1.0, 0.0625)),  # and never more than max_sample_rows in all
        (1_000_000, 80_000, (0.625, 0.054348)),  # where positives alone would be half of them and more
        (1_000_000, 990_000, (0.090910, 1.0)),  # with few others there is more room for positives
        (10_000_000_000, 10, (1.0, 0.000001)),  # the least there is
    ],
)
def test_the_shares_drawn_are_enough_others_and_a_whole_number_of_buckets(rows, positives, shares):
    settings = v3_settings(negatives_per_positive=30, full_sample_rows=5_000, max_sample_rows=100_000)

    assert sampling_shares(settings, rows, positives) == Shares(*shares)


def test_small_logs_are_drawn_whole_with_weight_1(open_logs):
    engine, table = open_logs(
        {"click": [1, 0, 0], "site": ["a", "b", "a"], "paid": [0.5, -1.0, 2.0]}, cost_column="paid"
    )
    drawn = draw_sample(engine, table, ["site"], profile(engine, table))

    assert drawn.shares.others == 1.0
    assert sorted(drawn.sample.exposure) == [1, 1, 1]
    assert drawn.sample.outcome.sum() == 1
    assert sorted(drawn.sample.spend) == [0, 0.5, 2.0]  # a negative cost weighs nothing


def test_without_a_cost_bids_are_normalised_on_exposures(open_logs):
    engine, table = open_logs({"click": [1, 0], "imps": [5, 7]}, exposure_column="imps")

    assert sorted(draw_sample(engine, table, [], profile(engine, table)).sample.spend) == [5, 7]


def test_a_case_control_sample_has_every_positive_and_weighs_the_others_back(open_logs):
    logs = table_of()
    engine, table = open_logs({"part-0.parquet": logs}, **CASE_CONTROL)
    log_profile = profile(engine, table)
    drawn = draw_sample(engine, table, ["site", "noise"], profile(engine, table))
    sample = drawn.sample

    assert 0.08 < drawn.shares.others < 0.12
    assert sample.outcome.sum() == log_profile.totals.outcome == logs["click"].to_numpy().sum()
    assert len(sample.outcome) == pytest.approx(6 * log_profile.positive_rows, rel=0.05)
    assert sample.exposure.sum() == pytest.approx(log_profile.totals.exposure, rel=0.03)
    assert sample.spend.sum() == pytest.approx(log_profile.totals.cost, rel=0.04)
    assert set(sample.exposure[sample.outcome > 0]) == {1.0}
    assert set(sample.exposure[sample.outcome == 0]) == {1 / drawn.shares.others}
    for n, value in enumerate(sample.features["site"].values):
        exact = int((np.asarray(logs["site"]) == value).sum())
        error = np.sqrt(
            exact * (1 - drawn.shares.others) / drawn.shares.others
        )  # of a count of rows drawn independently
        assert sample.exposure[sample.features["site"].codes == n].sum() == pytest.approx(exact, abs=4 * error)


def test_the_sample_selects_what_all_rows_select(open_logs):
    whole = CASE_CONTROL | {"full_sample_rows": ROWS}
    chosen = []
    for config in (CASE_CONTROL, whole):
        engine, table = open_logs({"part-0.parquet": table_of()}, **config)
        choice = choose_features(engine, table, profile(engine, table))
        chosen.append(([f.name for f in choice.selection.chosen], [r.name for r in choice.selection.rejected]))

    assert chosen == [(["site"], ["noise"])] * 2


def drawn_from(opened, features):
    engine, table = opened
    return draw_sample(engine, table, features, profile(engine, table))


def same(one, other):
    arrays = ("exposure", "outcome", "spend", "fold")
    assert all(np.array_equal(getattr(one.sample, a), getattr(other.sample, a)) for a in arrays)
    assert np.array_equal(one.holdout, other.holdout)
    assert (one.duplicates, one.sample.unit) == (other.duplicates, other.sample.unit)
    for name, feature in one.sample.features.items():
        assert other.sample.features[name].values == feature.values
        assert np.array_equal(other.sample.features[name].codes, feature.codes)


@pytest.mark.parametrize("ids", [None, 500], ids=["unique ids", "ids that repeat"])
def test_the_sample_is_the_same_whatever_the_files_their_rows_order_and_the_threads(open_logs, ids):
    logs = table_of(20_000, ids=ids)
    shuffled = logs.take(np.random.default_rng(1).permutation(20_000))
    layouts = [
        ({"a/1.parquet": logs}, 1),
        ({"b/1.parquet": shuffled}, 2),
        ({f"c/{n}.parquet": shuffled.slice(n * 2_500, 2_500) for n in (3, 1, 7, 0, 2, 6, 5, 4)}, 4),
    ]
    drawn = []
    for files, threads in layouts:
        engine, table = open_logs(files, threads=threads, **CASE_CONTROL)
        drawn.append(draw_sample(engine, table, ["site", "noise"], profile(engine, table)))

    same(drawn[0], drawn[1])
    same(drawn[0], drawn[2])


def test_rows_are_parted_by_day_when_there_are_four_and_the_last_is_held_out(open_logs):
    days = [datetime(2026, 3, day, 12, tzinfo=UTC) for day in (6, 7, 8, 9)] * 10
    config = {"timestamp_column": "t"}
    four = drawn_from(open_logs({"t": days, "click": [1, 0] * 20}, **config), ["t"])
    three = drawn_from(open_logs({"t": [*days[:3]] * 9, "click": [1] * 27}, **config), ["t"])

    assert four.by_day
    assert four.holdout.sum() == 10
    assert len({*zip(four.sample.features["t"].codes, four.sample.fold, strict=True)}) == 4
    assert set(four.sample.fold[four.holdout]) == {3}
    assert not three.by_day


def test_every_value_has_a_code_of_its_own_and_what_is_not_published_adds_up_as_other(open_logs):
    site = ["big"] * 50 + ["middle"] * 30 + ["small"] * 3 + [f"rare{n}" for n in range(17)]
    click = [int(n % 10 == 0) for n in range(100)]
    engine, table = open_logs({"site": site, "click": click})
    feature = draw_sample(engine, table, ["site"], profile(engine, table)).sample.features["site"]
    counts = counted(engine, table, ["site"], ["big", "middle", "small", "never"])

    assert feature.values == tuple(sorted(set(site)))
    assert {value: c.rows for value, c in counts.items()} == {"big": 50, "middle": 30, "small": 3, OTHER: 17}
    assert sum(c.outcome for c in counts.values()) == 10
    assert dict(zip(feature.values, np.bincount(feature.codes), strict=True))["big"] == 50


def test_raw_forms_of_one_value_add_up_before_any_rate_is_taken(open_logs):
    site = ["Drugs.com", "drugs.com.", " DRUGS.COM ", "other.org", None, "NULL", "", "[ADX_DOMAIN]", "%5BADX_DOMAIN%5D"]
    engine, table = open_logs(
        {"domain": site, "click": [1, 0, 1, 0, 1, 0, 0, 1, 1], "paid": [0.1] * 9}, cost_column="paid"
    )
    values = draw_sample(engine, table, ["domain"], profile(engine, table)).sample.features["domain"].values
    counts = counted(engine, table, ["domain"], values)

    assert values == (MISSING, UNEXPANDED, "drugs.com", "other.org")
    assert {v: (c.rows, c.outcome) for v, c in counts.items()} == {
        "drugs.com": (3, 2),
        "other.org": (1, 0),
        MISSING: (3, 1),
        UNEXPANDED: (2, 2),
    }
    assert counts["drugs.com"].cost == pytest.approx(0.3)


@pytest.mark.parametrize(
    ("column", "values"),
    [
        (pa.array([1, 2, None]), {"1", "2", MISSING}),
        (pa.array([1.0, 2.5, float("nan")]), {"1", "2.5", MISSING}),
        (pa.array([True, False, None]), {"true", "false", MISSING}),
        (pa.array([b"a", b"\xc3\xa9", None]), {"a", "é", MISSING}),
        (pa.array(["x", "y", "x"]).dictionary_encode(), {"x", "y"}),
        (pa.nulls(3), {MISSING}),
        (pa.array([-100, 100, 0], pa.int8()), {"-100", "100", "0"}),
        (pa.array([2**63 + 5, 2**63 + 7, 2**63 + 6], pa.uint64()), {str(2**63 + n) for n in (5, 6, 7)}),
    ],
    ids=lambda v: str(getattr(v, "type", "")) or None,
)
def test_a_feature_of_any_type_becomes_text(open_logs, column, values):
    engine, table = open_logs({"x": column, "click": [1, 0, 1]})

    assert set(draw_sample(engine, table, ["x"], profile(engine, table)).sample.features["x"].values) == values
    assert set(counted(engine, table, ["x"], tuple(values))) == values


def test_an_empty_column_has_no_values():
    assert encode(pa.chunked_array([pa.array([], pa.string())]), "x", v3_settings()).values == ()


def test_statistics_are_of_all_rows_not_of_the_sample(open_logs):
    logs = table_of()
    engine, table = open_logs({"part-0.parquet": logs}, **CASE_CONTROL)
    counts = counted(engine, table, ["site"], [f"s{n}" for n in range(10)])

    site, click, paid = (np.asarray(logs[name]) for name in ("site", "click", "paid"))
    for value, statistics in counts.items():
        of_value = site == value
        assert (statistics.rows, statistics.exposure) == (of_value.sum(), of_value.sum())
        assert statistics.outcome == click[of_value].sum()
        assert statistics.cost == pytest.approx(paid[of_value].sum(), abs=1e-9)


def test_candidates_that_are_denied_or_not_in_the_logs_are_rejected_by_name():
    settings = v3_settings(candidate_features="site, user_id, gone, anchor", anchor_features="anchor")
    rejected, names = admissible(settings, ["site", "user_id", "anchor", "click"])

    assert {(r.name, r.reason) for r in rejected} == {("user_id", "denylisted"), ("gone", "absent")}
    assert names == ["anchor", "site"]


def gain_of(choice, table):
    return evaluate(
        choice.drawn.sample, choice.drawn.holdout, choice.selection, choice.link, table.settings.table_rules
    ).gain


def test_an_absent_candidate_is_rejected_and_the_others_are_still_looked_at(open_logs):
    config = CASE_CONTROL | {"candidate_features": "gone, site, noise, auction"}
    engine, table = open_logs({"part-0.parquet": table_of(6_000)}, **config, min_signal_score=0.0, min_z=2)
    choice = choose_features(engine, table, profile(engine, table))

    reasons = {r.name: r.reason.value for r in choice.selection.rejected}
    assert [f.name for f in choice.selection.chosen] == ["site"]
    assert reasons["gone"] == "absent"
    assert set(reasons) == {"gone", "noise", "auction"}
    assert gain_of(choice, table) > 0


def test_what_would_add_to_the_table_but_has_no_values_that_rows_share_is_scored_and_said(open_logs):
    """A price of its own in each row, and a deal that one row of fifty has: both tell the outcome."""
    draw = np.random.default_rng(3)
    n = 20_000
    price, has_deal = draw.gamma(2, 1, n), draw.random(n) < 0.02
    click = draw.random(n) < 0.02 + 0.1 * (price > 3) + 0.5 * has_deal
    columns = {
        "t": [datetime(2026, 3, 6 + k % 4, k % 24, tzinfo=UTC) for k in range(n)],
        "click": click.astype(int).tolist(),
        "floor": price.tolist(),
        "request": draw.random(n).tolist(),
        "deal": np.where(has_deal, "deal-1", None).tolist(),
    }
    engine, table = open_logs(columns, timestamp_column="t", candidate_features="floor,request,deal")
    choice = choose_features(engine, table, profile(engine, table))

    rejected = {r.name: (r.reason.value, r.signal_score is not None) for r in choice.selection.rejected}
    assert rejected == {
        "deal": ("mostly_missing", True),
        "floor": ("near_unique", False),
        "request": ("near_unique", False),
    }
    assert [(w.code, w.message.split()[0]) for w in choice.warnings] == [
        ("missing_left_out", "deal"),
        ("numbers_unbanded", "floor"),
    ]
    assert set(choice.drawn.sample.features) == {"deal"}


@pytest.mark.parametrize(("answer", "interactions"), [("", []), ("served", []), ("served,seen", [("served", "seen")])])
def test_an_interaction_that_leaks_the_outcome_is_left_out_unless_all_of_its_columns_are_allowed(
    open_logs, answer, interactions
):
    """Two columns say a little alone; together, where they agree, the outcome is certain."""
    draw = np.random.default_rng(3)
    n = 30_000
    served = draw.integers(0, 4, n)
    click = draw.random(n) < np.array([0.1, 0.15, 0.2, 0.3])[served]
    seen = np.where(click & (draw.random(n) < 0.5), served, (served + draw.integers(1, 4, n)) % 4)
    columns = {
        "t": [datetime(2026, 3, 6 + k % 4, k % 24, tzinfo=UTC) for k in range(n)],
        "click": click.astype(int).tolist(),
        "served": served.tolist(),
        "seen": seen.tolist(),
    }
    engine, table = open_logs(
        columns, timestamp_column="t", candidate_features="served,seen", allowed_leaks=answer, min_signal_score=0.0
    )
    choice = choose_features(engine, table, profile(engine, table))
    suspected = [each.name for each in choice.selection.rejected if each.reason.value == "leak_suspected"]
    warnings = [warning.message for warning in leak_warnings(suspected_leaks(choice))]

    assert sorted(feature.name for feature in choice.selection.chosen) == ["seen", "served"]
    assert [tuple(sorted(each.features, reverse=True)) for each in choice.selection.interactions] == interactions
    assert len(suspected) == len(warnings) == (0 if interactions else 1)
    if suspected:
        assert "whose values together are such as" in warnings[0]
        assert warnings[0].endswith(
            "if bidders know them before the auction, add them to allowed_leaks; else one of them to denied_features"
        )


def test_anchors_and_no_outcome_at_all_is_a_choice_without_gain_and_no_crash(open_logs):
    days = [datetime(2026, 3, 6 + n % 4, tzinfo=UTC) for n in range(40)]
    on_the_last_day_only = [int(day.day == 9) for day in days]
    for click in ([0] * 40, on_the_last_day_only):
        engine, table = open_logs(
            {"t": days, "site": ["a", "b"] * 20, "click": click}, timestamp_column="t", anchor_features="site"
        )
        choice = choose_features(engine, table, profile(engine, table))

        assert [f.name for f in choice.selection.chosen] == ["site"]
        assert gain_of(choice, table) == 0.0


def test_a_window_is_counted_alike_in_one_piece_and_day_by_day(open_logs):
    days = [datetime(2026, 3, 6 + n % 4, n % 24, tzinfo=UTC) for n in range(400)]
    columns = {"t": days, "click": [n % 7 == 0 for n in range(400)], "paid": [n / 1000 for n in range(400)]}
    config = {"timestamp_column": "t", "cost_column": "paid"}
    whole = profile(*open_logs(columns, **config))
    parts = [
        profile(
            *open_logs(
                columns, Window(datetime(2026, 3, d, tzinfo=UTC), datetime(2026, 3, d + 1, tzinfo=UTC)), **config
            )
        )
        for d in (6, 7, 8, 9)
    ]

    assert [sum(p.totals.rows for p in parts), sum(p.totals.outcome for p in parts)] == [400, whole.totals.outcome]
    assert sum(p.totals.cost for p in parts) == pytest.approx(whole.totals.cost, rel=1e-12)
