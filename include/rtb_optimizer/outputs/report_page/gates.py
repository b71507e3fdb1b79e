"""The gates of a run in words: each fact beside its limit."""

from dataclasses import dataclass

from rtb_optimizer.core.decision.activation import ANSWERED, ERROR
from rtb_optimizer.core.platforms.column import Platform
from rtb_optimizer.outputs.documents.report import GatesDocument
from rtb_optimizer.outputs.report_page.formatting import formatted, is_number, is_share

WORDS = {
    "outcomes": "outcomes in the window",
    "segments": "segments beside the default",
    "partition_share": "partitions that are there",
    "holdout_gain": "gain on the hold-out",
    "suspected_share": "share of the gain in a suspected leak",
    "macro_hit_rate": "look-ups through macros that find the right rows",
    "live_lift": "lift of this policy over its holdback, at most",
    "cost_factor": "cost per thousand, times the active run's",
    "value_factor": "value per thousand, times the active run's",
    "rows_factor": "rows a day, times the active run's",
    "exposures_factor": "exposures a day, times the active run's",
    "outcomes_factor": "outcomes a day, times the active run's",
    "spend_factor": "spend a day, times the active run's",
    "day_volume_factor": "volume of the day that differs most, times the other days'",
    "day_price_factor": "price of the day that differs most, times the other days'",
    "silent_share": "share of a day that is missing",
    "unjoined_share": "outcomes in rows of their own",
    "redelivered_share": "rows that repeat another under another id",
    "rising_share": "changes of counts that are rises, where counts run on",
    "inverted_share": "outcomes that files have inverted",
    "rowless_share": "events that found no row",
    "rowless_wins_share": "wins that found no row",
    "spend_change": "predicted spend against the active run's table",
    "outcomes_change": "predicted outcomes against the active run's table",
    **{f"{platform}{ANSWERED}": f"exposures answered by rows of the export {platform}" for platform in Platform},
    **{f"{platform}{ERROR}": f"mean error of the export {platform}" for platform in Platform},
}
MUST_EXCEED = {"holdout_gain"}  # a gain of exactly nothing is what a constant has
WITHIN_A_FACTOR = {name for name in WORDS if name.endswith("_factor")}
CHANGES = {"live_lift"}
CHANGES_AT_MOST = {"spend_change", "outcomes_change"}
AT_MOST = {
    *("suspected_share", "silent_share", "unjoined_share", "inverted_share", "redelivered_share", "rising_share"),
    *("rowless_share", "rowless_wins_share"),
    *(f"{platform}{ERROR}" for platform in Platform),
}


@dataclass(frozen=True, slots=True)
class GateRow:
    """One gate; `passed` is None where the report cannot know which way the limit bounds the fact."""

    name: str
    found: str
    needed: str
    passed: bool | None


def gate_rows(gates: GatesDocument) -> list[GateRow]:
    """Return a row per fact or limit, those that are known first."""
    facts, limits = gates.facts, gates.limits
    names = [*(n for n in WORDS if n in facts or n in limits), *sorted({*facts, *limits} - set(WORDS))]
    return [_row(name, facts.get(name), limits.get(name)) for name in names]


def _row(name: str, fact: object, limit: object) -> GateRow:
    kinds = dict.fromkeys(CHANGES_AT_MOST | CHANGES, "change") | dict.fromkeys(WITHIN_A_FACTOR, "number")
    kind = kinds.get(name, "percent" if is_share(name) else "count")
    needed = formatted(limit, "percent" if kind == "change" else kind)
    if is_number(limit):
        needed = f"{_sign(name)}{needed}"
    return GateRow(WORDS.get(name, name.replace("_", " ")), formatted(fact, kind), needed, _passed(name, fact, limit))


def _sign(name: str) -> str:
    if name in CHANGES_AT_MOST:
        return "within ± "
    if name in WITHIN_A_FACTOR:
        return "within a factor of "
    if name in AT_MOST:
        return "≤ "
    return "> " if name in MUST_EXCEED else "≥ " if name in WORDS else ""


def _passed(name: str, fact: object, limit: object) -> bool | None:
    if name not in WORDS or not is_number(limit):
        return None
    if not is_number(fact):
        return False
    if name in WITHIN_A_FACTOR:
        return 1 / limit <= fact <= limit
    if name in CHANGES_AT_MOST:
        return abs(fact) <= limit
    if name in AT_MOST:
        return fact <= limit
    return fact > limit if name in MUST_EXCEED else fact >= limit
