"""Describes how one ad platform writes and expands its macros, and how reliable that knowledge is.

Dialects are data (store/seeds/dialects.toml); this module has their type and the rules for their templates.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class GapPolicy(StrEnum):
    """The treatment of a selected feature without a macro in a format."""

    FAIL = "fail"
    WILDCARD = "wildcard"
    DERIVED = "derived"
    SKIP_FORMAT = "skip_format"


class Evidence(StrEnum):
    """The source of a dialect: its owner, the platform's documentation or code, or third parties."""

    OWN = "own"
    VERIFIED = "verified"
    MIXED = "mixed"
    SECONDARY = "secondary"


class NameCase(StrEnum):
    """How a platform reads the names of its macros."""

    SENSITIVE = "sensitive"
    INSENSITIVE = "insensitive"
    UPPER = "upper"
    LOWER = "lower"
    UNKNOWN = "unknown"


class Derived(StrEnum):
    """The source from which the bidder computes a feature without a macro; `ELSEWHERE` cannot be tested here."""

    UNIX_SECONDS = "unix_seconds"
    UNIX_MILLISECONDS = "unix_milliseconds"
    ISO_8601 = "iso_8601"
    UTC_DATE_TIME = "utc_date_time"
    ELSEWHERE = "elsewhere"


@dataclass(frozen=True, slots=True)
class Derivation:
    """The macro from which a feature is computed (an hour from a timestamp), and how."""

    macro: str
    of: Derived


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one platform writes and expands macros.

    Args:
        macro_format: Its name in the catalog.
        title: Its name for people.
        brackets: What opens and closes a macro: the family that it belongs to.
        pattern: A regular expression that a whole template must match.
        name_case: How the names of macros are read.
        separator: What joins a combo's macros; percent-encoding leaves it as it is.
        encodings: How often a value is percent-encoded where the macro's name does not specify it.
        encoded_by: How often, by the ending of the macro's name; longer endings first.
        plus_for_space: Whether encoding writes a space as `+`, as forms do.
        folds_values: Whether values arrive in lower case.
        missing: What an absent value expands to; empty where that is not documented.
        missing_by: The same by macro, where it differs.
        limits: The characters of a value that are kept, by the beginning of the macro.
        combo_limit: How many characters a combo may have, before and after it is expanded; None where all fit.
        expanded_at: Who expands, and where.
        expanded_when: At which moment.
        gap_policy: What it does about a feature without a macro.
        derived: What the receiving bidder computes, by feature.
        own_values: The macros that expand to ids or words of the platform's own.
        value_maps: By macro, what the platform writes for each of our values.
        known: Its macros as far as they are known, so that misspelt ones are recognised.
        secondary: The macros with secondary evidence, in a dialect that is otherwise verified.
        source: Where all that is written.
        evidence: How surely it is known.
    """

    macro_format: str
    title: str
    brackets: tuple[str, str]
    pattern: str
    separator: str
    expanded_at: str
    gap_policy: GapPolicy
    name_case: NameCase = NameCase.UNKNOWN
    encodings: int = 0
    encoded_by: Mapping[str, int] = field(default_factory=dict)
    plus_for_space: bool = False
    folds_values: bool = False
    missing: tuple[str, ...] = ()
    missing_by: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    limits: Mapping[str, int] = field(default_factory=dict)
    combo_limit: int | None = None
    expanded_when: str = ""
    derived: Mapping[str, Derivation] = field(default_factory=dict)
    own_values: frozenset[str] = frozenset()
    value_maps: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    known: tuple[str, ...] = ()
    secondary: frozenset[str] = frozenset()
    source: str = ""
    evidence: Evidence = Evidence.SECONDARY

    def encodings_of(self, template: str) -> int:
        """Return how often the platform percent-encodes what a macro expands to."""
        name = self.name_of(template)
        return next((n for ending, n in self.encoded_by.items() if name.endswith(ending)), self.encodings)

    def limit_of(self, template: str) -> int | None:
        """Return how many characters of a macro's value are kept, or None for all."""
        return next((limit for start, limit in self.limits.items() if template.startswith(start)), None)

    def missing_of(self, template: str) -> tuple[str, ...]:
        """Return what a macro without a value expands to, in each of its spellings; empty if undocumented."""
        return self.missing_by.get(template, self.missing)

    def derivation_by(self, template: str) -> Derived | None:
        """Return how an hour is computed from a macro that expands to an instant, None for any other."""
        of_macro = (each.of for each in self.derived.values() if each.macro == template)
        return next((of for of in of_macro if of is not Derived.ELSEWHERE), None)

    def name_of(self, template: str) -> str:
        """Return the name between a macro's brackets."""
        opening, closing = self.brackets
        return template.removeprefix(opening).removesuffix(closing)


def template_problem(template: str, dialect: Dialect) -> str | None:
    """Return what is wrong with a template under its dialect, or None."""
    if not re.fullmatch(dialect.pattern, template):
        return f"{template!r} is no {dialect.macro_format} macro: it must match {dialect.pattern}"
    if dialect.separator in template:
        return f"{template!r} holds the separator {dialect.separator!r} of {dialect.macro_format}"
    return None
