"""A column with a name of its own has the macro that the catalog or the entity's configuration gives it."""

import pytest
from sqlalchemy import select

from rtb_optimizer.run.macro_combos import combos_of, without_required_macro
from rtb_optimizer.store import macros
from rtb_optimizer.store.schema import Optimizer
from v3_settings import v3_settings

FEATURES = ["country", "slot_id"]


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
