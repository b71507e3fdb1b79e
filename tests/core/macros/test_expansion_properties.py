"""In every dialect, encoded up to three times: what a bidder reads is what the request was, or nothing at all."""

from dataclasses import replace

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from rtb_optimizer.core.macros.combo import Coverage
from rtb_optimizer.core.macros.dialect import Derived
from rtb_optimizer.core.macros.expansion import cause_of, expanded, read
from rtb_optimizer.core.macros.route import GAPS, Cause, Place, Route
from rtb_optimizer.core.sample.values import MISSING, NO_VALUES, OTHER, UNEXPANDED, canonical
from rtb_optimizer.store import seeds
from v3_settings import v3_settings

pytestmark = pytest.mark.timeout(3_600)  # nightly, each takes minutes
MISSING_IN_LOGS = {value.lower() for value in v3_settings().missing_values}
MACROS = ("${TAG_ID}", "%%SITE%%", "[ADX_SIZE]", "{PLACEMENT}", "{{DOMAIN}}", "##POS##", "%epid!", "[%x%]", "[[CS_X]]")
DIALECTS = sorted(seeds.dialects())

raw_values = st.one_of(
    st.text(max_size=12),
    st.text("ab%2B+ ~|&#=?/\\*\u00e9\u0130", max_size=8),
    st.sampled_from(MACROS).flatmap(lambda macro: st.text("ab", min_size=1, max_size=3).map(lambda more: macro + more)),
    st.sampled_from(["0", "-1", "-2", "---", "", "100%", "%41", "%2541", "a+b", "a b", "*", MISSING]),
    st.integers(95, 105).map(lambda n: "x" * n),
    st.integers(),
    st.floats(),
    st.none(),
)


@st.composite
def routes(draw):
    """A route of a seeded dialect with one to four places, each encoded 0 to 3 times."""
    macro_format = draw(st.sampled_from(DIALECTS))
    dialect = seeds.dialect(macro_format)
    places = [
        Place(
            f"f{n}",
            Coverage.MACRO,
            draw(st.sampled_from(dialect.known)) if dialect.known else "[X]",
            encodings=draw(st.integers(0, 3)),
            characters=draw(st.sampled_from([None, *dialect.limits.values()])),
            is_host=draw(st.booleans()),
        )
        for n in range(draw(st.integers(1, 4)))
    ]
    return Route(dialect.separator, dialect.missing, tuple(places), dialect.plus_for_space, combo_limit=2000)


def let_through(raw, place, route):
    """A value as the canonicaliser returns it where the dialect's missing markers are the source's."""
    nothing = MISSING_IN_LOGS | {spelling.lower() for spelling in route.missing}
    return canonical(raw, frozenset(nothing), is_host=place.is_host)


@st.composite
def requests(draw):
    route = draw(routes())
    return route, *(tuple(let_through(draw(raw_values), place, route) for place in route.places) for _ in range(2))


@given(drawn=requests())
def test_a_value_that_the_canonicaliser_lets_through_is_read_as_itself_however_often_it_is_encoded(drawn):
    route, request, _ = drawn
    causes = [cause_of(value, place, route) for value, place in zip(request, route.places, strict=True)]
    got = read(expanded(request, route), route)

    # Three things no platform can be kept from: they are known beforehand, and nothing is read in their place.
    assert set(causes) <= {None, Cause.DELIMITER, Cause.TRUNCATED, Cause.MISSING_UNDOCUMENTED}
    if Cause.DELIMITER in causes:
        assert got is None
        return
    expected = [
        None if cause is not None or value in NO_VALUES or value == place.macro else value
        for value, cause, place in zip(request, causes, route.places, strict=True)
    ]
    assert got == expected


@given(drawn=requests())
def test_no_two_requests_give_one_key(drawn):
    route, one, other = drawn
    keys = [read(expanded(request, route), route) for request in (one, other)]
    assume(all(key is not None and None not in key for key in keys))

    assert (keys[0] == keys[1]) == (one == other)


@given(drawn=requests(), spare=st.sampled_from(["~", "a~b", "~~"]), where=st.integers(0, 3))
def test_a_value_that_holds_the_separator_gives_no_key_rather_than_another_s(drawn, spare, where):
    route, request, _ = drawn
    place = where % len(request)
    with_spare = (*request[:place], spare, *request[place + 1 :])

    assert read(expanded(with_spare, route), route) is None
    assert cause_of(spare, route.places[place], route) is Cause.DELIMITER


@given(
    drawn=requests(),
    ids=st.dictionaries(st.text("abc", min_size=1, max_size=3), st.text("xyz%+ 019", min_size=1, max_size=3)),
)
def test_ids_of_the_platform_are_read_as_ours_and_an_id_that_no_map_knows_as_nothing(drawn, ids):
    route, request, _ = drawn
    assume(len(set(ids.values())) == len(ids))
    mapped = replace(route, places=tuple(replace(place, ids=ids, characters=None) for place in route.places))
    own = tuple(sorted(ids)[n % len(ids)] if ids else MISSING for n in range(len(request)))
    assume(ids or route.missing)

    assert read(expanded(own, mapped), mapped) == list(own)
    stranger = tuple("d" for _ in request)
    assert read(expanded(stranger, mapped), mapped) == [None] * len(request)
    assert cause_of("d", mapped.places[0], mapped) is Cause.NOT_IN_VALUE_MAP


@given(drawn=requests(), derived=st.sampled_from([each for each in Derived if each is not Derived.ELSEWHERE]))
@example(
    drawn=(Route("~", ("",), (Place("hour", Coverage.DERIVED, "[TIMESTAMP]"),)), ("0",), ("0",)),
    derived=Derived.ISO_8601,
)
def test_each_hour_is_read_off_a_moment_of_that_hour_and_nothing_else_is_an_hour(drawn, derived):
    route, _, _ = drawn
    timed = replace(
        route,
        places=tuple(replace(p, derived=derived, coverage=Coverage.DERIVED, characters=None) for p in route.places),
    )
    for hour in range(24):
        request = (str(hour),) * len(route.places)
        assert read(expanded(request, timed), timed) == list(request)
        assert cause_of(str(hour), timed.places[0], timed) is None
    for no_hour in ("07", "24", "-1", "noon", "\u0661", MISSING):
        request = (no_hour,) * len(route.places)
        assert read(expanded(request, timed), timed) == [None] * len(request)
        assert cause_of(no_hour, timed.places[0], timed) is Cause.NOT_DERIVABLE


@given(drawn=requests(), gap=st.sampled_from(sorted(GAPS)))
def test_what_no_macro_covers_is_never_read(drawn, gap):
    route, request, _ = drawn
    uncovered = replace(route, places=tuple(replace(place, gap=gap) for place in route.places))

    assert read(expanded(request, uncovered), uncovered) == [None] * len(request)
    foreign = route.separator.join("8842117" for _ in request)
    assert read(foreign, uncovered) == [None] * len(request), "whatever the platform writes there"


@given(drawn=requests(), limit=st.integers(1, 40))
def test_a_combo_that_may_be_cut_is_not_read(drawn, limit):
    route, request, _ = drawn
    whole = read(expanded(request, route), route)
    short = replace(route, combo_limit=limit)
    got = read(expanded(request, short), short)

    assert got == (whole if len(expanded(request, route)) < limit else None)


@given(value=st.text(max_size=8), encodings=st.integers(0, 3))
def test_where_values_are_folded_those_that_that_changes_are_known(value, encodings):
    place = Place("f", Coverage.MACRO, "[X]", encodings=encodings)
    route = Route("~", ("",), (place,), folds_values=True)
    own = canonical(value, frozenset({""}))
    assume(own not in NO_VALUES and "~" not in own)
    got = read(expanded((own,), route), route)

    if cause_of(own, place, route) is None:
        assert got == [own]
    else:
        assert cause_of(own, place, route) is Cause.CASE_FOLDED
        assert got != [own]


@pytest.mark.parametrize("value", [UNEXPANDED, OTHER])
@pytest.mark.parametrize("macro_format", DIALECTS)
def test_what_is_no_value_is_not_read(macro_format, value):
    dialect = seeds.dialect(macro_format)
    place = Place("f", Coverage.MACRO, "[X]")
    route = Route(dialect.separator, dialect.missing, (place,))

    assert read(expanded((value,), route), route) == [None]
    assert cause_of(value, place, route) is None
