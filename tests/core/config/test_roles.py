"""A column has one role; the table of pairs says which two one column may have, and why."""

from itertools import combinations

import pytest

from rtb_optimizer.core.config.rules import settings_of
from rtb_optimizer.core.config.settings import Settings, settings_as_stored
from rtb_optimizer.errors import ConfigInvalid
from v3_settings import v3_settings

OF_EVENTS = ("outcome_logs_", "win_logs_")
ROLES = [n for n in Settings.__annotations__ if n.endswith("_column") and not n.startswith(OF_EVENTS)]
MAY_BE_ONE = {
    ("outcome_column", "value_column"): "each event is worth 1",
    ("value_column", "cost_column"): "a seller's revenue is what bids are normalized on",
    ("cost_column", "bid_column"): "in a first-price auction the bid is paid",
    ("person_id_column", "holdback_id_column"): "a person sees one arm",
}
FEATURES_TOO = {"currency_column": "the currency of a market is known before the bid"}
VALID = {"cost_column": "cost", "currency_rates": {"USD": 1}}


def problems(**overrides):
    try:
        v3_settings(**overrides)
    except ConfigInvalid as refused:
        return list(refused.violations)
    return []


@pytest.mark.parametrize(("earlier", "later"), list(combinations(ROLES, 2)))
def test_two_roles_of_one_column_are_refused_but_for_those_that_make_sense(earlier, later):
    found = problems(**VALID | {earlier: "x", later: "x"})

    contradiction = f"{later}: 'x' is also {earlier}; a column has one role"
    assert (contradiction in found) is ((earlier, later) not in MAY_BE_ONE)


@pytest.mark.parametrize("features", ["anchor_features", "candidate_features"])
@pytest.mark.parametrize("role", ROLES)
def test_a_column_with_a_role_is_no_feature(role, features):
    found = problems(**VALID | {role: "x", features: "x, site"})

    assert any(p.startswith(f"{features}: x is also {role}: ") for p in found) is (role not in FEATURES_TOO)


@pytest.mark.parametrize(
    "overrides",
    [
        {"row_filter": {"site": ["a"]}, "candidate_features": "site"},
        {"anchor_features": "site", "candidate_features": "site"},
        {"row_id_columns": "at, site", "timestamp_column": "at", "candidate_features": "site"},
        {"row_id_columns": "user", "person_id_column": "user"},
        {"row_filter": {"click": ["1"]}},
    ],
)
def test_filters_ids_and_anchors_may_share_columns(overrides):
    assert problems(**overrides) == []


def test_the_outcome_identifies_no_row():
    assert problems(row_id_columns="auction, click") == [
        "row_id_columns: click is also outcome_column, which identifies no row; remove it there"
    ]


@pytest.mark.parametrize(
    ("overrides", "problem"),
    [
        (
            {"anchor_features": "device_ip"},
            (
                "anchor_features: device_ip is denied by ip of denied_features; remove one of them, or name device_ip "
                "in allowed_identifiers if it identifies no person"
            ),
        ),
        ({"anchor_features": "ip"}, "anchor_features: ip is also in denied_features"),
        ({"allowed_identifiers": "ip"}, "allowed_identifiers: ip is also in denied_features; remove one of them"),
    ],
)
def test_what_is_denied_is_no_anchor_and_not_allowed(overrides, problem):
    assert problems(**overrides) == [problem]


def test_an_anchor_that_a_word_denies_is_taken_when_a_person_vouches_for_it():
    assert problems(anchor_features="ip_pool", allowed_identifiers="ip_pool") == []


def test_a_past_run_is_read_although_it_breaks_a_rule_of_today():
    from rtb_optimizer.core.config.resolve import resolve
    from v3_settings import REQUIRED, declared_keys

    values = resolve(declared_keys(), REQUIRED, {"anchor_features": "click, device_ip"}).values

    assert settings_as_stored(values).anchor_features == ["click", "device_ip"]
    with pytest.raises(ConfigInvalid):
        settings_of(values)
