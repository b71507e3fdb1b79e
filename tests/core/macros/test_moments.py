"""An hour in UTC is read off every documented form of an instant, by an independent reader too, or not at all."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtb_optimizer.core.macros.combo import map_ad_macros
from rtb_optimizer.core.macros.dialect import Derived
from rtb_optimizer.core.macros.expansion import expanded, read
from rtb_optimizer.core.macros.moments import hour_of, moment_of
from rtb_optimizer.core.macros.route import Cause, route_of
from rtb_optimizer.store import seeds

FORMS = 7


@pytest.mark.parametrize(
    ("text", "derived", "hour"),
    [
        ("2016-01-17T8:15:07.127-05", Derived.ISO_8601, "13"),  # the example of the VAST specification
        ("2016-01-17T08:15:07.127-05:00", Derived.ISO_8601, "13"),
        ("2016-01-17T23:15:07-0500", Derived.ISO_8601, "4"),
        ("2016-01-17T00:15:07.127+05:30", Derived.ISO_8601, "18"),
        ("2016-01-17T08:15Z", Derived.ISO_8601, "8"),
        ("20160117T081507Z", Derived.ISO_8601, "8"),
        ("2016-01-17T08+02", Derived.ISO_8601, "6"),
        ("2016-01-17T08:15:07 02", Derived.ISO_8601, "6"),  # a plus that a form decoder took for a space
        ("2016-01-17T08:15:07.127", Derived.ISO_8601, None),  # local to nobody knows where
        ("2016-01-17T24:15:07Z", Derived.ISO_8601, None),
        ("2016-13-17T08:15:07Z", Derived.ISO_8601, None),
        ("0001-01-01T00:15:07+05", Derived.ISO_8601, None),
        ("yesterday", Derived.ISO_8601, None),
        ("2024-10-07 00:13:13", Derived.UTC_DATE_TIME, "0"),
        ("2024-10-07%2023%3A13%3A13", Derived.UTC_DATE_TIME, "23"),
        ("2024-10-07+23:13:13", Derived.UTC_DATE_TIME, "23"),
        ("2024-10-07T08:13:13.5Z", Derived.UTC_DATE_TIME, "8"),
        ("2024-10-07T08:13:13-05", Derived.UTC_DATE_TIME, "13"),
        ("2024-10-07", Derived.UTC_DATE_TIME, None),
        ("1728259993", Derived.UTC_DATE_TIME, "0"),
        ("1728259993.784", Derived.UTC_DATE_TIME, "0"),
        ("1728256393784", Derived.UTC_DATE_TIME, "23"),
        ("1728256393784881", Derived.UTC_DATE_TIME, "23"),
        ("1728256393784881000", Derived.UTC_DATE_TIME, None),
        ("20241007", Derived.UTC_DATE_TIME, None),  # a date, no seconds
        ("1728259993", Derived.UNIX_SECONDS, "0"),
        ("1728259993.5", Derived.UNIX_SECONDS, "0"),
        ("1728259993000", Derived.UNIX_SECONDS, None),
        ("1728259993000", Derived.UNIX_MILLISECONDS, "0"),
        ("1728259993", Derived.UNIX_MILLISECONDS, None),
        ("1728259993784881", Derived.UNIX_SECONDS, None),
        ("-1728259993", Derived.UNIX_SECONDS, None),
    ],
)
def test_an_instant_is_read_in_its_zone_and_its_precision_or_not_at_all(text, derived, hour):
    assert hour_of(text, derived) == hour


@pytest.mark.parametrize("derived", [each for each in Derived if each is not Derived.ELSEWHERE])
def test_every_hour_is_found_in_each_form_that_it_is_written_in(derived):
    written = {(hour, form): moment_of(str(hour), derived, form) for hour in range(24) for form in range(FORMS)}

    assert all(hour_of(text, derived) == str(hour) for (hour, _), text in written.items())
    assert len({text for (hour, _), text in written.items() if hour == 3}) == {
        Derived.ISO_8601: FORMS,
        Derived.UTC_DATE_TIME: 6,
    }.get(derived, 1)


@given(
    instant=st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1)),  # noqa: DTZ001 - given its zone below
    minutes=st.integers(-14 * 60, 14 * 60),
)
def test_the_standard_library_reads_the_same_hour(instant, minutes):
    local = instant.replace(tzinfo=timezone(timedelta(minutes=minutes)))

    for text in (local.isoformat(), local.isoformat(timespec="milliseconds"), local.isoformat(timespec="minutes")):
        assert hour_of(text, Derived.ISO_8601) == str(datetime.fromisoformat(text).astimezone(UTC).hour)


@pytest.mark.parametrize("macro_format", ["vast4", "xandr", "beeswax", "openrtb", "prebid_server"])
def test_an_hour_by_another_clock_than_utc_is_computed_from_no_instant(macro_format):
    dialect = seeds.dialect(macro_format)
    combo = map_ad_macros(["hour"], {}, dialect)
    utc, local = route_of(combo, dialect, {}, []), route_of(combo, dialect, {}, [], ["hour"])

    assert all(read(expanded(("8",), utc, form), utc) == ["8"] for form in range(FORMS))
    assert local.places[0].gap is Cause.OTHER_CLOCK
    assert read(expanded(("8",), utc), local) == [None]


def test_a_column_of_hours_by_another_name_is_computed_from_the_instant_that_it_is_given():
    dialect = seeds.dialect("xandr")
    way = route_of(map_ad_macros(["hod"], {"hod": "${TIMESTAMP}"}, dialect), dialect, {}, [])

    assert read("1728259993", way) == ["0"]
    assert read(expanded(("17",), way), way) == ["17"]


@pytest.mark.parametrize(
    ("feature", "text", "value"),
    [
        ("region", "LV%3A25", "LV:25"),
        ("region", "NY", "NY"),
        ("deal_id", "0", "__missing__"),
        ("site_id", "0", "0"),
        ("ad_size", "---", "---"),
        ("ad_size", "300x250", "300x250"),
    ],
)
def test_xandr_s_values_are_read_as_its_documents_say(feature, text, value):
    dialect = seeds.dialect("xandr")
    templates = {feature: seeds.seeded_templates("xandr")[feature]}
    way = route_of(map_ad_macros([feature], templates, dialect), dialect, {feature: {}}, [])

    assert read(text, way) == [value]
