"""A column is encoded as each of its values would be canonicalised by itself, in sorted order."""

import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rtb_optimizer.core.sample.values import canonical
from rtb_optimizer.engines.passes.encoding import encode
from v3_settings import v3_settings

SETTINGS = v3_settings(missing_values=["", "null", "N/A"], host_features=["domain"])
NOTHING = frozenset(value.lower() for value in SETTINGS.missing_values)

texts = st.one_of(
    st.none(),
    st.text("ab01.:/-_ \n", max_size=5),
    st.text(max_size=4),
    st.sampled_from(
        ["NULL", "n/a", "7.0", "7", "-0.0", "10.0.0.0", "a.0", "[ADX_SITE]", "\u0665.0", "b" * 64, "b" * 65]
    ),
)


@pytest.mark.parametrize("name", ["site", "domain"])
@given(values=st.lists(texts, min_size=1, max_size=9), chunks=st.integers(1, 3))
@example(values=["a\n", "a", "A"], chunks=1)
@example(values=["7", "7.0", None, "null"], chunks=2)
def test_texts_are_encoded_by_their_canonical_forms(name, values, chunks):
    size = -(-len(values) // chunks)
    parts = [pa.array(values[n : n + size], pa.string()) for n in range(0, len(values), size)]

    feature = encode(pa.chunked_array(parts), name, SETTINGS)

    expected = [canonical(value, NOTHING, is_host=name == "domain") for value in values]
    assert [feature.values[code] for code in feature.codes] == expected
    assert list(feature.values) == sorted(set(expected))


def test_a_column_without_rows_has_no_values():
    feature = encode(pa.chunked_array([], pa.string()), "site", SETTINGS)

    assert len(feature.codes) == len(feature.values) == 0


@given(values=st.lists(st.one_of(st.none(), st.integers(-12, 12), st.integers(-(2**63), 2**63 - 1)), min_size=1))
@example(values=[10, 9, -1, None, -10, 7])
def test_whole_numbers_are_encoded_as_their_digits(values):
    settings = v3_settings(missing_values=["", "-1", "7"])

    feature = encode(pa.chunked_array([pa.array(values, pa.int64())]), "site", settings)

    expected = [canonical(value, frozenset({"", "-1", "7"})) for value in values]
    assert [feature.values[code] for code in feature.codes] == expected
    assert list(feature.values) == sorted(set(expected))
