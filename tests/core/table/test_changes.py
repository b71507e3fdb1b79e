"""Each cause moves its own part and no other, and the parts always add up to what happened."""

from dataclasses import replace
from math import log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtb_optimizer.core.sample.values import segment_key
from rtb_optimizer.core.table.bidding import BidRules
from rtb_optimizer.core.table.causes import Columns, rule_multiplier
from rtb_optimizer.core.table.changes import Kind, changes, mean_change, rank_correlation
from rtb_optimizer.core.table.published_table import PublishedRow, PublishedTable, Scale, read_table
from rtb_optimizer.core.table.rows import SegmentRules

RULES = SegmentRules(max_segments=1_000, dead_band=0.02, bids=BidRules(0.3, 3.0, 0.8))
FEATURES = ("adspace", "device", "size")
CAUSES = ("data", "model", "config", "normaliser")
ALONE = frozenset(frozenset([name]) for name in FEATURES)


def bid(outcome, expected, prior, rules, *, significant=True):
    counts = Columns(*(np.array([value]) for value in (0.0, outcome, expected, prior, 1.0, 1.0)), significant)
    return float(rule_multiplier(counts, counts.expected, counts, rules, Scale())[0])


def row(outcome=400.0, expected=200.0, prior=4.0, exposure=10_000.0, rules=RULES, *, is_significant=True, **values):
    """Build a row as its run would have; its values by feature are device=mobile by default."""
    values = values or {"device": "mobile"}
    key = segment_key([values.get(name) for name in FEATURES])
    multiplier = bid(outcome, expected, prior, rules, significant=is_significant)
    return PublishedRow(key, frozenset(values.items()), exposure, outcome, expected, prior, multiplier, is_significant)


def table(*rows, level=0.9, rules=RULES, terms=ALONE, features=FEATURES):
    return PublishedTable(features, terms, {r.pattern: r for r in rows}, level, rules)


def parts(change):
    return {cause: getattr(change, cause) for cause in CAUSES}


def only(change):
    """Return the causes that did anything."""
    return {cause for cause, part in parts(change).items() if abs(part) > 1e-12}


TIGHT = replace(RULES, bids=BidRules(0.3, 1.5, 0.8))
SURE = replace(RULES, bids=BidRules(0.3, 3.0, 0.99))
BANDED = replace(RULES, dead_band=0.5)
FULL = replace(RULES, max_segments=2)
LOUD = row(outcome=9_000.0, expected=4_000.0, adspace="1")
PAIR = {"device": "mobile", "size": "300x250"}
PAIRED = ALONE | {frozenset(PAIR)}


@pytest.mark.parametrize(
    ("after", "causes"),
    [
        (table(row()), set()),
        (table(row(outcome=500.0)), {"data"}),
        (table(row(outcome=800.0, expected=400.0, exposure=20_000.0)), {"data"}),
        (table(row(expected=250.0)), {"model"}),
        (table(row(prior=64.0)), {"model"}),
        (table(row(outcome=500.0, expected=250.0)), {"data", "model"}),
        (table(row(rules=TIGHT), rules=TIGHT), {"config"}),
        (table(row(rules=SURE), rules=SURE), {"config"}),
        (table(replace(row(), multiplier=1.4)), {"data"}),
        (table(replace(row(outcome=500.0), multiplier=1.01 * row().multiplier)), {"data"}),
        (table(replace(row(expected=100.0), multiplier=1.01 * row().multiplier)), {"model"}),
        (table(row(), level=0.8), {"normaliser"}),
        (table(row(outcome=500.0, prior=8.0, rules=SURE), level=1.1, rules=SURE), set(CAUSES)),
    ],
    ids=[
        *("nothing", "outcomes", "more of the same: surer", "expectation", "prior", "counts as expected otherwise"),
        *("bounds", "confidence", "a move that was held back before", "data held back", "model held back"),
        *("level", "all at once"),
    ],
)
def test_a_move_is_attributed_to_its_causes(after, causes):
    before = table(row())
    (change,) = changes(before, after)

    assert only(change) == causes
    assert change.whole == pytest.approx(log(change.after / change.before), abs=1e-12)
    assert change.before == before.base_multiplier * row().multiplier


def test_a_feature_that_became_significant_moves_its_rows_by_their_data():
    bold = replace(RULES, bids=BidRules(0.3, 3.0, 0.0))
    uncertain, certain = row(is_significant=False, rules=bold), row(rules=bold)
    (change,) = changes(table(uncertain, rules=bold), table(certain, rules=bold))

    assert (uncertain.multiplier, certain.multiplier) == (row().multiplier, 404 / 204)
    assert only(change) == {"data"}
    assert change.data == pytest.approx(log(certain.multiplier / uncertain.multiplier))


def test_the_data_s_part_is_what_the_old_model_and_rules_make_of_the_new_counts():
    new = row(outcome=900.0, expected=700.0, prior=16.0, exposure=20_000.0, rules=SURE)
    (change,) = changes(table(row()), table(new, rules=SURE))

    counted = bid(900.0, 2 * 200.0, 4.0, RULES)
    modelled = bid(900.0, 700.0, 16.0, RULES)
    assert change.data == pytest.approx(log(counted / row().multiplier))
    assert change.model == pytest.approx(log(modelled / counted))
    assert change.config == pytest.approx(log(new.multiplier / modelled))


@pytest.mark.parametrize("exposures", [(0.0, 10_000.0), (10_000.0, 0.0), (0.0, 0.0)])
def test_a_row_without_exposures_breaks_nothing(exposures):
    old, new = row(exposure=exposures[0]), row(outcome=500.0, exposure=exposures[1])
    (change,) = changes(table(old), table(new))

    assert change.whole == pytest.approx(log(change.after / change.before))


@pytest.mark.parametrize(
    ("other", "mine", "causes"),
    [
        (table(), table(row()), {"data"}),
        (table(terms=frozenset([frozenset(["size"])])), table(row()), {"model"}),
        (table(), table(row(**PAIR), terms=PAIRED), {"model"}),
        (table(terms=PAIRED), table(row(**PAIR), terms=PAIRED), {"data"}),
        (table(rules=BANDED), table(row(outcome=280.0)), {"config"}),
        (table(rules=TIGHT), table(row()), {"data", "config"}),
        (table(LOUD, rules=FULL), table(LOUD, row()), {"config"}),
        (table(replace(LOUD, outcome=4_100.0), rules=FULL), table(LOUD, row()), {"data"}),
    ],
    ids=[
        *("a value that was not there", "a feature that was not there", "an interaction that was not there"),
        *("a cell that was not there", "within the other's dead band", "bounded there", "no room there", "room there"),
    ],
)
def test_a_row_that_appears_or_vanishes_is_attributed_from_1_to_its_causes(other, mine, causes):
    key = next(r.segment for pattern, r in mine.rows.items() if pattern not in other.rows)
    appeared, vanished = ({c.segment: c for c in changes(*pair)}[key] for pair in ((other, mine), (mine, other)))

    assert (appeared.kind, vanished.kind) == (Kind.APPEARED, Kind.VANISHED)
    assert (appeared.before, vanished.after) == (0.9, 0.9)
    assert only(appeared) == only(vanished) == causes
    assert parts(vanished) == pytest.approx({cause: -part for cause, part in parts(appeared).items()})
    assert appeared.whole == pytest.approx(log(appeared.after / appeared.before))


def test_rows_are_matched_when_features_change_places():
    columns = {"exposures": 10_000.0, "outcomes": 400.0, "expected": 200.0, "prior": None, "multiplier": 1.8}
    default = {**columns, "multiplier": 0.9, "is_default": True}
    priors = dict.fromkeys(PAIRED, 4.0)
    before, after = (
        read_table([default | {"segment": "*|*|*"}, *rows], features, priors, RULES)
        for rows, features in (
            ([columns | {"segment": s, "is_default": False} for s in ("a\\|b|*|*", "*|mobile|300x250")], FEATURES),
            (
                [columns | {"segment": s, "is_default": False} for s in ("*|*|a\\|b", "300x250|mobile|*")],
                FEATURES[::-1],
            ),
        )
    )
    result = changes(before, after)

    assert [(c.segment, c.kind, only(c)) for c in result] == [
        ("*|*|a\\|b", Kind.STAYED, set()),
        ("300x250|mobile|*", Kind.STAYED, set()),
    ]
    assert result[0].given == {"adspace": "a|b"}
    assert result[1].given == PAIR


def test_a_row_s_own_prior_goes_before_that_of_its_feature():
    basic = {"segment": "x", "exposures": 1.0, "outcomes": 1.0, "expected": 1.0, "multiplier": 1.0, "is_default": False}
    read = {
        prior: read_table([basic | columns], ["size"], {frozenset(["size"]): 4.0}, RULES)
        for prior, columns in ((4.0, {}), (7.0, {"prior": 7.0}))
    }

    assert {prior: [r.prior for r in published.rows.values()] for prior, published in read.items()} == {
        4.0: [4.0],
        7.0: [7.0],
    }


def test_a_table_without_features_is_its_default_row():
    (only_default,) = ({"segment": "", "multiplier": 0.7, "is_default": True},)
    empty = read_table([only_default], [], {}, RULES)

    assert (empty.base_multiplier, empty.rows) == (0.7, {})
    assert changes(empty, empty) == []
    assert mean_change([]) == 0.0
    assert rank_correlation(empty, empty) is None


def test_a_large_move_on_nothing_comes_after_a_small_one_on_much():
    nothing = row(outcome=900.0, exposure=10.0, device="mobile"), row(outcome=100.0, exposure=10.0, device="mobile")
    much = row(exposure=1e6, device="desktop"), row(outcome=440.0, exposure=1e6, device="desktop")
    result = changes(table(nothing[0], much[0]), table(nothing[1], much[1]))

    assert [change.given["device"] for change in result] == ["desktop", "mobile"]
    assert abs(result[0].whole) < abs(result[1].whole)
    assert mean_change(result) == pytest.approx(
        (1e6 * abs(result[0].whole) + 10 * abs(result[1].whole)) / 1_000_010, rel=1e-12
    )


@pytest.mark.parametrize(
    ("before", "after", "correlation"),
    [
        ([0.5, 1.0, 2.0], [0.6, 0.7, 2.9], 1.0),
        ([0.5, 1.0, 2.0], [3.0, 2.0, 1.0], -1.0),
        ([0.5, 1.0, 1.0, 2.0], [0.5, 2.0, 1.0, 3.0], 9 / 90**0.5),
        ([1.0, 1.0], [0.5, 2.0], None),
        ([1.0], [2.0], None),
    ],
)
def test_rows_in_both_are_compared_by_rank_ties_sharing_theirs(before, after, correlation):
    one, other = (
        table(*(replace(row(device=str(n)), multiplier=m) for n, m in enumerate(ms))) for ms in (before, after)
    )
    lost = replace(one, rows={**one.rows, **table(row(size="lost")).rows})

    actual = rank_correlation(lost, other)
    assert actual == (None if correlation is None else pytest.approx(correlation))


positive = st.floats(0.01, 1e5)
rules = st.builds(
    lambda low, high, confidence, band, most: SegmentRules(most, band, BidRules(low, high, confidence)),
    *(st.floats(0.01, 1), st.floats(1, 100), st.floats(0.5, 0.999), st.floats(0, 0.5), st.integers(1, 5)),
)


@st.composite
def tables(draw):
    its, order = draw(rules), draw(st.permutations(FEATURES))
    made = []
    for device, size in draw(st.sets(st.tuples(st.sampled_from([None, "a", "b"]), st.sampled_from("xy")), max_size=4)):
        counts = draw(st.floats(0, 1e4)), draw(positive), draw(st.sampled_from([1.0, 8.0, 512.0]))
        pattern = {name: value for name, value in (("device", device), ("size", size)) if value}
        limited = draw(st.floats(0.8, 1.2))  # as a limit on movement might
        whole = row(*counts, exposure=float(draw(st.integers(0, 1_000_000))), rules=its, **pattern)
        made.append(replace(whole, multiplier=whole.multiplier * limited))
    terms = ALONE | draw(st.sampled_from([frozenset(), PAIRED]))
    return table(*made, level=draw(st.floats(0.1, 10)), rules=its, terms=terms, features=tuple(order))


@given(before=tables(), after=tables())
def test_the_causes_of_every_row_add_up_to_its_whole_change(before, after):
    result = changes(before, after)

    assert {frozenset(change.given.items()) for change in result} == before.rows.keys() | after.rows.keys()
    for change in result:
        assert change.whole == pytest.approx(log(change.after / change.before), abs=1e-9)
        assert change.normaliser == pytest.approx(log(after.base_multiplier / before.base_multiplier))


@given(same=tables())
def test_a_table_is_no_change_of_itself(same):
    result = changes(same, same)

    assert {change.kind for change in result} <= {Kind.STAYED}
    assert all(only(change) == set() for change in result)
