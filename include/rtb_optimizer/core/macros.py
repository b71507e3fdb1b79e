"""Which macros does a bidder join to address a segment, in each ad platform's dialect?

Dialects are data (store/seeds/dialects.toml): what a macro looks like, what joins them, and what to do about a
selected feature that the platform has no macro for.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from rtb_optimizer.core.values import WILDCARD
from rtb_optimizer.errors import ConfigInvalid, MacroGap


class GapPolicy(StrEnum):
    """What a format does about a selected feature without a macro."""

    FAIL = "fail"
    WILDCARD = "wildcard"
    DERIVED = "derived"
    SKIP_FORMAT = "skip_format"


class Coverage(StrEnum):
    """How a format addresses one feature."""

    MACRO = "macro"
    DERIVED = "derived"
    WILDCARD = "wildcard"
    GAP = "gap"


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one platform writes macros. `pattern` is a regular expression that a whole template must match.

    `derived` names, by feature, the macro from which the receiving bidder computes the feature (an hour from a
    timestamp). `missing` is what the platform expands an absent value to.
    """

    macro_format: str
    title: str
    pattern: str
    separator: str
    missing: tuple[str, ...]
    expanded_at: str
    gap_policy: GapPolicy
    derived: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class MacroCombo:
    """The ordered join for a run in one format, with its `coverage` by feature.

    None where the format is skipped, and where it would be wildcards alone: that addresses nothing.
    """

    macro_format: str
    combo: str | None
    coverage: Mapping[str, Coverage]


def map_ad_macros(
    features: Sequence[str], templates: Mapping[str, str], dialect: Dialect, policy: GapPolicy | None = None
) -> MacroCombo:
    """Map the ordered features to one combo: `templates` by feature, `policy` over the dialect's own.

    Raises:
        MacroGap: when a feature has no macro and the policy is `fail`.
        ConfigInvalid: when the macro of a feature is none of the dialect.
    """
    policy = policy or dialect.gap_policy
    wrong = {name: template_problem(templates[name], dialect) for name in features if name in templates}
    if any(wrong.values()):
        raise ConfigInvalid([f"opt_feature_macros: {name}: {problem}" for name, problem in wrong.items() if problem])
    parts = {feature: _part(feature, templates, dialect, policy) for feature in features}
    coverage = {feature: how for feature, (_, how) in parts.items()}
    gaps = [feature for feature, how in coverage.items() if how is Coverage.GAP]
    if gaps and policy is not GapPolicy.SKIP_FORMAT:
        raise MacroGap(
            f"format {dialect.macro_format!r} has no macro for {', '.join(gaps)}: add one to opt_feature_macros, or "
            "choose another policy in macro_gap_policies (wildcard, derived, skip_format)"
        )
    addresses = any(how in (Coverage.MACRO, Coverage.DERIVED) for how in coverage.values())
    combo = dialect.separator.join(text for text, _ in parts.values()) if addresses and not gaps else None
    return MacroCombo(dialect.macro_format, combo, coverage)


def template_problem(template: str, dialect: Dialect) -> str | None:
    """Return what is wrong with a template under its dialect, or None."""
    if not re.fullmatch(dialect.pattern, template):
        return f"{template!r} is no {dialect.macro_format} macro: it must match {dialect.pattern}"
    if dialect.separator in template:
        return f"{template!r} holds the separator {dialect.separator!r} of {dialect.macro_format}"
    return None


def _part(feature: str, templates: Mapping[str, str], dialect: Dialect, policy: GapPolicy) -> tuple[str, Coverage]:
    if feature in templates:
        return templates[feature], Coverage.MACRO
    if feature in dialect.derived and policy in (GapPolicy.DERIVED, GapPolicy.WILDCARD):
        return dialect.derived[feature], Coverage.DERIVED
    if policy is GapPolicy.WILDCARD:
        return WILDCARD, Coverage.WILDCARD
    return "", Coverage.GAP
