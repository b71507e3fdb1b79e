"""A column of numbers is cut into bands of about equal exposure, to know what it would say so."""

import numpy as np
import pytest

from planted_samples import feature
from rtb_optimizer.core.sample.values import MISSING
from rtb_optimizer.core.selection.bands import BANDS, MIN_NUMBERS, in_bands

DRAW = np.random.default_rng(1)
PRICES = DRAW.gamma(2, 1, 4_000)


def banded(column, exposure=None):
    column = [str(value) for value in column]
    return in_bands(feature(column), np.ones(len(column)) if exposure is None else exposure)


def test_bands_follow_the_numbers_and_not_their_spelling():
    bands = banded(PRICES).codes[np.argsort(PRICES)]

    assert (np.diff(bands) >= 0).all()
    assert np.bincount(bands).tolist() == pytest.approx([len(PRICES) / BANDS] * BANDS, abs=1)


def test_bands_hold_about_equal_exposure_and_a_frequent_number_stays_whole():
    exposure = np.where(PRICES > 3, 10.0, 1.0)
    by_band = np.bincount(banded(PRICES, exposure).codes, exposure)
    zeros = banded(np.where(DRAW.random(4_000) < 0.4, 0.0, PRICES))

    assert by_band.max() < 1.1 * by_band.min()
    assert np.bincount(zeros.codes).max() == pytest.approx(1_600, abs=100)


def test_what_is_missing_is_a_band_of_its_own():
    column = np.where(DRAW.random(4_000) < 0.3, MISSING, PRICES.astype(str))

    assert set(banded(column).codes[column == MISSING]) == {BANDS}
    assert BANDS not in set(banded(column).codes[column != MISSING])


@pytest.mark.parametrize(
    "column",
    [
        DRAW.integers(0, MIN_NUMBERS - 1, 4_000),
        [f"site-{n}" for n in range(4_000)],
        [f"{n}" if n % 2 else f"site-{n}" for n in range(4_000)],
        [MISSING] * 4_000,
        ["nan", "inf", "-inf"] * 100,
        [f"a{n:031x}" for n in range(4_000)],
        [],
    ],
    ids=["few numbers", "texts", "half of them texts", "nothing", "no finite number", "hashes", "no rows"],
)
def test_categories_and_texts_have_no_bands(column):
    assert banded(column) is None
