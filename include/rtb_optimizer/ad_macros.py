"""Which macros have a run's features, in each format that is asked for?"""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from rtb_optimizer.core.macros import GapPolicy, MacroCombo, map_ad_macros
from rtb_optimizer.core.settings import Settings
from rtb_optimizer.store.schema import FeatureMacro
from rtb_optimizer.store.seeds import dialect


def combos_of(session: Session, opt_id: int, settings: Settings, features: Sequence[str]) -> list[MacroCombo]:
    """Map the ordered features in every format.

    Raises:
        MacroGap: when a feature has no macro in a format whose policy is `fail`.
    """
    return [
        map_ad_macros(features, _templates(session, opt_id, name), dialect(name), _policy(settings, name))
        for name in settings.macro_formats
    ]


def without_required_macro(session: Session, opt_id: int, settings: Settings) -> set[str]:
    """Return the candidates that a format which must not fail could not address."""
    required = [name for name in settings.macro_formats if _policy(settings, name) is GapPolicy.FAIL]
    known = [_templates(session, opt_id, name).keys() | dialect(name).derived.keys() for name in required]
    return {name for name in settings.candidate_features if any(name not in templates for templates in known)}


def _templates(session: Session, opt_id: int, macro_format: str) -> dict[str, str]:
    of_format = FeatureMacro.opt_id == opt_id, FeatureMacro.macro_format == macro_format
    rows = session.execute(select(FeatureMacro.feature_name, FeatureMacro.macro_template).where(*of_format))
    return {name: template for name, template in rows}  # noqa: C416 - rows are no pairs to dict()'s type


def _policy(settings: Settings, macro_format: str) -> GapPolicy:
    asked = settings.macro_gap_policies.get(macro_format)
    return dialect(macro_format).gap_policy if asked is None else GapPolicy(asked)
