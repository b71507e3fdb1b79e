"""Guesses which column of some logs has which role, by its name and its values, for a person to look over."""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from rtb_optimizer.core.config.column_facts import (
    MAX_MISSING,
    YES_AND_NO,
    ColumnFacts,
    has_word,
    money_score,
    names_time,
)
from rtb_optimizer.core.config.likely_money import (
    NO_MONEY,
    LikelyMoney,
    MoneyFacts,
    in_parts,
    is_bid,
    likely_bid,
    likely_cost,
)
from rtb_optimizer.core.selection.denied_names import denied_names, words

MAX_VALUES = 5_000
MAX_VALUE_SHARE = 0.2
MIN_SHARED = 0.5
"""Of many values, those that several rows share hold at least this share of the rows, as domains and postcodes do."""
MIN_RATE, MAX_RATE = 0.00001, 0.95
_MONEY = re.compile(r"price|cost|spend|revenue|payout|margin|bid_?amount|cpm")
_WORDS_OF_BIDS = {
    *("bid", "my", "our", "price", "amount", "value", "cpm", "usd", "eur", "micros"),
    *("multiplier", "mult", "factor", "modifier", "applied", "base", "final"),
}
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
FEW_DAYS = 31
"""Times with so few values are dates."""
_OTHER_TIMES = (
    *("etl", "load", "loaded", "ingest", "ingested", "ingestion", "insert", "inserted", "process", "processed"),
    *("export", "exported", "update", "updated", "modified", "partition", "local", "user", "dvce", "device", "expiry"),
    *("expires", "until", "birth", "publish", "published", "sent", "derived"),
)
OTHER_TIME = 0.3
"""A time of the loading of a row, or on the clock of a user, is that of the row where there is no other."""
_OUTCOME = re.compile("|".join((*_OUTCOMES, "viewed", "measurable", "impressions")))
"""Words of what is known only after a row was bought, the likeliest outcome first."""
PERSON = ("user", "device", "person", "cookie", "visitor", "ifa", "idfa", "gaid", "aaid", "maid", "buid", "uid")


@dataclass(frozen=True, slots=True)
class LikelyRoles:
    """The columns by config key, the features, and columns that were passed over, each with the reason.

    `evidence` is what speaks for a column of money, by config key; `questions` are for a person to settle.
    """

    columns: Mapping[str, str]
    row_id_columns: Sequence[str]
    candidate_features: Sequence[str]
    anchor_features: Sequence[str]
    passed_over: Mapping[str, str] = field(default_factory=dict)
    evidence: Mapping[str, str] = field(default_factory=dict)
    questions: Sequence[str] = ()


def likely_roles(facts: Sequence[ColumnFacts], denied: Collection[str], money: MoneyFacts = NO_MONEY) -> LikelyRoles:
    """Return the likely roles of the columns of a log of auctions, impressions or requests.

    Args:
        facts: The columns.
        denied: Names of columns that are never features, as `denied_features` has them.
        money: What the columns of money say together.
    """
    personal = denied_names([each.name for each in facts], denied)
    columns = dict[str, str]()
    for key, choose in _ROLES:
        if chosen := choose(_free(facts, columns)):
            columns[key] = chosen.name
    cost, bid, question = _money(facts, columns, money)
    if _is_one_row(columns, facts):  # a row of its own is one exposure, if it was won
        columns.pop("exposure_column", None)
        if won := next((each.name for each in facts if _is_won(each)), ""):
            columns["exposure_column"] = won
    ids = [each for each in facts if each.is_id and not each.is_time and each.name not in columns.values()]
    row_id = best(ids, id_score)
    used = {*columns.values(), *([row_id.name] if row_id else [])}
    passed = {each.name: reason for each in facts if each.name not in used and (reason := _unfit(each, personal))}
    passed |= cost.passed_over
    candidates = [each.name for each in facts if each.name not in used and each.name not in passed]
    return LikelyRoles(
        columns=columns,
        row_id_columns=[row_id.name] if row_id else [],
        candidate_features=candidates,
        anchor_features=[name for name in candidates if _is_place(name)][:1],
        passed_over=passed,
        evidence={
            key: each.evidence
            for key, each in (("cost_column", cost), ("bid_column", bid))
            if each.column and key in columns
        },
        questions=(*cost.questions, *bid.questions, *question),
    )


def _money(
    facts: Sequence[ColumnFacts], columns: dict[str, str], money: MoneyFacts
) -> tuple[LikelyMoney, LikelyMoney, Sequence[str]]:
    """Add the columns of money; return the cost, the bid, and the question where cost and value differ in unit."""
    cost = likely_cost("cost_column", _free(facts, columns), money)
    columns |= {"cost_column": cost.column} if cost.column else {}
    bid = likely_bid(_free(facts, columns), cost.column, money)
    columns |= {"bid_column": bid.column} if bid.column else {}
    if (value := _value(_free(facts, columns))) is None:
        return cost, bid, ()
    columns["value_column"] = value.name
    if not cost.column or in_parts(cost.column) == in_parts(value.name):
        return cost, bid, ()
    for key in ("cost_column", "bid_column"):
        columns.pop(key, None)
    question = (
        f"cost_column: {cost.column}? By its name it is in another unit than {value.name} (value_column): bring both "
        "to one, or set one of them alone"
    )
    return cost, bid, (question,)


def _free(facts: Sequence[ColumnFacts], columns: Mapping[str, str]) -> list[ColumnFacts]:
    """Return the columns without a role."""
    return [each for each in facts if each.name not in columns.values()]


def _is_one_row(columns: Mapping[str, str], facts: Sequence[ColumnFacts]) -> bool:
    """Whether an outcome is a yes or no, or a time, of a row: counts of 0 and 1 have a name in the plural."""
    name = columns.get("outcome_column", "")
    found = next((each for each in facts if each.name == name), None)
    if found is None or not (found.is_time or _rate(found) is not None):
        return False
    is_count = any(word.endswith("s") for word in words(name) if _OUTCOME.search(word))
    return found.is_time or "exposure_column" not in columns or not is_count


def _is_won(each: ColumnFacts) -> bool:
    """Whether a column tells which bids were won, in logs that hold others too."""
    return has_word(each.name, "won", "win", "winner") and _rate(each) is not None


def _rate(each: ColumnFacts) -> float | None:
    """Return how often a yes or no is a yes, where a column holds that: 1 and 0, or 1 and nothing."""
    if each.mean is None or each.is_time:
        return None
    if each.values == YES_AND_NO:
        return each.mean
    return 1 - each.missing if each.values == 1 and each.mean == 1 and each.missing > 0 else None


def best(facts: Sequence[ColumnFacts], score: Callable[[ColumnFacts], float]) -> ColumnFacts | None:
    """Return the column with the highest score above 0, the first of equals."""
    scored = [(score(each), -n, each) for n, each in enumerate(facts)]
    best = max(scored, key=lambda each: each[:2], default=(0.0, 0, None))
    return best[2] if best[0] > 0 else None


def likely_time(facts: Sequence[ColumnFacts]) -> ColumnFacts | None:
    """Return the column of the time of an event: neither that of its loading nor a clock of the user."""

    def score(each: ColumnFacts) -> float:
        if not each.is_time:
            return 0
        named = has_word(each.name, "time", "timestamp", "tstamp", "ts", "datetime", "at")
        event = has_word(each.name, "event", "bid", "auction", "impression", "request", "log", "collector", "utc")
        precise = each.kind.startswith("TIMESTAMP") - 0.5 * (each.kind == "DATE" or each.values <= FEW_DAYS)
        precise -= 0.5 * (bool(each.time_format) and "%z" not in each.time_format)  # on a clock that is not named
        other = has_word(each.name, *_OTHER_TIMES) or _OUTCOME.search(each.name.lower()) is not None
        return (1 + named + event + precise) * (1 - each.missing) * (OTHER_TIME if other else 1)

    return best(facts, score)


def _outcome(facts: Sequence[ColumnFacts]) -> ColumnFacts | None:
    """Return the column of a yes or no about a row; where none is, of counts, or of the time of what happened."""
    numbers = [each for each in facts if each.mean is not None and not each.is_time]
    named = [each for each in numbers if any(word in each.name.lower() for word in _OUTCOMES)]
    named = [each for each in named if not has_word(each.name, "id", "price", "cost", "revenue", "value")]
    flags = [each for each in named if MIN_RATE <= (_rate(each) or 0) <= MAX_RATE]
    counts = [each for each in named if each.values > YES_AND_NO and not has_word(each.name, "measurable")]
    times = [each for each in facts if each.is_time and MIN_RATE <= 1 - each.missing <= MAX_RATE]
    happened = [each for each in times if any(word in each.name.lower() for word in _OUTCOMES)]
    return best(
        flags or counts or happened,
        lambda each: 10 - next(n for n, w in enumerate(_OUTCOMES) if w in each.name.lower()),
    )


def _weight(facts: Sequence[ColumnFacts]) -> ColumnFacts | None:
    return best(facts, lambda each: each.mean is not None and has_word(each.name, "weight", "weights", "multiplicity"))


def _value(facts: Sequence[ColumnFacts]) -> ColumnFacts | None:
    return best(facts, lambda each: money_score(each, "revenue", "value", "payout", "earnings"))


def _exposure(facts: Sequence[ColumnFacts]) -> ColumnFacts | None:
    """Return the column of the number of exposures; what could be measured, before what was shown."""
    names = ("measurable", "exposures", "impressions", "imps", "opportunities")

    def score(each: ColumnFacts) -> float:
        counts = each.mean is not None and each.mean > MAX_RATE and each.values > YES_AND_NO and not each.is_id
        return counts * max((len(names) - n) * has_word(each.name, name) for n, name in enumerate(names))

    return best(facts, score)


_ROLES: Sequence[tuple[str, Callable[[Sequence[ColumnFacts]], ColumnFacts | None]]] = (
    ("timestamp_column", likely_time),
    ("outcome_column", _outcome),
    ("exposure_column", _exposure),
    ("weight_column", _weight),
)


def id_score(each: ColumnFacts) -> float:
    """Return how much a name looks like that of the id of a row."""
    if has_word(each.name, *PERSON) or (each.mean is not None and not has_word(each.name, "id")):
        return 0
    named = has_word(each.name, "auction", "impression", "imp", "request", "bid", "event", "log", "transaction")
    return 1 + 2 * named + has_word(each.name, "id", "uuid", "key")


def _is_place(name: str) -> bool:
    return has_word(name, "placement", "adspace", "adslot", "slot", "tag", "tagid", "adunit", "zone", "site")


def _names_own_bid(name: str) -> bool:
    """Whether a name is of an own bid, or of its multiplier: no word of it is of something else, as of a floor."""
    named = {*words(name)}
    return bool(named & {"bid", "multiplier"}) and named <= _WORDS_OF_BIDS


def _unfit(each: ColumnFacts, personal: Mapping[str, str]) -> str:
    """Return why a column is no candidate; empty where it is one."""
    few = min(MAX_VALUES, MAX_VALUE_SHARE * each.rows)
    is_money = _MONEY.search(each.name.lower()) is not None
    is_measure = each.mean is not None or bool(each.written) or names_time(each.name)
    reasons = (
        (each.name in personal, f"it may identify people ({personal.get(each.name)})"),
        (each.is_time, "it is a time"),
        (each.values <= 1, "it has one value"),
        (
            is_measure and _OUTCOME.search(each.name.lower()) is not None,
            "it looks like an outcome of the row",
        ),
        (each.missing >= MAX_MISSING, f"{each.missing:.0%} of its values are missing"),
        (
            each.mean is not None and _names_own_bid(each.name),
            "it looks like what was bid, which a table must not follow",
        ),
        (
            bool(each.written) and is_money,
            f"it is written with {each.written}, as {each.highest!r}, which is not read; write a number with a point",
        ),
        (
            is_bid(each) or (each.mean is not None and is_money),
            "it looks like money, which is known only after the auction",
        ),
        (each.values > few and each.shared < MIN_SHARED, f"it has about {each.values:,} values in {each.rows:,} rows"),
    )
    return next((reason for applies, reason in reasons if applies), "")
