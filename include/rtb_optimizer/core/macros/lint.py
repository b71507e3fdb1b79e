"""Suggests the known macro that a template probably misspells: in other case, brackets or letters."""

import re
from difflib import SequenceMatcher, get_close_matches

from rtb_optimizer.core.macros.dialect import Dialect, NameCase

MIN_SIMILARITY = 0.85
"""Minimum similarity of a misspelt name to a known one; its words must be similar, too."""

MIN_WORD_SIMILARITY = 0.8
"""Minimum similarity of a word of the name: DOMIAN and DOMAIN are similar (0.83), SITE and SIZE are not (0.75)."""


def probable_macro(template: str, dialect: Dialect) -> str | None:
    """Return the known macro that a template probably misspells; None where it is one, or resembles none.

    Names that differ in their digits alone are two macros (`TAG_CODE1`, `TAG_CODE2`), not one misspelt.
    """
    if template in dialect.known:
        return None
    by_letters = {_letters(macro): macro for macro in reversed(dialect.known)}
    if dialect.name_case is NameCase.INSENSITIVE:
        by_letters.pop(_letters(template), None)  # it is that macro, in other brackets or case
    matches = get_close_matches(_letters(template), by_letters, n=1, cutoff=MIN_SIMILARITY)
    if not matches:
        return None
    macro = by_letters[matches[0]]
    return macro if matches[0] == _letters(template) or _is_misspelt(template, macro) else None


def _is_misspelt(template: str, macro: str) -> bool:
    """Whether each differing word is similar: a shared prefix of two names alone is no evidence."""
    if _without_digits(template) == _without_digits(macro):
        return False
    ours, theirs = (re.findall(r"[^\W_]+", name.lower()) for name in (template, macro))
    return len(ours) != len(theirs) or all(
        SequenceMatcher(None, our, their).ratio() >= MIN_WORD_SIMILARITY
        for our, their in zip(ours, theirs, strict=True)
    )


def _letters(macro: str) -> str:
    """Return the letters and digits of a macro's name, in one case: what typing errors usually preserve."""
    return re.sub(r"[\W_]", "", macro).lower()


def _without_digits(macro: str) -> str:
    return re.sub(r"\d", "", _letters(macro))
