"""Which gates did the run pass? Each fact beside its limit, in words."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rtb_optimizer.report_page.spelling import is_number, is_share, spelled

WORDS = {
    "outcomes": "outcomes in the window",
    "segments": "segments beside the default",
    "partition_share": "partitions that are there",
    "holdout_gain": "gain on the hold-out",
}
MUST_EXCEED = {"holdout_gain"}  # a gain of exactly nothing is what a constant has


@dataclass(frozen=True, slots=True)
class GateRow:
    """One gate; `passed` is None where the report cannot know which way the limit bounds the fact."""

    name: str
    found: str
    needed: str
    passed: bool | None


def gate_rows(gates: Mapping[str, Any]) -> list[GateRow]:
    """Return a row per fact or limit, those that everybody knows first."""
    facts, limits = gates.get("facts") or {}, gates.get("limits") or {}
    names = [*(n for n in WORDS if n in facts or n in limits), *sorted({*facts, *limits} - set(WORDS))]
    return [_row(name, facts.get(name), limits.get(name)) for name in names]


def _row(name: str, fact: object, limit: object) -> GateRow:
    kind = "percent" if is_share(name) else "count"
    needed = spelled(limit, kind)
    if is_number(limit):
        needed = f"> {needed}" if name in MUST_EXCEED else f"≥ {needed}" if name in WORDS else needed
    return GateRow(WORDS.get(name, name.replace("_", " ")), spelled(fact, kind), needed, _passed(name, fact, limit))


def _passed(name: str, fact: object, limit: object) -> bool | None:
    if name not in WORDS or not is_number(limit):
        return None
    if not is_number(fact):
        return False
    return fact > limit if name in MUST_EXCEED else fact >= limit
