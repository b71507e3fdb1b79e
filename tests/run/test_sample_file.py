"""A sample comes back from the object store as it was, with the selected features alone."""

from dataclasses import replace

import numpy as np
import pytest

from planted_samples import planted
from rtb_optimizer.core.sample.sample import Bought, Feature
from rtb_optimizer.run.sample_file import sample_bytes, sample_of


def test_a_sample_comes_back_as_it_was():
    sample = planted(rows=3_000)
    back = sample_of(sample_bytes(sample, ["site", "device"]))

    assert list(back.features) == ["site", "device"]
    for name in ("exposure", "outcome", "spend", "fold"):
        assert np.array_equal(getattr(back, name), getattr(sample, name))
    for name, feature in back.features.items():
        assert np.array_equal(feature.codes, sample.features[name].codes)
        assert feature.values == sample.features[name].values


@pytest.mark.parametrize("values", [1, 256, 257, 65_537])
def test_codes_come_back_however_many_values_there_are(values):
    sample = planted(rows=70_000)
    sample.features["id"] = Feature(np.arange(70_000) % values, [str(n) for n in range(values)])
    back = sample_of(sample_bytes(sample, ["id"])).features["id"].codes

    assert np.array_equal(back, sample.features["id"].codes)
    assert back.dtype == np.intp


def test_values_and_names_of_any_characters_are_read_back():
    sample = planted(rows=500)
    hostile = ('"', "|", "\\", "\U0001f600", "a\u0000b", "")
    sample.features["f_x \u2028"] = Feature(np.arange(500) % 6, hostile)

    assert sample_of(sample_bytes(sample, ["f_x \u2028"])).features["f_x \u2028"].values == hostile


def test_the_same_sample_gives_the_same_bytes():
    assert sample_bytes(planted(), ["site"]) == sample_bytes(planted(), ["site"])


def test_how_rows_were_bought_is_kept_in_the_file_and_for_a_part_of_the_rows():
    bought = Bought(np.array([1.0, 1.0, 3.0]), np.array([0.1, 1.0, 2.0]), 0.7)
    sample = replace(planted(rows=3_000).at(np.arange(3)), bought=bought)
    back = sample_of(sample_bytes(sample, ["site"])).bought

    assert back.elasticity == 0.7
    for name in ("bid", "volume"):
        whole = getattr(bought, name)
        assert getattr(back, name).tolist() == whole.tolist(), name
        assert getattr(sample.at(np.array([2, 0])).bought, name).tolist() == whole[[2, 0]].tolist(), name
