"""A table without its redundant rows answers as the table with them, to within the dead band."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from master_table import master_table
from planted_samples import sample_of
from rtb_optimizer.core.model.fit import fit
from rtb_optimizer.core.model.link import Link
from rtb_optimizer.core.sample.counts import Counts
from rtb_optimizer.core.sample.crossing import with_interactions
from rtb_optimizer.core.sample.values import MISSING, UNEXPANDED, segment_key
from rtb_optimizer.core.table.bidding import BidRules
from rtb_optimizer.core.table.lookup import Row, look_up
from rtb_optimizer.core.table.rows import SegmentRules, most_informative_codes, restrict_to_rows

pytestmark = pytest.mark.timeout(3_600)  # nightly, each takes minutes
BIDS = BidRules(0.01, 100.0, 0.8)
VALUES = ("a", "b", "a|b", "*", "\\", "", MISSING, UNEXPANDED)
NO_COUNTS = Counts(1, 1.0, 1.0, 0.0, 0.0)

cells = st.tuples(st.sampled_from(VALUES), st.sampled_from(VALUES[:4]), st.integers(1, 40), st.integers(0, 4))


@st.composite
def fitted(draw):
    """Return a sample of a few cells, two features and their interaction, and the model fitted on it."""
    rows = draw(st.lists(cells, min_size=1, max_size=12))
    exposure = np.array([float(n) for _, _, n, _ in rows])
    outcome = np.array([float(min(k, n)) for _, _, n, k in rows])
    outcome[0] = max(outcome[0], 0.5)  # a sample without an outcome has no model
    sample = sample_of(outcome, exposure=exposure, site=[r[0] for r in rows], device=[r[1] for r in rows])
    names = ["site", "device"]
    if draw(st.booleans()):
        sample, names = with_interactions(sample, [("site", "device")]), [*names, "site|device"]
    priors = {name: draw(st.sampled_from([0.5, 4.0, 64.0])) for name in names}
    return sample, fit(sample, priors, draw(st.sampled_from(list(Link))))


def table_of(sample, model, max_segments, dead_band):
    rules = SegmentRules(max_segments, dead_band, BIDS)
    segments = master_table(model, sample, {name: {} for name in model.factors}, NO_COUNTS, rules)
    return [Row(segment_key(s.pattern), s.factor, s.multiplier) for s in segments]


def answers(table, sample):
    """Return what a bidder reads of the table for each row of the sample; the default row's level aside."""
    names = ["site", "device"]
    requests = zip(*([sample.features[n].values[c] for c in sample.features[n].codes] for n in names), strict=True)
    lookups = [look_up(table, names, dict(zip(names, request, strict=True)), 0.0, np.inf) for request in requests]
    return np.array([a.rate for a in lookups]), np.array([a.unclipped / table[0].multiplier for a in lookups])


@given(made=fitted(), dead_band=st.floats(0.0, 0.9))
def test_a_look_up_before_and_after_pruning_answers_within_the_dead_band(made, dead_band):
    sample, model = made
    whole, pruned = (answers(table_of(sample, model, 10_000, band), sample) for band in (0.0, dead_band))
    terms = len(model.factors)

    for before, after in zip(whole, pruned, strict=True):
        assert np.all(before / after <= (1 + dead_band) ** terms * (1 + 1e-9))
        assert np.all(before / after >= (1 - dead_band) ** terms * (1 - 1e-9))


@given(made=fitted(), max_segments=st.integers(1, 12), dead_band=st.floats(0.0, 0.9))
def test_a_limit_on_rows_drops_the_least_informative_and_changes_no_row_that_stays(made, max_segments, dead_band):
    sample, model = made
    everything = {row.segment: row for row in table_of(sample, model, 10_000, dead_band)}
    table = table_of(sample, model, max_segments, dead_band)
    default, *rows = table

    assert default.segment == "*|*"
    assert len(table) == min(max_segments, len(everything)) == len({row.segment for row in table})
    assert all(everything[row.segment] == row for row in rows)


@given(made=fitted(), max_segments=st.integers(1, 12), dead_band=st.floats(0.0, 0.9))
def test_the_table_answers_what_the_published_model_predicts(made, max_segments, dead_band):
    sample, model = made
    codes = most_informative_codes(model, sample, SegmentRules(max_segments, dead_band, BIDS))
    strengths, _ = answers(table_of(sample, model, max_segments, dead_band), sample)

    assert strengths == pytest.approx(restrict_to_rows(model, codes).strengths(sample) / model.base)


@given(made=fitted())
def test_a_factor_lies_in_its_interval_and_is_acted_on_no_further_than_it_goes(made):
    sample, model = made
    segments = master_table(
        model, sample, {name: {} for name in model.factors}, NO_COUNTS, SegmentRules(10_000, 0, BIDS)
    )

    for segment in segments[1:]:
        assert 0 <= segment.factor_low <= segment.factor <= segment.factor_high
        assert min(segment.factor, 1) <= segment.multiplier * (1 + 1e-9)
        assert segment.multiplier <= max(segment.factor, 1) * (1 + 1e-9)


@given(made=fitted(), dead_band=st.floats(0.0, 0.9))
def test_what_is_no_value_never_has_a_row(made, dead_band):
    sample, model = made

    for row in table_of(sample, model, 10_000, dead_band):
        assert UNEXPANDED not in row.pattern
