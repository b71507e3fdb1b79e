"""A column with a name of its own has the macro that the catalog or the entity's configuration gives it."""

import pytest
from sqlalchemy import select

from rtb_optimizer.core.macros.combo import map_ad_macros
from rtb_optimizer.core.macros.dialect import GapPolicy
from rtb_optimizer.run.macro_combos import combos_of, macros_document, without_required_macro
from rtb_optimizer.store import macros
from rtb_optimizer.store.schema import Optimizer
from rtb_optimizer.store.seeds import dialect
from v3_settings import v3_settings

FEATURES = ["country", "slot_id"]
DERIVED = GapPolicy.DERIVED


@pytest.mark.parametrize(
    ("own", "combo"),
    [
        ({}, "[ADX_COUNTRY]~[SLOT]"),
        ({"adx": {"slot_id": "[MINE]"}}, "[ADX_COUNTRY]~[MINE]"),
        ({"adx": {"country": ""}}, "*~[SLOT]"),
        ({"xandr": {"slot_id": "${TAG_ID}"}}, "[ADX_COUNTRY]~[SLOT]"),
    ],
)
def test_the_macros_of_an_entity_go_over_those_of_all(session, own, combo):
    macros.set_template(session, "slot_id", "adx", "[SLOT]")
    opt_id = session.scalars(select(Optimizer.opt_id)).one()
    settings = v3_settings(macro_formats="adx", macro_templates=own, candidate_features=FEATURES)
    (made,) = combos_of(session, opt_id, settings, FEATURES)

    assert made.combo == combo


def test_a_macro_of_the_entity_s_own_lets_a_feature_into_a_format_that_must_not_fail(session):
    opt_id = session.scalars(select(Optimizer.opt_id)).one()
    required = {"macro_formats": "xandr", "macro_gap_policies": {"xandr": "fail"}, "candidate_features": FEATURES}
    own = {"xandr": {"slot_id": "${TAG_CODE1}"}}

    assert without_required_macro(session, opt_id, v3_settings(**required)) == {"slot_id"}
    assert without_required_macro(session, opt_id, v3_settings(**required, macro_templates=own)) == set()


@pytest.mark.parametrize(
    ("templates", "clocks", "told"),
    [
        ({}, {}, True),
        ({}, {"hour": "utc"}, False),
        ({}, {"hour": "user"}, False),
        ({}, {"other": "utc"}, True),
        ({"hour": "${AUCTION_IMP_TS}"}, {}, True),
    ],
    ids=["nothing said", "utc", "user", "of another column", "by a template of its own"],
)
def test_an_hour_that_is_taken_for_utc_is_warned_of_while_nothing_says_so(templates, clocks, told):
    settings = v3_settings(column_clocks=clocks)
    combo = map_ad_macros(
        ["seat_id", "hour"], {"seat_id": "${AUCTION_SEAT_ID}"} | templates, dialect("openrtb"), DERIVED
    )
    document = macros_document(["seat_id", "hour"], [combo], settings)
    messages = [warning.message for warning in document.warnings if warning.code == "macro_clock"]

    assert ['set column_clocks to {"hour": "utc"}' in message for message in messages] == [True] * told


def test_an_hour_that_no_macro_gives_is_nothing_to_warn_of():
    combo = map_ad_macros(["hour"], {"hour": "[ADX_HOUR]"}, dialect("adx"), DERIVED)

    assert macros_document(["hour"], [combo], v3_settings()).warnings == ()
