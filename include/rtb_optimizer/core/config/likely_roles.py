"""Guesses which column of some logs has which role, by its name and its values, for a person to look over."""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from rtb_optimizer.core.selection.denied_names import denied_names, words

ID_SHARE = 0.98
"""A column is an id where it has about as many values as rows."""
MANY_SHARE = 0.2
"""The id of a row may be that of several events, each of them repeated."""
MAX_VALUES = 5_000
MAX_VALUE_SHARE = 0.2
MAX_MISSING = 0.95
MIN_RATE, MAX_RATE = 0.00001, 0.95
_MONEY = re.compile(r"price|cost|spend|revenue|payout|margin|bid_?amount|cpm")
_OUTCOMES = (
    "click",
    "conv",
    "viewab",
    "install",
    "attribut",
    "purchas",
    "sale",
    "complet",
    "engag",
    "outcome",
    "label",
)
_OUTCOME = re.compile("|".join((*_OUTCOMES, "viewed", "measurable", "impressions")))
"""Words of what is known only after a row was bought, the likeliest outcome first."""
YES_AND_NO = 2
_PERSON = ("user", "device", "person", "cookie", "visitor", "ifa", "idfa", "gaid", "aaid", "maid", "buid", "uid")


@dataclass(frozen=True, slots=True)
class ColumnFacts:
    """A column over a sample of the rows.

    Attributes:
        name: Its name, a path for what is in a record.
        kind: Its SQL type.
        missing: The share of rows without a value.
        values: About how many distinct values it has.
        rows: How many rows were looked at.
        lowest, highest: The bounds of its values, as text.
        mean: The mean of what can be read as a number, None where little can.
        is_time: Whether nearly all of its values can be read as times of the last decades.
        examples: All of its values, the most frequent first, where they are few.
        days: The first and the last day of its times.
    """

    name: str
    kind: str
    missing: float
    values: int
    rows: int
    lowest: str = ""
    highest: str = ""
    mean: float | None = None
    is_time: bool = False
    examples: tuple[str, ...] = ()
    days: tuple[date, date] | None = None

    @property
    def is_id(self) -> bool:
        """Whether nearly each row has a value of its own."""
        return self.rows > 1 and self.values >= ID_SHARE * self.rows * (1 - self.missing) and self.missing < MAX_MISSING


@dataclass(frozen=True, slots=True)
class LikelyRoles:
    """The columns by config key, the features, and columns that were passed over, each with the reason."""

    columns: Mapping[str, str]
    row_id_columns: Sequence[str]
    candidate_features: Sequence[str]
    anchor_features: Sequence[str]
    passed_over: Mapping[str, str] = field(default_factory=dict)


def likely_roles(facts: Sequence[ColumnFacts], denied: Collection[str]) -> LikelyRoles:
    """Return the likely roles of the columns of a log of auctions, impressions or requests.

    Args:
        facts: The columns.
        denied: Names of columns that are never features, as `denied_features` has them.
    """
    personal = denied_names([each.name for each in facts], denied)
    columns = dict[str, str]()
    for key, choose in _ROLES:
        free = [each for each in facts if each.name not in columns.values()]
        if chosen := choose(free):
            columns[key] = chosen.name
    if columns.get("exposure_column") and _is_flag(columns.get("outcome_column", ""), facts):
        del columns["exposure_column"]  # a row of its own is one exposure
    ids = [each for each in facts if each.is_id and not each.is_time and each.name not in columns.values()]
    row_id = _best(ids, _id_score)
    used = {*columns.values(), *([row_id.name] if row_id else [])}
    passed = {each.name: reason for each in facts if each.name not in used and (reason := _unfit(each, personal))}
    candidates = [each.name for each in facts if each.name not in used and each.name not in passed]
    return LikelyRoles(
        columns=columns,
        row_id_columns=[row_id.name] if row_id else [],
        candidate_features=candidates,
        anchor_features=[name for name in candidates if _is_place(name)][:1],
        passed_over=passed,
    )


def _is_flag(name: str, facts: Sequence[ColumnFacts]) -> bool:
    return any(each.name == name and each.values == YES_AND_NO for each in facts)


def likely_event_roles(facts: Sequence[ColumnFacts], ids: Collection[str]) -> Mapping[str, str]:
    """Return the likely roles of the columns of a log of events, by config key.

    Args:
        facts: The columns.
        ids: The columns that hold the id of a row, in the log of the rows.
    """
    roles = dict[str, str]()
    if identifier := _best(facts, lambda each: _same_id(each, ids)):
        roles["outcome_logs_id_columns"] = identifier.name
    if time := _time(facts):
        roles["outcome_logs_time_column"] = time.name
    of_kind = [each for each in facts if _has(each.name, "type", "event", "kind", "action", "activity")]
    few = [each for each in of_kind if 1 < each.values <= len(each.examples) and each.mean is None]
    if few and few[0].name not in roles.values():
        roles["outcome_logs_kind_column"] = few[0].name
    if value := _best(facts, lambda each: _money(each, "revenue", "value", "amount", "payout", "price")):
        roles["outcome_logs_value_column"] = value.name
    return {key: name for key, name in roles.items() if name}


def _same_id(each: ColumnFacts, ids: Collection[str]) -> float:
    """Return how much a column of events looks like the id of a row: by its name, then by its many values."""
    if each.is_time or each.values <= 1 or _has(each.name, *_PERSON):
        return 0
    alike = max((len({*words(each.name)} & {*words(name)}) for name in ids), default=0)
    many = each.values >= MANY_SHARE * each.rows
    return 10 * (each.name in ids) + 2 * alike + _id_score(each) if each.name in ids or many else 0


def counted_kinds(kinds: Sequence[str]) -> Mapping[str, float]:
    """Return the kinds of events that are outcomes, with a weight: what is no bid, win or impression."""
    before = {"bid", "win", "impression", "imp", "request", "auction", "render", "load", "start"}
    return {kind: 1 for kind in kinds if not before & {*words(kind), kind.lower()}}


def _has(name: str, *wanted: str) -> bool:
    parts = {*words(name), "".join(words(name))}
    return any(word in parts or f"{word}s" in parts for word in wanted)


def _best(facts: Sequence[ColumnFacts], score: Callable[[ColumnFacts], float]) -> ColumnFacts | None:
    scored = [(score(each), -n, each) for n, each in enumerate(facts)]
    best = max(scored, key=lambda each: each[:2], default=(0.0, 0, None))
    return best[2] if best[0] > 0 else None


def _time(facts: Sequence[ColumnFacts]) -> ColumnFacts | None:
    def score(each: ColumnFacts) -> float:
        if not each.is_time:
            return 0
        named = _has(each.name, "time", "timestamp", "ts", "datetime", "at")
        event = _has(each.name, "event", "bid", "auction", "impression", "request", "log")
        precise = each.kind.startswith("TIMESTAMP") - 0.5 * (each.kind == "DATE")
        return (1 + named + event + precise) * (1 - each.missing)

    return _best(facts, score)


def _outcome(facts: Sequence[ColumnFacts]) -> ColumnFacts | None:
    """Return the column of a yes or no about a row; where none is, of counts."""
    numbers = [each for each in facts if each.mean is not None and not each.is_time]
    named = [each for each in numbers if any(word in each.name.lower() for word in _OUTCOMES)]
    named = [each for each in named if not _has(each.name, "id", "price", "cost", "revenue", "value")]
    flags = [each for each in named if each.values == YES_AND_NO and MIN_RATE <= (each.mean or 0) <= MAX_RATE]
    counts = [each for each in named if each.values > YES_AND_NO and not _has(each.name, "measurable")]
    return _best(flags or counts, lambda each: 10 - next(n for n, w in enumerate(_OUTCOMES) if w in each.name.lower()))


def _weight(facts: Sequence[ColumnFacts]) -> ColumnFacts | None:
    return _best(facts, lambda each: each.mean is not None and _has(each.name, "weight", "weights", "multiplicity"))


def _money(each: ColumnFacts, *names: str) -> float:
    if each.mean is None or each.is_id or each.is_time or _has(each.name, "id", "currency", "floor"):
        return 0
    return sum((len(names) - n) * _has(each.name, name) for n, name in enumerate(names))


def _cost(facts: Sequence[ColumnFacts]) -> ColumnFacts | None:
    names = ("cost", "spend", "paid", "win", "clearing", "price", "payprice")
    return _best(facts, lambda each: 0 if _has(each.name, "bid") else _money(each, *names))


def _value(facts: Sequence[ColumnFacts]) -> ColumnFacts | None:
    return _best(facts, lambda each: _money(each, "revenue", "value", "payout", "earnings"))


def _exposure(facts: Sequence[ColumnFacts]) -> ColumnFacts | None:
    """Return the column of the number of exposures; what could be measured, before what was shown."""
    names = ("measurable", "exposures", "impressions", "imps", "opportunities")

    def score(each: ColumnFacts) -> float:
        counts = each.mean is not None and each.mean > MAX_RATE and each.values > YES_AND_NO and not each.is_id
        return counts * max((len(names) - n) * _has(each.name, name) for n, name in enumerate(names))

    return _best(facts, score)


_ROLES: Sequence[tuple[str, Callable[[Sequence[ColumnFacts]], ColumnFacts | None]]] = (
    ("timestamp_column", _time),
    ("outcome_column", _outcome),
    ("exposure_column", _exposure),
    ("weight_column", _weight),
    ("cost_column", _cost),
    ("value_column", _value),
)


def _id_score(each: ColumnFacts) -> float:
    if _has(each.name, *_PERSON) or (each.mean is not None and not _has(each.name, "id")):
        return 0
    named = _has(each.name, "auction", "impression", "imp", "request", "bid", "event", "log", "transaction")
    return 1 + 2 * named + _has(each.name, "id", "uuid", "key")


def _is_place(name: str) -> bool:
    return _has(name, "placement", "adspace", "adslot", "slot", "tag", "tagid", "adunit", "zone", "site")


def _unfit(each: ColumnFacts, personal: Mapping[str, str]) -> str:
    """Return why a column is no candidate; empty where it is one."""
    few = min(MAX_VALUES, MAX_VALUE_SHARE * each.rows)
    reasons = (
        (each.name in personal, f"it may identify people ({personal.get(each.name)})"),
        (each.is_time, "it is a time"),
        (each.values <= 1, "it has one value"),
        (
            each.mean is not None and _OUTCOME.search(each.name.lower()) is not None,
            "it looks like what came of the row",
        ),
        (each.missing >= MAX_MISSING, f"{each.missing:.0%} of its values are missing"),
        (each.values > few, f"it has about {each.values:,} values in {each.rows:,} rows"),
        (
            each.mean is not None and _MONEY.search(each.name.lower()) is not None,
            "it looks like money, which is known only after the auction",
        ),
    )
    return next((reason for applies, reason in reasons if applies), "")
