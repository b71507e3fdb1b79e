"""The seed of v3 and the typed settings are one list of keys; broken rules between keys are reported all at once."""

import tomllib
from dataclasses import fields

import pytest

from rtb_optimizer.core.config.formats import EPOCHS
from rtb_optimizer.core.config.resolve import resolve
from rtb_optimizer.core.config.rules import settings_of
from rtb_optimizer.core.config.schedule import PRESETS
from rtb_optimizer.core.config.settings import Settings
from rtb_optimizer.core.platforms.bonsai import FEATURES
from rtb_optimizer.core.platforms.column import Platform
from rtb_optimizer.core.table.bidding import BidRules
from rtb_optimizer.errors import ConfigInvalid
from v3_settings import REQUIRED, SEED, declared_keys, v3_settings

NO_FILTER = (
    'row_filter: each column needs a list of strings, as {"site_id": ["345"]}, '
    'or {"site_id": {"not": ["345"]}} for all rows but these'
)


def test_the_seed_declares_each_settings_field_once_and_nothing_else():
    declared = [key.key for key in declared_keys()]

    assert len(declared) == len(set(declared))
    assert set(declared) == {field.name for field in fields(Settings)}


def test_every_key_has_a_section_a_title_and_a_description_for_the_form():
    assert all(k["section"] and k["title"] and k["description"] for k in tomllib.loads(SEED.read_text())["keys"])


def test_the_defaults_of_the_seed_break_no_rule_and_have_the_type_of_their_field():
    settings = v3_settings()

    kinds = {"list[str]": list, "dict[str, str]": dict, "dict[str, list[str]]": dict, "dict[str, object]": dict}
    for name, kind in Settings.__annotations__.items():
        assert type(getattr(settings, name)) is kinds.get(str(kind), kind), name


NO_ID = (
    "export_value_maps: site in 'plain' gives {!r} to 'a': an id is neither blank nor a placeholder, without blanks "
    "around it or control characters; leave a value without an id out of the map"
)


@pytest.mark.parametrize(
    ("overrides", "complaint"),
    [
        ({"logs_path": "/var/logs/x.parquet"}, "logs_path: '/var/logs/x.parquet' is not an s3://bucket/path URL"),
        ({"timestamp_column": "at", "timestamp_format": "%"}, "timestamp_format: '%' ends with a % without its letter"),
        (
            {"timestamp_column": "at", "timestamp_format": "%Y %"},
            "timestamp_format: '%Y %' ends with a % without its letter",
        ),
        (
            {"timestamp_column": "at", "timestamp_format": "at noon%%"},
            f"timestamp_format: 'at noon%%' is no pattern such as %Y-%m-%d %H:%M:%S, and none of {', '.join(EPOCHS)}",
        ),
        ({"logs_path": "s3://bucket"}, "logs_path: 's3://bucket' is not an s3://bucket/path URL"),
        ({"logs_path": "s3://Bucket_1/x"}, "logs_path: 's3://Bucket_1/x' is not an s3://bucket/path URL"),
        (
            {"export_fields": '{"bonsai": {"site": "site"}}'},
            f"export_fields: bonsai has no field 'site' for site: choose one of {', '.join(FEATURES)}",
        ),
        (
            {"export_fields": {"lookup_tables": {"ad_size": "size"}}},
            "export_fields: size for ad_size: a look-up table has no keys of it, since Xandr buckets it as a scalar",
        ),
        ({"export_beeswax_folder": "bid_models"}, "export_beeswax_folder: 'bid_models' is not an s3://bucket/path URL"),
        ({"exports": "dv360"}, f"exports: 'dv360' is not one of {', '.join(Platform)}"),
        (
            {"exports": "prebid_floors"},
            "export_base_cpm: prebid_floors needs it, the floor of a multiplier of 1",
        ),
        (
            {"export_fields": {"dv360": {}}},
            f"export_fields: 'dv360' is not one of {', '.join(Platform)}",
        ),
        (
            {"export_fields": {"plain": {"site": 3}}},
            'export_fields: plain needs a field by feature, as {"plain": {"site_domain": "domain"}}',
        ),
        (
            {"export_value_maps": {"dv360": {}}},
            f"export_value_maps: 'dv360' is not one of {', '.join(Platform)}",
        ),
        (
            {"export_value_maps": {"plain": {"site": {"a": "1", "b": "1"}}}},
            "export_value_maps: site in 'plain' gives '1' to more than one of our values: the map must be injective",
        ),
        *(
            ({"export_value_maps": {"plain": {"site": {"a": theirs}}}}, NO_ID.format(theirs))
            for theirs in ("", " 12", "12\n", "1\r2", "__other__")
        ),
        ({"column_clocks": {"hour": "ET"}}, "column_clocks: 'ET' of 'hour' is not one of utc, user"),
        (
            {
                "exports": "beeswax",
                "column_clocks": {"hour": "user"},
                "export_fields": {"beeswax": {"hour": "hour_of_day_utc"}},
            },
            "export_fields: beeswax: hour_of_day_utc is in UTC, and hour in the user's local time by column_clocks",
        ),
        ({"export_currency": "dollars"}, "export_currency: 'dollars' is not an ISO 4217 code such as USD"),
        ({"objective": "value"}, "value_column: required when objective is value"),
        (
            {"objective": "value", "value_column": "paid", "link": "odds"},
            "link: odds needs a share, and objective is value; choose log or auto",
        ),
        ({"timezone": "Mars/Olympus"}, "timezone: 'Mars/Olympus' is not an IANA name such as Europe/Berlin"),
        ({"schedule": "every night"}, "schedule: 'every night' is not a cron expression"),
        ({"schedule": "@once"}, "schedule: '@once' is not a cron expression"),
        (
            {"schedule": "0 0 3 * * *"},
            "schedule: '0 0 3 * * *' needs 5 fields, as 17 3 * * *, or to be one of " + ", ".join(PRESETS),
        ),
        (
            {"schedule": "R 3 * * *"},
            "schedule: 'R 3 * * *' is random: it would come due at another time whenever it is read",
        ),
        ({"schedule": "0 3 30 2 *"}, "schedule: '0 3 30 2 *' never comes due"),
        ({"lookback_days": 7, "max_window_days": 3}, "lookback_days: 7 is above the 3 of max_window_days"),
        ({"candidate_features": '["site", " "]'}, "candidate_features: a name in it is blank"),
        ({"row_filter": {"": ["a"]}}, "row_filter: a name in it is blank"),
        ({"currency_rates": {"USD": -1}}, "currency_rates: -1 of USD is not a positive number"),
        (
            {"person_id_column": "who", "min_segment_exposures": 0},
            "person_id_column: min_segment_exposures is 0: no row would be limited by people",
        ),
        (
            {"anchor_features": "user_id, site"},
            "anchor_features: user_id is also in denied_features",
        ),
        ({"anchor_features": "a, b, c", "max_features": 2}, "max_features: 2 is below the 3 anchor_features"),
        ({"row_filter": {"site_id": "345"}}, NO_FILTER),
        ({"row_filter": {"site_id": []}}, NO_FILTER),
        ({"row_filter": {"site_id": [3]}}, NO_FILTER),
        ({"row_filter": {"site_id": {"not": []}}}, NO_FILTER),
        ({"row_filter": {"site_id": {"not": "3"}}}, NO_FILTER),
        ({"row_filter": {"site_id": {"except": ["3"]}}}, NO_FILTER),
        ({"row_filter": {"site_id": {"not": ["3"], "in": ["4"]}}}, NO_FILTER),
        (
            {"macro_gap_policies": {"adx": "ignore"}},
            "macro_gap_policies: 'ignore' of 'adx' is not one of fail, wildcard, derived, skip_format",
        ),
        ({"bid_column": "bid"}, "bid_column: it is compared with cost_column, which is not set"),
        *[
            (
                {key: "bid_by", "bids_follow_tables": False},
                f"bids_follow_tables: false, but {key} names a column with the bids: set true, or unset {key}",
            )
            for key in ("multiplier_column", "run_column")
        ],
        *[
            ({"currency_column": "currency", "currency_rates": rates}, f"currency_rates: {complaint}")
            for rates, complaint in [
                ({}, 'currency_column is set but no rate is, such as {"USD": 1, "EUR": 1.08}'),
                ({"usd": 1}, "'usd' is not an ISO 4217 currency code such as USD"),
                ({"US' OR 1": 1}, '"US\' OR 1" is not an ISO 4217 currency code such as USD'),
                ({"USD": 0}, "0 of USD is not a positive number"),
                ({"USD": "1.1"}, "'1.1' of USD is not a positive number"),
                ({"USD": True}, "True of USD is not a positive number"),
                ({"USD": 1e300}, "1e+300 of USD is not a positive number"),
                ({"USD": 10**400}, f"{10**400} of USD is not a positive number"),
                (
                    {"USD": {"2026-11-01": 1}},
                    "USD has rates by day, and timestamp_column, which gives a row's day, is not set",
                ),
            ]
        ],
        *[
            (
                {"currency_column": "currency", "timestamp_column": "t", "currency_rates": {"USD": rates}},
                f"currency_rates: {complaint}",
            )
            for rates, complaint in [
                ({}, "USD has no rate on any day"),
                ({"1.11.2026": 1}, "'1.11.2026' of USD is not a date such as 2026-11-01"),
                ({"20261101": 1}, "'20261101' of USD is not a date such as 2026-11-01"),
                ({"2026-11-01": -1}, "-1 of USD is not a positive number"),
            ]
        ],
    ],
)
def test_a_broken_rule_between_keys_is_reported(overrides, complaint):
    with pytest.raises(ConfigInvalid) as refused:
        v3_settings(**overrides)

    assert refused.value.violations == (complaint,)


@pytest.mark.parametrize(
    "overrides",
    [
        {"logs_path": "s3://lake/one.parquet"},
        *[{"schedule": s} for s in ("17 3 * * *", "@daily", "0 3 * MAR THU", "0 3 L * *", "*/30 * * * 1-5", "  ")],
        {"objective": "value", "value_column": "paid", "link": "log"},
        {"timezone": "Europe/Berlin"},
        {"anchor_features": "a, b", "max_features": 2},
        {"row_filter": {"site_id": ["345", "346"]}},
        {"macro_gap_policies": {"adx": "fail", "xandr": "skip_format"}},
    ],
)
def test_what_keeps_the_rules_is_taken(overrides):
    assert v3_settings(**overrides)


def test_all_broken_rules_are_reported_at_once():
    with pytest.raises(ConfigInvalid) as refused:
        v3_settings(logs_path="/no/url", timezone="x", schedule="x", macro_gap_policies={"a": "x", "b": "y"})

    assert [violation.split(":")[0].split(" ")[0] for violation in refused.value.violations] == [
        "logs_path",
        "timezone",
        "schedule",
        "macro_gap_policies",
        "macro_gap_policies",
    ]


@pytest.mark.parametrize("key", ["max_features", "multiplier_min", "allow_older_window"])
def test_a_number_or_a_boolean_that_an_entity_blanks_is_a_violation_and_no_crash(key):
    with pytest.raises(ConfigInvalid, match=f"^{key}: a value is needed and none is set$"):
        settings_of(resolve(declared_keys(), REQUIRED | {key: ""}).values)


def test_a_text_a_list_or_an_object_that_an_entity_blanks_is_empty():
    blank = dict.fromkeys(("value_column", "host_features", "row_filter", "macro_gap_policies"), "")
    settings = settings_of(resolve(declared_keys(), REQUIRED | blank).values)

    assert (settings.value_column, settings.host_features) == ("", [])
    assert (settings.row_filter, settings.macro_gap_policies) == ({}, {})


def test_the_rules_of_each_part_carry_their_own_keys():
    settings = v3_settings(
        max_features=3, min_z=4, min_positives=7, allowed_leaks="x", max_segments=9, multiplier_max=2, confidence=0.9
    )

    rules = settings.selection_rules
    assert (rules.max_features, rules.min_z, rules.min_positives, rules.allowed_leaks) == (3, 4, 7, frozenset("x"))
    assert (rules.min_signal_score, rules.leak_score) == (0.0001, 0.55)
    assert (settings.segment_rules.max_segments, settings.segment_rules.dead_band) == (9, 0.02)
    assert settings.segment_rules.bids == BidRules(0.2, 2.0, 0.9, 0.0, 1.25, 4.0)


NUMBERS = ["nan", "inf", "-inf", "1e999", "-1", "1_0e", "0x10", "--", "1e308", str(10**400), True, [], {}]
TEXTS = ["", " ", "\x00", "\ud800", "a" * 10_000, "'; DROP TABLE logs; --", "{date}", "\u202e", 7, None, [[]]]
LISTS = [[], [""], [" "], ["a", "a"], [1], [None], {"a": 1}, "[", '["a", 1]', ",", "a,,a"]
OBJECTS = [
    {"": 1},
    {"a": None},
    {"a": float("nan")},
    {"USD": -1},
    "{",
    "[]",
    '{"a": NaN}',
    {"a": [{}]},
    {"a": {"b": []}},
]


HOSTILE = [*NUMBERS, *TEXTS, *LISTS, *OBJECTS]


def violations_of(**overrides):
    """The violations of a configuration, none where it is valid; nothing else may be raised."""
    try:
        v3_settings(**overrides)
    except ConfigInvalid as refused:
        return list(refused.violations)
    return []


@pytest.mark.parametrize("key", declared_keys(), ids=lambda key: key.key)
def test_a_hostile_value_is_a_valid_setting_or_refused_by_the_name_of_its_key(key):
    refused = {repr(value): found for value in HOSTILE if (found := violations_of(**{key.key: value}))}

    assert {value: found for value, found in refused.items() if not any(key.key in each for each in found)} == {}
    assert len(refused) >= 3
