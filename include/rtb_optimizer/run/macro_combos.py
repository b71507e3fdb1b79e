"""Maps the features of a run to a macro combo per format, with what a reader needs to take an expanded combo apart."""

from collections.abc import Sequence

from sqlalchemy.orm import Session

from rtb_optimizer.core.config.settings import Settings
from rtb_optimizer.core.decision.warning import RunWarning
from rtb_optimizer.core.macros.combo import MacroCombo, map_ad_macros, near_misses
from rtb_optimizer.core.macros.dialect import GapPolicy
from rtb_optimizer.core.macros.route import Route, route_of
from rtb_optimizer.core.platforms.column import Clock
from rtb_optimizer.core.sample.value_maps import value_maps
from rtb_optimizer.outputs.documents.document import WarningDocument
from rtb_optimizer.outputs.documents.macros import FormatDocument, MacrosDocument
from rtb_optimizer.store.macros import templates_of
from rtb_optimizer.store.seeds import dialect


def combos_of(session: Session, opt_id: int, settings: Settings, features: Sequence[str]) -> list[MacroCombo]:
    """Map the ordered features in every format.

    Raises:
        MacroGap: when a feature has no macro in a format whose policy is `fail`.
    """
    return [
        map_ad_macros(features, _templates(session, opt_id, settings, name), dialect(name), _policy(settings, name))
        for name in settings.macro_formats
    ]


def macros_document(features: Sequence[str], combos: Sequence[MacroCombo], settings: Settings) -> MacrosDocument:
    """Return the macro combos with what a reader needs to take them apart, and the matrix feature x format."""
    warnings = [warning for combo in combos for warning in near_misses(combo, dialect(combo.macro_format))]
    formats = {combo.macro_format: _format(combo, settings) for combo in combos}
    warnings += [
        warning
        for name, each in formats.items()
        if each.combo and each.route
        for warning in assumed_utc(name, each.route, settings)
    ]
    return MacrosDocument(
        fields=tuple(features),
        formats=formats,
        warnings=WarningDocument.of(warnings),
    )


def assumed_utc(macro_format: str, route: Route, settings: Settings) -> list[RunWarning]:
    """Warn of the hours that are computed from an instant in UTC while nothing says that the logs' hour is in UTC.

    The hour of the user's place would find another hour's row with each request, and no test on the run's own rows can
    tell.
    """
    return [
        RunWarning(
            "macro_clock",
            f"{macro_format}: {place.feature} is computed from {place.macro} as the hour in UTC, and column_clocks "
            f'does not say which clock it is by in the logs: set column_clocks to {{"{place.feature}": "utc"}}, or to '
            f'{{"{place.feature}": "user"}}, which leaves it open',
        )
        for place in route.places
        if place.derived is not None and place.gap is None and place.feature not in settings.column_clocks
    ]


def without_required_macro(session: Session, opt_id: int, settings: Settings) -> set[str]:
    """Return the candidates that a format which must not fail has no macro for; there, none is derived either."""
    required = [name for name in settings.macro_formats if _policy(settings, name) is GapPolicy.FAIL]
    known = [_templates(session, opt_id, settings, name).keys() for name in required]
    return {name for name in settings.candidate_features if any(name not in templates for templates in known)}


def _format(combo: MacroCombo, settings: Settings) -> FormatDocument:
    written_as = dialect(combo.macro_format)
    maps = value_maps(settings.macro_value_maps, combo.macro_format)
    local = [name for name, clock in settings.column_clocks.items() if clock != Clock.UTC]
    return FormatDocument(
        combo=combo.combo,
        skipped=combo.skipped,
        separator=written_as.separator,
        missing=tuple(written_as.missing),
        expanded_at=written_as.expanded_at,
        expanded_when=written_as.expanded_when,
        evidence=written_as.evidence,
        secondary=tuple(sorted(written_as.secondary & set(combo.parts.values()))),
        source=written_as.source,
        coverage={feature: how.value for feature, how in combo.coverage.items()},
        route=route_of(combo, written_as, maps, settings.host_features, local),
    )


def _templates(session: Session, opt_id: int, settings: Settings, macro_format: str) -> dict[str, str]:
    return templates_of(session, opt_id, macro_format, settings.macro_templates)


def _policy(settings: Settings, macro_format: str) -> GapPolicy:
    policy = settings.macro_gap_policies.get(macro_format)
    return dialect(macro_format).gap_policy if policy is None else GapPolicy(policy)
