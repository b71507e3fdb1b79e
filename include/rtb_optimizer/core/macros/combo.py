"""Maps a run's features to a macro combo in each ad platform's dialect.

A combo is the ordered join of the features' macros. A feature without one follows the gap policy of its format.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from shlex import quote

from rtb_optimizer.core.decision.warning import RunWarning
from rtb_optimizer.core.macros.dialect import Dialect, GapPolicy, template_problem
from rtb_optimizer.core.macros.lint import probable_macro
from rtb_optimizer.core.sample.values import WILDCARD
from rtb_optimizer.errors import ConfigInvalid, MacroGap


class Coverage(StrEnum):
    """How a format addresses one feature."""

    MACRO = "macro"
    DERIVED = "derived"
    WILDCARD = "wildcard"
    GAP = "gap"


@dataclass(frozen=True, slots=True)
class MacroCombo:
    """The ordered join for a run in one format, with its `coverage` and its `parts` by feature.

    `combo` is None where the format is skipped, with the reason in `skipped`. Wildcards alone are no combo.
    """

    macro_format: str
    combo: str | None
    coverage: Mapping[str, Coverage]
    parts: Mapping[str, str]
    skipped: str = ""


def map_ad_macros(
    features: Sequence[str], templates: Mapping[str, str], dialect: Dialect, policy: GapPolicy | None = None
) -> MacroCombo:
    """Map the ordered features to one combo: `templates` by feature, `policy` over the dialect's own.

    Raises:
        MacroGap: when a feature has no macro, or the combo is too long, and the policy is `fail`.
        ConfigInvalid: when the macro of a feature does not belong to the dialect, or is that of another feature too.
    """
    policy, name = policy or dialect.gap_policy, dialect.macro_format
    _require_macros(features, templates, dialect)
    parts = {feature: _part(feature, templates, dialect, policy) for feature in features}
    coverage = {feature: how for feature, (_, how) in parts.items()}
    texts = {feature: text for feature, (text, _) in parts.items()}
    combo = dialect.separator.join(texts.values())
    gaps = [feature for feature, how in coverage.items() if how is Coverage.GAP]
    if gaps and policy is not GapPolicy.SKIP_FORMAT:
        raise MacroGap(
            f"format {name!r} has no macro for {', '.join(gaps)}: give it one by `rtb macros set {quote(gaps[0])} "
            f"{name} TEMPLATE` or in macro_templates, or choose another policy in macro_gap_policies (wildcard, "
            "derived, skip_format)"
        )
    skipped = f"no macro for {', '.join(gaps)}" if gaps else _unfit(combo, dialect)
    if skipped and not gaps and policy is GapPolicy.FAIL:
        raise MacroGap(
            f"format {name!r}: {skipped}; lower max_features, or choose another policy in macro_gap_policies"
        )
    if not any(how in (Coverage.MACRO, Coverage.DERIVED) for how in coverage.values()):
        skipped = skipped or "it has a macro for none of the features"
    return MacroCombo(name, None if skipped else combo, coverage, texts, skipped)


def near_misses(combo: MacroCombo, dialect: Dialect) -> list[RunWarning]:
    """Warn of the combo's macros that the dialect does not list but that resemble a known one."""
    macros = {name: combo.parts[name] for name, how in combo.coverage.items() if how is Coverage.MACRO}
    suggestion = {name: probable_macro(macro, dialect) for name, macro in macros.items()}
    return [
        RunWarning(
            "macro_near_miss",
            f"{dialect.macro_format} is not known to have the macro {macros[name]!r} of {name}: was {macro!r} meant? "
            f"correct it: `rtb macros set {quote(name)} {dialect.macro_format} {quote(macro)}`",
        )
        for name, macro in suggestion.items()
        if macro is not None
    ]


def _require_macros(features: Sequence[str], templates: Mapping[str, str], dialect: Dialect) -> None:
    used = {name: templates[name] for name in features if name in templates}
    wrong = {name: _template_error(template, dialect) for name, template in used.items()}
    shared = [template for template, times in Counter(used.values()).items() if times > 1]
    for template in shared:
        sharing = [name for name in used if used[name] == template]
        others = f"{template!r} is the {dialect.macro_format} macro of {', '.join(sharing)}"
        wrong[sharing[0]] = wrong[sharing[0]] or f"{others}: one macro cannot address two features"
    if any(wrong.values()):
        fix = "; correct it by `rtb macros set`, or in macro_templates"
        raise ConfigInvalid([f"macro of {name}: {problem}{fix}" for name, problem in wrong.items() if problem])


def _template_error(template: str, dialect: Dialect) -> str | None:
    problem = template_problem(template, dialect)
    suggestion = problem and probable_macro(template, dialect)
    return f"{problem}; was {suggestion!r} meant?" if suggestion else problem


def _unfit(combo: str, dialect: Dialect) -> str:
    limit = dialect.combo_limit
    if limit is None or len(combo) <= limit:
        return ""
    return f"its combo has {len(combo)} characters, {dialect.macro_format} takes {limit}"


def _part(feature: str, templates: Mapping[str, str], dialect: Dialect, policy: GapPolicy) -> tuple[str, Coverage]:
    if feature in templates:
        return templates[feature], Coverage.MACRO
    if feature in dialect.derived and policy in (GapPolicy.DERIVED, GapPolicy.WILDCARD):
        return dialect.derived[feature].macro, Coverage.DERIVED
    if policy is GapPolicy.WILDCARD:
        return WILDCARD, Coverage.WILDCARD
    return "", Coverage.GAP
