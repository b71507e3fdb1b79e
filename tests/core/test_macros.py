"""Each dialect writes its own macros, and says what it does about a feature that it has none for."""

import pytest

from rtb_optimizer.core.macros import Coverage, Dialect, GapPolicy, map_ad_macros, template_problem
from rtb_optimizer.errors import MacroGap
from rtb_optimizer.store import seeds

TEMPLATES = {
    row["macro_format"]: {
        other["feature_name"]: other["macro_template"]
        for other in seeds._macro_rows(1)
        if other["macro_format"] == row["macro_format"]
    }
    for row in seeds._macro_rows(1)
}
FEATURES = ["internal_adspace_id", "hour", "carrier"]


def mapped(macro_format, features, policy=None):
    return map_ad_macros(features, TEMPLATES[macro_format], seeds.dialect(macro_format), policy)


@pytest.mark.parametrize(
    ("macro_format", "features", "combo"),
    [
        ("adx", ["internal_adspace_id"], "[ADX_PLACEMENT_ID]"),
        ("adx", ["device_type", "internal_adspace_id"], "[ADX_DEVICE_TYPE]~[ADX_PLACEMENT_ID]"),
        ("xandr", ["internal_adspace_id", "country"], "${TAG_ID}~${USER_COUNTRY}"),
        ("beeswax", ["site_domain", "os"], "{{DOMAIN}}~{{PLATFORM_OS}}"),
        ("openrtb", ["seat_id", "auction_currency"], "${AUCTION_SEAT_ID}~${AUCTION_CURRENCY}"),
    ],
)
def test_a_combo_joins_the_macros_in_the_order_of_the_features(macro_format, features, combo):
    made = mapped(macro_format, features)

    assert (made.macro_format, made.combo) == (macro_format, combo)
    assert dict(made.coverage) == dict.fromkeys(features, Coverage.MACRO)
    assert list(made.coverage) == features


@pytest.mark.parametrize(
    ("macro_format", "combo", "coverage"),
    [
        ("adx", "[ADX_PLACEMENT_ID]~[ADX_HOUR]~*", ["macro", "macro", "wildcard"]),
        ("xandr", "${TAG_ID}~${TIMESTAMP}~*", ["macro", "derived", "wildcard"]),
        ("beeswax", "*~{{BID_TIME_UTC}}~*", ["wildcard", "derived", "wildcard"]),
        ("openrtb", "*~${AUCTION_IMP_TS}~*", ["wildcard", "derived", "wildcard"]),
    ],
)
def test_the_dialects_own_policy_derives_what_it_can_and_leaves_the_rest_open(macro_format, combo, coverage):
    made = mapped(macro_format, FEATURES)

    assert made.combo == combo
    assert [made.coverage[name].value for name in FEATURES] == coverage


@pytest.mark.parametrize(
    ("macro_format", "features", "policy", "combo", "coverage"),
    [
        ("xandr", ["country", "hour"], "fail", None, None),
        ("xandr", ["country", "carrier"], "fail", None, None),
        ("xandr", ["country"], "fail", "${USER_COUNTRY}", ["macro"]),
        ("xandr", ["country", "hour"], "wildcard", "${USER_COUNTRY}~${TIMESTAMP}", ["macro", "derived"]),
        ("xandr", ["country", "carrier"], "wildcard", "${USER_COUNTRY}~*", ["macro", "wildcard"]),
        ("xandr", ["country", "hour"], "derived", "${USER_COUNTRY}~${TIMESTAMP}", ["macro", "derived"]),
        ("xandr", ["country", "carrier"], "derived", None, None),
        ("xandr", ["country", "hour"], "skip_format", None, ["macro", "gap"]),
        ("xandr", ["country", "carrier"], "skip_format", None, ["macro", "gap"]),
        ("xandr", ["country"], "skip_format", "${USER_COUNTRY}", ["macro"]),
    ],
)
def test_a_policy_given_for_the_run_is_followed(macro_format, features, policy, combo, coverage):
    if coverage is None:
        with pytest.raises(MacroGap):
            mapped(macro_format, features, GapPolicy(policy))
        return
    made = mapped(macro_format, features, GapPolicy(policy))

    assert made.combo == combo
    assert [how.value for how in made.coverage.values()] == coverage


def test_a_gap_is_told_in_one_line_with_format_every_feature_and_the_fix():
    with pytest.raises(MacroGap) as gap:
        mapped("xandr", ["carrier", "country", "moon_phase"], GapPolicy.FAIL)

    assert str(gap.value) == (
        "format 'xandr' has no macro for carrier, moon_phase: add one to opt_feature_macros, or choose another policy "
        "in macro_gap_policies (wildcard, derived, skip_format)"
    )


@pytest.mark.parametrize("macro_format", seeds.dialects())
def test_a_combo_can_be_taken_apart_again_at_its_separator(macro_format):
    features = [*TEMPLATES[macro_format], "hour", "carrier"]
    made = mapped(macro_format, list(dict.fromkeys(features)))

    assert len(made.combo.split(seeds.dialect(macro_format).separator)) == len(made.coverage)


@pytest.mark.parametrize("macro_format", seeds.dialects())
def test_every_seeded_template_and_derivation_is_a_macro_of_its_dialect(macro_format):
    dialect = seeds.dialect(macro_format)

    for template in [*TEMPLATES[macro_format].values(), *dialect.derived.values()]:
        assert template_problem(template, dialect) is None


@pytest.mark.parametrize(
    ("macro_format", "template"),
    [
        ("adx", "ADX_PLACEMENT_ID"),
        ("adx", "[adx_placement_id]"),
        ("adx", "[ADX_PLACEMENT_ID] "),
        ("adx", "[ADX_A][ADX_B]"),
        ("adx", "${TAG_ID}"),
        ("adx", ""),
        ("openrtb", "${TAG_ID}"),
        ("xandr", "${tag_id}"),
        ("beeswax", "{DOMAIN}"),
        ("beeswax", "{{DOMAIN}}\n"),
    ],
)
def test_a_template_that_is_no_macro_of_its_dialect_is_told_with_the_pattern(macro_format, template):
    dialect = seeds.dialect(macro_format)

    assert template_problem(template, dialect) == (
        f"{template!r} is no {macro_format} macro: it must match {dialect.pattern}"
    )


def test_a_template_may_not_hold_the_separator():
    loose = Dialect("loose", "Loose", r".+", "~", (), "anywhere", GapPolicy.FAIL, {})

    assert template_problem("a~b", loose) == "'a~b' holds the separator '~' of loose"
    assert template_problem("a-b", loose) is None


def test_wildcards_alone_address_nothing_and_make_no_combo():
    made = mapped("openrtb", ["device_type", "ad_size"])

    assert made.combo is None
    assert set(made.coverage.values()) == {Coverage.WILDCARD}
