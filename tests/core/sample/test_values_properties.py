"""Canonicalisation is idempotent, and keys of any values can be parsed again, in every dialect."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rtb_optimizer.core.macros.combo import map_ad_macros
from rtb_optimizer.core.macros.dialect import GapPolicy, template_problem
from rtb_optimizer.core.sample.values import MISSING, OTHER, UNEXPANDED, canonical, segment_key, split_key
from rtb_optimizer.errors import ConfigInvalid, MacroGap
from rtb_optimizer.store import seeds
from v3_settings import v3_settings

pytestmark = pytest.mark.timeout(3_600)  # nightly, each takes minutes
NOTHING = frozenset(value.lower() for value in v3_settings().missing_values)
MACROS = ("${TAG_ID}", "%%SITE%%", "[ADX_SIZE]", "{PLACEMENT}", "{{DOMAIN}}", "##POS##", "%24%7BX%7D", "[%X%]")

any_text = st.text(st.characters(categories=None, exclude_categories=()), max_size=12)
raw_values = st.one_of(
    any_text,
    st.text(" .\t\x00\x85nulN0-*|\\", max_size=8),
    st.sampled_from(MACROS).flatmap(lambda macro: st.text(" .ab", max_size=3).map(lambda more: macro + more)),
    st.integers(),
    st.floats(),
    st.booleans(),
    st.integers(60, 140).map(lambda n: "\u0130" * n),
    st.none(),
)
missings = st.one_of(
    st.just(NOTHING), st.frozensets(st.sampled_from(["", "0", "-1", "null", "none", "a", "7", "www.x", "[x]"]))
)


@given(raw=raw_values, missing=missings, is_host=st.booleans())
@example(raw="null.", missing=NOTHING, is_host=True)
@example(raw=0.0, missing=frozenset({"0"}), is_host=False)
@example(raw="a. .", missing=NOTHING, is_host=True)
@example(raw="[A].", missing=NOTHING, is_host=True)
@example(raw="J\u030c.com", missing=NOTHING, is_host=True)
@example(raw="\u0130" * 128, missing=NOTHING, is_host=True)
@example(raw="a\ud800", missing=NOTHING, is_host=False)
def test_canonicalisation_is_idempotent(raw, missing, is_host):
    once = canonical(raw, missing, is_host=is_host)

    # What means "missing" in one source need not be declared so in the other: a marker stays a marker.
    assert canonical(once, missing | {MISSING}, is_host=is_host) == once


@given(raw=raw_values, missing=missings, around=st.text(" \t\n\x00\x0b\u00a0", max_size=3), is_host=st.booleans())
def test_white_space_and_control_characters_around_a_value_do_not_show(raw, missing, around, is_host):
    text = str(raw)

    assert canonical(around + text + around, missing, is_host=is_host) == canonical(text, missing, is_host=is_host)


@given(number=st.integers(-(2**53), 2**53), missing=missings)
def test_a_whole_number_has_one_canonical_form_however_the_logs_hold_it(number, missing):
    spellings = {canonical(raw, missing) for raw in (number, float(number), str(number), f"{number}.0")}

    assert spellings == {MISSING if str(number) in missing else str(number)}


@given(raw=raw_values, missing=missings, is_host=st.booleans())
def test_a_canonical_value_can_be_stored_and_is_bounded(raw, missing, is_host):
    canonical_value = canonical(raw, missing, is_host=is_host)

    assert len(canonical_value.encode()) <= 256
    assert not any(ord(character) < 32 or ord(character) == 127 for character in canonical_value)


@given(macro=st.sampled_from(MACROS), is_host=st.booleans(), around=st.text(" \t", max_size=2))
def test_an_unexpanded_macro_is_never_a_value(macro, is_host, around):
    assert canonical(around + macro + around, NOTHING, is_host=is_host) == UNEXPANDED


parts = st.one_of(
    st.none(),
    any_text,
    st.text(alphabet="*|\\~a\n", max_size=5),
    st.sampled_from(["*", "", "\\", "|", "\\*", "\\|", "a|b", "\\\\", "\n", "\\\n", MISSING, OTHER, UNEXPANDED]),
)
patterns = st.lists(parts, min_size=1, max_size=5)
delimiters = st.sampled_from(["|", "~", "/", "\n"])


@given(pattern=patterns, delimiter=delimiters)
def test_a_key_is_taken_apart_into_the_pattern_it_was_made_of(pattern, delimiter):
    assert split_key(segment_key(pattern, delimiter), delimiter) == pattern


@given(one=patterns, other=patterns, delimiter=delimiters)
def test_no_two_patterns_share_a_key(one, other, delimiter):
    assert (segment_key(one, delimiter) == segment_key(other, delimiter)) == (one == other)


@given(pattern=patterns, inner=st.lists(patterns, max_size=3))
def test_a_key_of_keys_comes_apart_level_by_level(pattern, inner):
    nested = segment_key([segment_key(each) for each in (pattern, *inner)])

    assert [split_key(str(key)) if key is not None else [None] for key in split_key(nested)] == [pattern, *inner]


@given(
    macro_format=st.sampled_from(sorted(seeds.dialects())),
    templates=st.dictionaries(any_text, st.one_of(any_text, st.sampled_from(MACROS)), max_size=4),
    features=st.lists(any_text, max_size=4, unique=True),
    policy=st.sampled_from([None, *GapPolicy]),
)
def test_a_combo_of_admitted_templates_has_a_place_for_every_feature(macro_format, templates, features, policy):
    dialect = seeds.dialect(macro_format)
    admitted = {name: text for name, text in templates.items() if template_problem(text, dialect) is None}
    names = list(dict.fromkeys([*admitted, *features]))
    try:
        made = map_ad_macros(names, admitted, dialect, policy)
    except MacroGap:
        return
    except ConfigInvalid:
        assert len(set(admitted.values())) < len(admitted)  # one macro cannot distinguish two features
        return
    if made.combo is not None:
        places = made.combo.split(dialect.separator)
        assert len(places) == len(names)
        assert all(place == admitted[name] for name, place in zip(names, places, strict=True) if name in admitted)
