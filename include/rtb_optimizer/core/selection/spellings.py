"""Warns of values that are one but for their spelling, that spell "nothing", and that hold a macro within their text.

Each is a value of its own to the table: its rows are parted among the spellings, and a bid request, which has one of
them or no value at all, finds a part. What values mean is not changed: only the logs' owner knows what bidders send.
"""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Collection, Iterator
from html import unescape
from urllib.parse import unquote

import numpy as np

from rtb_optimizer.core.decision.warning import RunWarning
from rtb_optimizer.core.sample.sample import Feature, Floats, Sample, sum_by
from rtb_optimizer.core.sample.values import MISSING, NO_VALUES

MIN_SHARE = 0.01
"""Of the exposures, as of values that cannot be read: some odd page is in any log."""
AT_MOST = 5_000
"""Values of a feature that are looked at, the heaviest first: the others hardly reach the share together."""
DECODED = 3
"""How often a value may have been encoded for a URL or a page, one time in the other."""
NOTHING = frozenset(
    {
        "",
        "-",
        "--",
        "\u2013",
        "\u2014",
        "?",
        "nil",
        "#n/a",
        "n.a.",
        "(none)",
        "(null)",
        "(not set)",
        "not set",
        "[]",
        "{}",
    }
    | {"<null>", "not available", "not applicable", "missing", "empty", "blank"}
)
"""Folded spellings of no value that no bid request holds; "NA" is Namibia, 0 and -1 are values."""
PERHAPS_NOTHING = frozenset({"unknown", "(unknown)", "unspecified", "undetermined"})
"""Spellings that may be a value of a platform: asked about where the column lacks a value in other rows."""
_MACRO = re.compile(
    r"\$\{[\w:.-]+\}|%%[\w:.-]+%%|\{\{\s*[A-Za-z][\w:.|-]*\s*\}\}|\[[A-Z]+(?:_[A-Z0-9]+)+\]|##[A-Z][A-Z_]*##"
    r"|\b__[A-Z][A-Z_]*__\b"
)
_FOLDED = re.compile(r"[1-9a-z_][0-9a-z_.:/-]*")
"""Values that folding leaves as they are, as most of a column with many."""
_THOUSANDS = re.compile(r"\d{1,3}(?:,\d{3})+")


def spelling_warnings(sample: Sample) -> Iterator[RunWarning]:
    """Yield the warnings about how the values of each feature of a sample are spelt."""
    for name, feature in sorted(sample.features.items()):
        exposure = sum_by(feature.codes, sample.exposure, len(feature.values))
        looked_at = [int(n) for n in np.argsort(-exposure, kind="stable")[:AT_MOST]]
        shares = exposure / exposure.sum()
        folded = {n: fold(feature.values[n]) for n in looked_at if feature.values[n] not in {MISSING, *NO_VALUES}}
        yield from _alike(name, feature, shares, folded)
        yield from _nothing(name, feature, shares, folded)
        yield from _macros(name, feature, shares, folded)


def fold(value: str) -> str:
    """Return what is left of a value without its spelling.

    Case, width and accents' composition, characters that are not seen, quotes around it, encodings for a URL or a page,
    UTF-8 that was read as another code, separators of thousands and zeros before a number are no part of it.
    """
    if _FOLDED.fullmatch(value):
        return value
    text = value
    for _ in range(DECODED):
        text = unescape(unquote(text))
    text = unicodedata.normalize("NFKC", _as_utf8(text)).casefold()
    text = "".join(character for character in text if unicodedata.category(character) != "Cf")
    text = " ".join(text.split()).strip("\"'` ")
    if _THOUSANDS.fullmatch(text):
        text = text.replace(",", "")
    return text.lstrip("0") or "0" if text.isdigit() else text


def _as_utf8(text: str) -> str:
    if text.isascii():
        return text
    try:
        return text.encode("cp1252").decode()
    except UnicodeError:
        return text


def _alike(name: str, feature: Feature, shares: Floats, folded: dict[int, str]) -> Iterator[RunWarning]:
    """Yield a warning where values other than the most frequent of those that are alike have much of the exposures."""
    groups = defaultdict[str, list[int]](list)
    for n, text in folded.items():
        groups[text].append(n)
    several = [group for text, group in groups.items() if len(group) > 1 and text not in NOTHING]
    share = sum(float(shares[n]) for group in several for n in group[1:])
    if share <= MIN_SHARE:
        return
    first, second = (feature.values[n] for n in max(several, key=lambda group: float(shares[group[1]]))[:2])
    more = f", and {len(several) - 1} more" if len(several) > 1 else ""
    message = (
        f"{name} spells a value in several ways{more}: {name}={first!a} and {name}={second!a}; {share:.0%} of the "
        "exposures have another than the most frequent: a bid request finds the row of its own spelling, which stands "
        "on a part; log the values as bidders send them, in one spelling"
    )
    yield RunWarning("values_alike", message, share=share)


def _nothing(name: str, feature: Feature, shares: Floats, folded: dict[int, str]) -> Iterator[RunWarning]:
    lacking = float(shares[feature.values.index(MISSING)]) if MISSING in feature.values else 0.0
    asked: Collection[str] = NOTHING | PERHAPS_NOTHING if lacking > MIN_SHARE else NOTHING
    found = [n for n, text in folded.items() if text in asked]
    share = sum(float(shares[n]) for n in found)
    if share <= MIN_SHARE:
        return
    listed = ", ".join(f"{feature.values[n]!a}" for n in found[:3])
    message = (
        f"{name} has {listed} in {share:.0%} of the exposures, which spell no value: a bid request that lacks one does "
        "not find their row; where bidders do not send them, add them to missing_values"
    )
    yield RunWarning("missing_spelt", message, share=share)


def _macros(name: str, feature: Feature, shares: Floats, folded: dict[int, str]) -> Iterator[RunWarning]:
    found = [n for n in folded if _MACRO.search(feature.values[n]) or _MACRO.search(unquote(feature.values[n]))]
    share = sum(float(shares[n]) for n in found)
    if share > MIN_SHARE:
        message = (
            f"{share:.1%} of the exposures hold a value in {name!r} with an unexpanded macro in it, such as "
            f"{feature.values[found[0]]!a}; have the ad server expand it before the row is logged"
        )
        yield RunWarning("unexpanded_macro", message, share=share)
