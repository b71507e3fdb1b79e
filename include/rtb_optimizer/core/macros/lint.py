"""Was another macro meant? A template that is nearly a known macro of its dialect: in other case, brackets, letters."""

import re
from difflib import SequenceMatcher, get_close_matches

from rtb_optimizer.core.macros.dialect import Dialect, NameCase

ALIKE = 0.85
"""From this share of equal letters on, a name is taken for a misspelt one, if its words are, too."""

WORD_ALIKE = 0.8
"""The same of a word of the name: DOMIAN and DOMAIN are alike (0.83), SITE and SIZE are not (0.75)."""


def probable_macro(template: str, dialect: Dialect) -> str | None:
    """Return the known macro that a template was probably meant to be; None where it is one, or like none.

    Names that differ in their digits alone are two macros (`TAG_CODE1`, `TAG_CODE2`), not one misspelt.
    """
    if template in dialect.known:
        return None
    by_letters = {_letters(macro): macro for macro in reversed(dialect.known)}
    if dialect.name_case is NameCase.INSENSITIVE:
        by_letters.pop(_letters(template), None)  # it is that macro, in other brackets or case
    meant = get_close_matches(_letters(template), by_letters, n=1, cutoff=ALIKE)
    if not meant:
        return None
    macro = by_letters[meant[0]]
    return macro if meant[0] == _letters(template) or _is_misspelt(template, macro) else None


def _is_misspelt(template: str, macro: str) -> bool:
    """Whether each word that differs is alike: what two names share otherwise, as a prefix, says nothing."""
    if _without_digits(template) == _without_digits(macro):
        return False
    ours, theirs = (re.findall(r"[^\W_]+", name.lower()) for name in (template, macro))
    return len(ours) != len(theirs) or all(
        SequenceMatcher(None, our, their).ratio() >= WORD_ALIKE for our, their in zip(ours, theirs, strict=True)
    )


def _letters(macro: str) -> str:
    """Return the letters and digits of a macro's name, in one case: what slips of the pen leave as it is."""
    return re.sub(r"[\W_]", "", macro).lower()


def _without_digits(macro: str) -> str:
    return re.sub(r"\d", "", _letters(macro))
