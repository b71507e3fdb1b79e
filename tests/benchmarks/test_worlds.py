"""The benchmark's worlds are reproducible from a seed, with the truth planted where it is documented."""

import sys

import numpy as np
import pyarrow.dataset as ds
import pytest

from checkout import CHECKOUT
from v3_settings import v3_settings

ROWS = 48_000


@pytest.fixture(scope="module")
def scripts():
    """Make the benchmark's scripts importable, as they are to each other, for these tests alone."""
    before = set(sys.modules)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(CHECKOUT / "benchmarks"))
        import auction_logs
        import columns
        import detectable
        import worlds

        yield {"logs": auction_logs, "columns": columns, "detectable": detectable, "worlds": worlds}
    for name in set(sys.modules) - before & {"auction_logs", "columns", "detectable", "worlds"}:
        del sys.modules[name]


@pytest.fixture(scope="module", params=[False, True], ids=["multiplicative", "interacting"])
def planted(scripts, request):
    return scripts["worlds"].world(11, interacting=request.param)


@pytest.fixture(scope="module")
def codes(scripts, planted):
    draw = np.random.default_rng(3)
    return scripts["worlds"].draw_codes(planted, 2, np.sort(draw.random(120_000)), draw)


@pytest.fixture(scope="module")
def written(scripts, planted, tmp_path_factory):
    return scripts["logs"].write_logs(planted, ROWS, tmp_path_factory.mktemp("world"))


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(scripts, tmp_path):
    of = [
        scripts["logs"].write_logs(scripts["worlds"].world(seed, interacting=True), 8_000, tmp_path / name)
        for name, seed in {"one": 5, "again": 5, "other": 6}.items()
    ]
    one, again, other = ([file.read_bytes() for file in files] for files in of)

    assert one == again
    assert one[0] != other[0]


def test_eight_days_of_22_candidates_have_three_outcomes_in_a_thousand_rows(scripts, written):
    logs = ds.dataset(written).to_table()
    true = logs["p_true"].to_numpy()

    assert len(written) == 8
    assert logs.num_rows == ROWS
    assert set(scripts["columns"].CANDIDATES) < set(logs.column_names)
    assert len(scripts["columns"].CANDIDATES) == 22
    assert true.mean() == pytest.approx(0.003, rel=0.05)
    assert logs["click"].to_numpy().sum() == pytest.approx(true.sum(), abs=4 * np.sqrt(true.sum()))


def test_the_true_probabilities_are_worth_about_a_tenth_of_the_log_loss(written):
    """The floor of log-loss is the entropy of the hidden probabilities; what is above it can be learnt."""
    true = ds.dataset(written).to_table()["p_true"].to_numpy()

    assert 0.06 < 1 - entropy(true).mean() / entropy(true.mean()) < 0.16


def test_a_column_that_follows_a_planted_one_adds_nothing_to_it_and_noise_explains_nothing(scripts, planted, codes):
    odds = planted.log_odds(codes)
    share_explained = {name: explained(column, odds) for name, column in codes.items()}

    assert share_explained["domain"] > 0.5 * share_explained["internal_adspace_id"], "it looks good alone"
    adspace, size = codes["internal_adspace_id"], scripts["columns"].VALUES["domain"]
    both = explained(np.unique(adspace * size + codes["domain"], return_inverse=True)[1], odds)
    assert both == pytest.approx(share_explained["internal_adspace_id"], abs=0.02)
    assert max(share_explained[name] for name in scripts["columns"].NOISE) < 0.005
    assert min(share_explained[name] for name in ("user_segment", "creative", "country", "page_position")) > 0.015


def test_the_second_world_has_about_half_of_its_signal_in_interactions(codes, planted):
    alone = planted.log_odds(codes, terms=range(1, 2)).var()
    together = planted.log_odds(codes, terms=range(2, 4)).var()
    share = together / (alone + together)
    interacting = len(planted.interactions) > 1

    assert (0.4 < share < 0.7) if interacting else (share < 0.3)
    assert max(map(len, planted.interactions)) == (3 if interacting else 2)


def entropy(chance):
    return -(chance * np.log(chance) + (1 - chance) * np.log1p(-chance))


def explained(codes, odds):
    """Return the share of the variance that the means by code explain, corrected for the number of codes."""
    _, codes = np.unique(codes, return_inverse=True)
    rows = np.bincount(codes)
    within = (odds**2).sum() - (np.bincount(codes, odds) ** 2 / rows).sum()
    return 1 - within / (len(odds) - len(rows)) / odds.var()


def test_the_more_outcomes_the_more_columns_should_be_found_and_never_one_without_an_effect(scripts):
    planted = scripts["worlds"].world(12, interacting=False)
    should_find, rules = scripts["detectable"].detectable, v3_settings().selection_rules
    few, more, many = (should_find(planted, outcomes, rules) for outcomes in (500, 5_000, 50_000))

    assert few < more < many
    assert "weekday" not in many  # one value a day, and a twentieth of the largest effect
    planted.effects["internal_adspace_id",][:] = 0.0
    assert "internal_adspace_id" not in should_find(planted, 50_000, rules)
