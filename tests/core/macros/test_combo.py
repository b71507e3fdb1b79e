"""Each dialect writes its own macros, and reports what it does about a feature that it has none for."""

from dataclasses import replace

import pytest

from rtb_optimizer.core.macros.combo import Coverage, map_ad_macros, near_misses
from rtb_optimizer.core.macros.dialect import Dialect, Evidence, GapPolicy, template_problem
from rtb_optimizer.core.macros.lint import probable_macro
from rtb_optimizer.errors import ConfigInvalid, MacroGap
from rtb_optimizer.store import seeds

TEMPLATES = {
    name: {row["feature_name"]: row["macro_template"] for row in seeds._macro_rows(1) if row["macro_format"] == name}
    for name in seeds.dialects()
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


def test_a_gap_is_reported_in_one_line_with_format_every_feature_and_the_fix():
    with pytest.raises(MacroGap) as gap:
        mapped("xandr", ["carrier", "country", "moon_phase"], GapPolicy.FAIL)

    assert str(gap.value) == (
        "format 'xandr' has no macro for carrier, moon_phase: give it one by `rtb macros set carrier xandr TEMPLATE` "
        "or in macro_templates, or choose another policy in macro_gap_policies (wildcard, derived, skip_format)"
    )


def test_the_command_of_the_fix_can_be_pasted_into_a_shell_whatever_the_column_is_called():
    with pytest.raises(MacroGap, match=r"`rtb macros set 'site id\|x' xandr TEMPLATE`"):
        mapped("xandr", ["site id|x"], GapPolicy.FAIL)


@pytest.mark.parametrize("macro_format", [name for name, dialect in seeds.dialects().items() if TEMPLATES[name]])
def test_a_combo_can_be_taken_apart_again_at_its_separator(macro_format):
    features = [*TEMPLATES[macro_format], "hour", "carrier"]
    made = mapped(macro_format, list(dict.fromkeys(features)))

    assert len(made.combo.split(seeds.dialect(macro_format).separator)) == len(made.coverage)


@pytest.mark.parametrize("macro_format", seeds.dialects())
def test_every_macro_that_is_known_is_one_of_its_dialect_and_misspells_no_other(macro_format):
    dialect = seeds.dialect(macro_format)
    derived = [derivation.macro for derivation in dialect.derived.values()]

    assert {*TEMPLATES[macro_format].values(), *derived} <= set(dialect.known)
    for template in dialect.known:
        assert template_problem(template, dialect) is None
        assert probable_macro(template, dialect) is None
        assert dialect.name_of(template) not in ("", template)


@pytest.mark.parametrize("macro_format", seeds.dialects())
def test_every_dialect_says_who_expands_it_when_where_that_is_written_and_how_surely_it_is_known(macro_format):
    dialect = seeds.dialect(macro_format)

    assert all((dialect.title, dialect.expanded_at, dialect.expanded_when, dialect.source))
    assert {*dialect.secondary, *dialect.own_values, *dialect.value_maps} <= set(dialect.known)
    assert all(len(set(ids.values())) == len(ids) for ids in dialect.value_maps.values())
    assert all(0 <= dialect.encodings_of(macro) <= 3 for macro in dialect.known)


def test_documentation_or_code_of_a_platform_is_distinguished_from_third_parties():
    by_evidence = {how: {name for name, d in seeds.dialects().items() if d.evidence is how} for how in Evidence}

    assert by_evidence[Evidence.OWN] == {"adx"}
    assert by_evidence[Evidence.VERIFIED] == {"openrtb", "vast4", "xandr", "prebid_server", "rtbkit"}
    assert by_evidence[Evidence.MIXED] == {"beeswax", "kevel", "adobe"}
    assert "equativ" in by_evidence[Evidence.SECONDARY]


@pytest.mark.parametrize(
    ("macro_format", "macro", "encodings", "limit"),
    [
        ("xandr", "${TAG_ID}", 0, None),
        ("xandr", "${USER_AGENT_ENC}", 1, None),
        ("vast4", "[PAGEURL]", 1, None),
        ("dv360", "${SOURCE_URL_ENC}", 1, None),
        ("dv360", "${SOURCE_URL_ENC_ENC}", 2, None),
        ("authorized_buyers", "%%SITE%%", 1, None),
        ("authorized_buyers", "%%SITE_UNESC%%", 0, None),
        ("authorized_buyers", "%%SITE_ESC_ESC%%", 2, None),
        ("the_trade_desk", "%%TTD_SITE_ESC2%%", 2, None),
        ("kevel", "{{url | url_encode}}", 1, None),
        ("prebid_server", "##PBS-DOMAIN##", 1, None),
        ("prebid_server", "##PBS-MACRO-slot##", 1, 100),
        ("google_ad_manager", "%%PATTERN:slot%%", 0, 40),
    ],
)
def test_the_name_of_a_macro_says_how_often_its_value_is_encoded_and_where_it_is_cut(
    macro_format, macro, encodings, limit
):
    dialect = seeds.dialect(macro_format)

    assert template_problem(macro, dialect) is None
    assert (dialect.encodings_of(macro), dialect.limit_of(macro)) == (encodings, limit)


@pytest.mark.parametrize(
    ("macro_format", "template"),
    [
        ("adx", "ADX_PLACEMENT_ID"),
        ("adx", "[adx_placement_id]"),
        ("adx", "[ADX_PLACEMENT_ID] "),
        ("adx", "[ADX_A][ADX_B]"),
        ("adx", "${TAG_ID}"),
        ("adx", ""),
        ("adx", "[ADX_SIZE]&consent=${GDPR_CONSENT_755}"),
        ("openrtb", "${TAG_ID}"),
        ("xandr", "${tag_id}"),
        ("xandr", "${TAG_ID}${GDPR_CONSENT_755}"),
        ("beeswax", "{DOMAIN}"),
        ("beeswax", "{{DOMAIN}}\n"),
        ("authorized_buyers", "%%Site%%"),
    ],
)
def test_a_template_that_is_no_macro_of_its_dialect_is_reported_with_the_pattern(macro_format, template):
    dialect = seeds.dialect(macro_format)

    assert template_problem(template, dialect) == (
        f"{template!r} is no {macro_format} macro: it must match {dialect.pattern}"
    )


def test_a_template_may_not_hold_the_separator():
    loose = Dialect("loose", "Loose", ("", ""), r".+", "~", "anywhere", GapPolicy.FAIL)

    assert template_problem("a~b", loose) == "'a~b' holds the separator '~' of loose"
    assert template_problem("a-b", loose) is None


def test_wildcards_alone_address_nothing_and_make_no_combo():
    made = mapped("openrtb", ["device_type", "ad_size"])

    assert made.combo is None
    assert set(made.coverage.values()) == {Coverage.WILDCARD}


@pytest.mark.parametrize(
    ("macro_format", "template", "meant"),
    [
        ("authorized_buyers", "%%Site%%", "%%SITE%%"),  # case
        ("xandr", "${tag_id}", "${TAG_ID}"),
        ("xandr", "{{TAG_ID}}", "${TAG_ID}"),  # brackets
        ("xandr", "TAG_ID", "${TAG_ID}"),
        ("beeswax", "${DOMAIN}", "{{DOMAIN}}"),
        ("adx", "[ADX_PLACEMNT_ID]", "[ADX_PLACEMENT_ID]"),  # letters
        ("adx", "[ADX-PLACEMENT-ID]", "[ADX_PLACEMENT_ID]"),
        ("prebid_server", "##PBS-DOMIAN##", "##PBS-DOMAIN##"),
        ("xandr", "${TAG_CODE3}", None),  # another number, another macro
        ("xandr", "${MOON_PHASE}", None),
        ("adx", "[ADX_NEW]", None),
        ("equativ", "[TimeStamp]", None),  # either bracket, any case
        ("equativ", "{timestmp}", "{timestamp}"),
        ("adx", "[ADX_SITE]", None),  # a macro of the owner's own: the prefix that all have makes no two alike
        ("adx", "[ADX_COUNTY]", "[ADX_COUNTRY]"),
    ],
)
def test_a_template_that_is_nearly_a_known_macro_names_the_one_that_was_probably_meant(macro_format, template, meant):
    assert probable_macro(template, seeds.dialect(macro_format)) == meant


def test_a_macro_in_the_wrong_case_fails_with_the_one_that_was_probably_meant():
    with pytest.raises(ConfigInvalid) as invalid:
        map_ad_macros(["site_domain"], {"site_domain": "%%Site%%"}, seeds.dialect("authorized_buyers"))

    assert "macro of site_domain: '%%Site%%' is no authorized_buyers macro: it must match" in str(invalid.value)
    assert "; was '%%SITE%%' meant?" in str(invalid.value)


def test_a_misspelt_macro_that_may_be_a_new_one_is_warned_of_and_kept():
    adx = seeds.dialect("adx")
    combo = map_ad_macros(["ad_size", "hour"], {"ad_size": "[ADX_SIZES]", "hour": "[ADX_MOON]"}, adx)

    assert combo.combo == "[ADX_SIZES]~[ADX_MOON]"
    warnings = near_misses(combo, adx)
    assert [warning.code for warning in warnings] == ["macro_near_miss"]
    assert warnings[0].message == (
        "adx is not known to have the macro '[ADX_SIZES]' of ad_size: was '[ADX_SIZE]' meant? correct it: "
        "`rtb macros set ad_size adx '[ADX_SIZE]'`"
    )


def test_one_macro_cannot_address_two_features():
    with pytest.raises(ConfigInvalid) as invalid:
        map_ad_macros(["os", "hour", "browser"], dict.fromkeys(["os", "browser"], "[ADX_X]"), seeds.dialect("adx"))

    assert str(invalid.value) == (
        "macro of os: '[ADX_X]' is the adx macro of os, browser: one macro cannot address two features; correct it by "
        "`rtb macros set`, or in macro_templates"
    )


@pytest.mark.parametrize(("limit", "fits"), [(32, True), (31, False)])
def test_a_combo_that_is_too_long_fails_or_skips_its_format_as_the_policy_says(limit, fits):
    short = replace(seeds.dialect("adx"), combo_limit=limit)
    features, templates = ["internal_adspace_id", "country"], TEMPLATES["adx"]
    reason = "its combo has 32 characters, adx takes 31"
    skipped = map_ad_macros(features, templates, short)

    assert (skipped.combo is not None, skipped.skipped) == (fits, "" if fits else reason)
    if fits:
        assert map_ad_macros(features, templates, short, GapPolicy.FAIL).combo == skipped.combo
    else:
        with pytest.raises(MacroGap, match=f"format 'adx': {reason}; lower max_features"):
            map_ad_macros(features, templates, short, GapPolicy.FAIL)


@pytest.mark.parametrize(
    ("features", "policy", "skipped"),
    [
        (["carrier", "hour"], GapPolicy.SKIP_FORMAT, "no macro for carrier"),
        (["carrier"], GapPolicy.WILDCARD, "it has a macro for none of the features"),
        (["hour"], GapPolicy.WILDCARD, ""),
    ],
)
def test_a_format_that_is_skipped_says_why(features, policy, skipped):
    assert mapped("adx", features, policy).skipped == skipped
