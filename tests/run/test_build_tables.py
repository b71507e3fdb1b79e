"""The tables of a run agree: what a joint key is bid is what the rows of the master table bid together."""

import numpy as np
import pytest

from master_table import master_table, rows_of
from planted_samples import planted
from rtb_optimizer.core.model.fit import fit
from rtb_optimizer.core.sample.counts import Counts
from rtb_optimizer.run.build_tables import Fitted, joint_table, predictions_of
from v3_settings import v3_settings

SETTINGS = v3_settings(joint_min_exposures=50, min_segment_exposures=0)


@pytest.mark.parametrize("previous", [None, {}], ids=["a first run", "held back by a run of flat bids"])
def test_a_joint_key_is_bid_what_the_published_rows_bid(previous):
    sample, rules = planted(), SETTINGS.segment_rules
    model = fit(sample, {"site": 4.0})
    segments = master_table(model, sample, {"site": {}}, Counts(20_000, 20_000, 1_000, 0, 0), rules, previous)
    level, by_site = segments[0].multiplier, {s.pattern[0]: s.multiplier for s in segments[1:]}
    fitted = Fitted(model, sample, rows_of(model, sample, {"site": {}}, rules, previous))
    joint = joint_table(predictions_of(fitted, level, ["site"], SETTINGS), SETTINGS)
    joint_bids = dict(zip((key for (key,) in joint.prefixes(1)), joint.by_depth[0].multiplier, strict=True))

    assert len(joint_bids) > 4
    for site, multiplier in joint_bids.items():
        assert multiplier == pytest.approx(np.clip(level * by_site.get(site, 1.0), 0.3, 3.0))
    assert (max(by_site.values()) > 1.5) is (previous is None)
