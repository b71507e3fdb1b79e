"""The peers learn what is planted, do so the same way twice, and what they see is encoded without leaks."""

import numpy as np
import pytest

ROWS, DAYS = 12_000, 6


@pytest.fixture(scope="module")
def encoded(script):
    return script("encoded")


@pytest.fixture(scope="module")
def planted(encoded):
    """Two columns that double or halve a rate of 0.05, one of noise, over six days of training and a hold-out."""
    draw = np.random.default_rng(2)
    codes = {name: draw.integers(0, 8, ROWS).astype(np.int32) for name in ("site", "size", "noise")}
    rate = 0.05 * np.where(codes["site"] < 4, 2.0, 0.5) * np.where(codes["size"] % 2, 1.5, 0.7)
    exposure = draw.integers(1, 9, ROWS).astype(float)
    rows = encoded.Rows(codes, draw.binomial(exposure.astype(int), rate).astype(float), exposure, np.arange(ROWS) % 7)
    return rows.of(rows.days < DAYS), rows.of(rows.days == DAYS)


@pytest.mark.parametrize("kind", ["binomial", "money"])
@pytest.mark.parametrize("name", ["lightgbm", "lightgbm_encoded", "regression"])
def test_a_peer_learns_what_is_planted_and_the_same_again(script, planted, name, kind):
    pytest.importorskip("lightgbm", reason="the peers are installed by make bench alone")
    pytest.importorskip("sklearn", reason="the peers are installed by make bench alone")
    learners, deviance = script("learners"), script("deviance")
    training, holdout = planted
    predictions, again = (learners.predict(name, training, holdout, kind) for _ in range(2))
    metrics = deviance.metrics_of(
        deviance.Holdout(holdout.outcomes, holdout.exposure, kind), predictions.rates, training.rate
    )

    assert metrics["gain"] > 100, "the true rates gain about 130"
    assert metrics["level"] == pytest.approx(1, abs=0.15)
    assert np.array_equal(predictions.rates, again.rates)
    assert predictions.setting == again.setting


@pytest.mark.parametrize("name", ["mutual_info", "mrmr", "lightgbm"])
def test_a_ranker_puts_noise_last_in_a_process_of_its_own(script, planted, tmp_path, name):
    for package in ("lightgbm", "sklearn", "mrmr"):
        pytest.importorskip(package, reason="the peers are installed by make bench alone")
    rankers = script("rankers")
    training, _ = planted
    hit = (training.outcomes > 0).astype(float)
    rankers.save(tmp_path / "sample.npz", training.codes, hit, np.ones(len(hit)))
    ranking = rankers.ranked(name, tmp_path / "sample.npz")

    assert ranking["order"] == ["site", "size", "noise"]
    assert ranking["cpu"] > 0


def test_a_row_is_encoded_by_the_other_days_alone(encoded):
    """Value 0 hits on the first day only: that day is encoded from misses, the other from hits."""
    codes = {"site": np.array([0, 1, 0, 1], np.int32)}
    rows = encoded.Rows(codes, np.array([1.0, 0, 0, 1]), np.ones(4), np.array([0, 0, 1, 1]))
    rate, evidence = encoded.target_encodings(rows, None, 1.0, "binomial").T

    # The mean rate of 1/2 expects half an outcome of the other day's one row.
    assert rate == pytest.approx(np.log([1 / 1.5, 2 / 1.5, 2 / 1.5, 1 / 1.5]))
    assert evidence == pytest.approx(np.log1p([0.5] * 4))


def test_rows_to_predict_are_encoded_by_all_days_and_an_unseen_value_by_nothing(encoded):
    rows = encoded.Rows({"site": np.array([0, 1, 0, 1], np.int32)}, np.array([1.0, 0, 1, 0]), np.ones(4), np.arange(4))
    to_predict = encoded.Rows({"site": np.array([0, -1], np.int32)}, np.zeros(2), np.ones(2), np.array([4, 4]))
    features = encoded.target_encodings(rows, to_predict, 1.0, "binomial")

    assert features[0] == pytest.approx([np.log(3 / 2), np.log1p(1 / 4)])
    assert features[1] == pytest.approx([0, 0])


def test_counts_are_two_weighted_rows(encoded):
    rows = encoded.Rows({}, np.array([2.0, 0.0]), np.array([5.0, 4.0]), np.zeros(2, int))
    of = encoded.labelled(rows, "binomial", unit=1.0)

    assert list(zip(of.row, of.label, of.weight, strict=True)) == [(0, 1, 2), (0, 0, 3), (1, 0, 4)]


def test_values_the_training_rows_do_not_have_are_unseen(encoded):
    ours, theirs = encoded.encoded({"os": ["ios", "android", "ios"]}, {"os": ["ios", "linux", "zos", "aix"]})

    assert ours["os"].tolist() == [1, 0, 1]
    assert theirs["os"].tolist() == [1, -1, -1, -1]


def test_a_value_of_the_last_day_alone_is_unseen_by_the_days_before(encoded):
    codes = {"os": np.array([0, 1, 2], np.int32), "site": np.array([0, 0, 1], np.int32)}
    rows = encoded.Rows(codes, np.zeros(3), np.ones(3), np.array([0, 0, 1]))
    earlier, last = encoded.parted(rows)

    assert {name: of.tolist() for name, of in last.within(earlier).codes.items()} == {"os": [-1], "site": [-1]}
