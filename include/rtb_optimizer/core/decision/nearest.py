"""Finds the name that was probably meant, for messages about one that does not exist."""

from collections.abc import Iterable
from difflib import get_close_matches

CUTOFF = 0.6


def nearest(name: str, among: Iterable[str]) -> str | None:
    """Return the most similar of some names, whatever its case, or None where none is similar."""
    names = {each.lower(): each for each in sorted(among, reverse=True)}
    close = get_close_matches(name.lower(), names, n=1, cutoff=CUTOFF)
    return names[close[0]] if close else None


def nearest_hint(name: str, among: Iterable[str]) -> str:
    """Return the end of a message that names the most similar name, empty where none is similar."""
    close = nearest(name, among)
    return f"; the nearest is {close}" if close else ""
