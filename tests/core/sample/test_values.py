"""One value has one canonical form; one pattern has one key."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtb_optimizer.core.sample.values import MISSING, OTHER, UNEXPANDED, canonical, segment_key, split_key
from v3_settings import v3_settings

NOTHING = frozenset(value.lower() for value in v3_settings().missing_values)


@pytest.mark.parametrize(
    ("raw", "canonical_value"),
    [
        (None, MISSING),
        ("", MISSING),
        ("   ", MISSING),
        ("NULL", MISSING),
        ("None", MISSING),
        (float("nan"), MISSING),
        ("N/A", MISSING),
        ("undefined", MISSING),
        ("---", MISSING),
        ("\\N", MISSING),
        ("__missing__", MISSING),
        ("0", "0"),
        ("${TAG_ID}", UNEXPANDED),
        ("%%SITE%%", UNEXPANDED),
        ("[ADX_PLACEMENT_ID]", UNEXPANDED),
        ("[%ADX_PLACEMENT_ID%]", UNEXPANDED),
        ("{PLACEMENT}", UNEXPANDED),
        ("{{DOMAIN}}", UNEXPANDED),
        ("{{ site | lower }}", UNEXPANDED),
        ("##PLACEMENT##", UNEXPANDED),
        (" ${AUCTION_PRICE:B64} ", UNEXPANDED),
        ("%24%7BTAG_ID%7D", UNEXPANDED),
        ("%25%25SITE%25%25", UNEXPANDED),
        ("%5BADX_PLACEMENT_ID%5D", UNEXPANDED),
        ("%7BPLACEMENT%7D", UNEXPANDED),
        ("%7b%7bDOMAIN%7d%7d", UNEXPANDED),
        ("%23%23PLACEMENT%23%23", UNEXPANDED),
        ("[12]", "[12]"),
        ("a [b] c", "a [b] c"),
        ("100%", "100%"),
        (512, "512"),
        (512.0, "512"),
        ("512.0", "512"),
        (-0.0, "0"),
        ("-0.0", "0"),
        ("-0", "-0"),
        (-512.0, "-512"),
        ("-7.000", "-7"),
        ("512.5", "512.5"),
        ("1.2.0", "1.2.0"),
        ("007", "007"),
        ("  mobile ", "mobile"),
        ("Mobile", "Mobile"),
        ("a\tb\nc\x7fd", "a b c d"),
        ("\x00", MISSING),
        ("cafe\u0301", "caf\u00e9"),
        ("a" * 256, "a" * 256),
        ("a" * 257, OTHER),
        ("\u00e9" * 128, "\u00e9" * 128),
        ("\u00e9" * 129, OTHER),
    ],
)
def test_a_raw_value_has_one_canonical_form(raw, canonical_value):
    assert canonical(raw, NOTHING) == canonical_value


@pytest.mark.parametrize(
    ("raw", "canonical_value"),
    [("WWW.Drugs.COM", "www.drugs.com"), ("drugs.com.", "drugs.com"), (" Drugs.com. ", "drugs.com"), ("NULL", MISSING)],
)
def test_hosts_are_compared_in_lower_case_without_a_trailing_dot(raw, canonical_value):
    assert canonical(raw, NOTHING, is_host=True) == canonical_value


@given(raw=st.text(max_size=20))
def test_canonicalisation_is_idempotent(raw):
    once = canonical(raw, NOTHING)

    assert canonical(once, NOTHING) == once


parts = st.one_of(
    st.none(),
    st.text(max_size=5),
    st.text(alphabet="*|\\a", max_size=4),
    st.sampled_from(["*", "", "\\", "|", "\\*", "\\|", "a|b", "\\\\", MISSING, OTHER]),
)
patterns = st.lists(parts, min_size=1, max_size=5)


@given(pattern=patterns)
def test_a_key_is_taken_apart_into_the_pattern_it_was_made_of(pattern):
    assert split_key(segment_key(pattern)) == pattern


@given(one=patterns, other=patterns)
def test_no_two_patterns_share_a_key(one, other):
    assert (segment_key(one) == segment_key(other)) == (one == other)


@pytest.mark.parametrize(
    ("pattern", "key"),
    [
        (["12", None, None], "12|*|*"),
        (["*", None], "\\*|*"),
        (["a|b", "c"], "a\\|b|c"),
        (["a", "b|c"], "a|b\\|c"),
        (["", ""], "|"),
        ([None], "*"),
    ],
)
def test_a_key_reads_as_documented(pattern, key):
    assert segment_key(pattern) == key


def test_another_delimiter_needs_no_escape_of_the_usual_one():
    assert segment_key(["a|b", "c~d"], "~") == "a|b~c\\~d"
    assert split_key("a|b~c\\~d", "~") == ["a|b", "c~d"]
