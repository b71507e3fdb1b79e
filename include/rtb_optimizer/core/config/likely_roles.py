"""Guesses which column of some logs has which role, by its name and its values, for a person to look over."""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from rtb_optimizer.core.config.column_facts import MAX_MISSING, YES_AND_NO, ColumnFacts, has_word, money_score
from rtb_optimizer.core.config.event_logs import OUTCOMES, WINS, EventRole
from rtb_optimizer.core.config.likely_money import NO_MONEY, LikelyMoney, MoneyFacts, is_bid, likely_bid, likely_cost
from rtb_optimizer.core.selection.denied_names import denied_names, words

MANY_SHARE = 0.2
"""The id of a row may be that of several events, each of them repeated."""
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
_OUTCOME = re.compile("|".join((*_OUTCOMES, "viewed", "measurable", "impressions")))
"""Words of what is known only after a row was bought, the likeliest outcome first."""
_PERSON = ("user", "device", "person", "cookie", "visitor", "ifa", "idfa", "gaid", "aaid", "maid", "buid", "uid")


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
    cost = likely_cost("cost_column", _free(facts, columns), money)
    columns |= {"cost_column": cost.column} if cost.column else {}
    bid = likely_bid(_free(facts, columns), cost.column, money)
    columns |= {"bid_column": bid.column} if bid.column else {}
    if value := _value(_free(facts, columns)):
        columns["value_column"] = value.name
    if _is_flag(columns.get("outcome_column", ""), facts):  # a row of its own is one exposure, if it was won
        columns.pop("exposure_column", None)
        if won := next((each.name for each in facts if _is_won(each)), ""):
            columns["exposure_column"] = won
    ids = [each for each in facts if each.is_id and not each.is_time and each.name not in columns.values()]
    row_id = _best(ids, _id_score)
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
        evidence={key: each.evidence for key, each in (("cost_column", cost), ("bid_column", bid)) if each.column},
        questions=(*cost.questions, *bid.questions),
    )


def _free(facts: Sequence[ColumnFacts], columns: Mapping[str, str]) -> list[ColumnFacts]:
    """Return the columns without a role."""
    return [each for each in facts if each.name not in columns.values()]


def _is_flag(name: str, facts: Sequence[ColumnFacts]) -> bool:
    return any(each.name == name and _rate(each) is not None for each in facts)


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


def likely_event_roles(
    facts: Sequence[ColumnFacts], ids: Collection[str], role: EventRole = OUTCOMES, money: MoneyFacts = NO_MONEY
) -> Mapping[str, str]:
    """Return the likely roles of the columns of a log of events, by config key.

    Args:
        facts: The columns.
        ids: The columns that hold the id of a row, in the log of the rows.
        role: What the events are to the rows.
        money: What the columns of money say together.
    """
    roles = dict[str, str]()
    if identifier := _best(facts, lambda each: _same_id(each, ids)):
        roles[role.id_key] = identifier.name
    if time := _time(facts):
        roles[role.time_key] = time.name
    others = [each for each in facts if each.name not in roles.values()]
    roles |= _of_outcomes(others) if role == OUTCOMES else {role.amount_of: likely_win_cost(others, money).column}
    return {key: name for key, name in roles.items() if name}


def likely_win_cost(facts: Sequence[ColumnFacts], money: MoneyFacts) -> LikelyMoney:
    """Return the likely column of what a win cost; prices of many digits are often as many as the wins."""
    return likely_cost(WINS.amount_of, facts, money, any_values=True)


def _of_outcomes(facts: Sequence[ColumnFacts]) -> dict[str, str]:
    roles = dict[str, str]()
    of_kind = [each for each in facts if has_word(each.name, "type", "event", "kind", "action", "activity")]
    few = [each for each in of_kind if 1 < each.values <= len(each.examples) and each.mean is None]
    if few:
        roles["outcome_logs_kind_column"] = few[0].name
    if value := _best(facts, lambda each: money_score(each, "revenue", "value", "amount", "payout", "price")):
        roles["outcome_logs_value_column"] = value.name
    return roles


def _same_id(each: ColumnFacts, ids: Collection[str]) -> float:
    """Return how much a column of events looks like the id of a row: by its name, then by its many values."""
    if each.is_time or each.values <= 1 or has_word(each.name, *_PERSON):
        return 0
    alike = max((len({*words(each.name)} & {*words(name)}) for name in ids), default=0)
    many = each.values >= MANY_SHARE * each.rows
    return 10 * (each.name in ids) + 2 * alike + _id_score(each) if each.name in ids or many else 0


def counted_kinds(kinds: Sequence[str]) -> Mapping[str, float]:
    """Return the kinds of events that are outcomes, with a weight: what is no bid, win or impression."""
    before = {"bid", "win", "impression", "imp", "request", "auction", "render", "load", "start"}
    return {kind: 1 for kind in kinds if not before & {*words(kind), kind.lower()}}


def _best(facts: Sequence[ColumnFacts], score: Callable[[ColumnFacts], float]) -> ColumnFacts | None:
    scored = [(score(each), -n, each) for n, each in enumerate(facts)]
    best = max(scored, key=lambda each: each[:2], default=(0.0, 0, None))
    return best[2] if best[0] > 0 else None


def _time(facts: Sequence[ColumnFacts]) -> ColumnFacts | None:
    def score(each: ColumnFacts) -> float:
        if not each.is_time:
            return 0
        named = has_word(each.name, "time", "timestamp", "ts", "datetime", "at")
        event = has_word(each.name, "event", "bid", "auction", "impression", "request", "log")
        precise = each.kind.startswith("TIMESTAMP") - 0.5 * (each.kind == "DATE")
        return (1 + named + event + precise) * (1 - each.missing)

    return _best(facts, score)


def _outcome(facts: Sequence[ColumnFacts]) -> ColumnFacts | None:
    """Return the column of a yes or no about a row; where none is, of counts."""
    numbers = [each for each in facts if each.mean is not None and not each.is_time]
    named = [each for each in numbers if any(word in each.name.lower() for word in _OUTCOMES)]
    named = [each for each in named if not has_word(each.name, "id", "price", "cost", "revenue", "value")]
    flags = [each for each in named if MIN_RATE <= (_rate(each) or 0) <= MAX_RATE]
    counts = [each for each in named if each.values > YES_AND_NO and not has_word(each.name, "measurable")]
    return _best(flags or counts, lambda each: 10 - next(n for n, w in enumerate(_OUTCOMES) if w in each.name.lower()))


def _weight(facts: Sequence[ColumnFacts]) -> ColumnFacts | None:
    return _best(facts, lambda each: each.mean is not None and has_word(each.name, "weight", "weights", "multiplicity"))


def _value(facts: Sequence[ColumnFacts]) -> ColumnFacts | None:
    return _best(facts, lambda each: money_score(each, "revenue", "value", "payout", "earnings"))


def _exposure(facts: Sequence[ColumnFacts]) -> ColumnFacts | None:
    """Return the column of the number of exposures; what could be measured, before what was shown."""
    names = ("measurable", "exposures", "impressions", "imps", "opportunities")

    def score(each: ColumnFacts) -> float:
        counts = each.mean is not None and each.mean > MAX_RATE and each.values > YES_AND_NO and not each.is_id
        return counts * max((len(names) - n) * has_word(each.name, name) for n, name in enumerate(names))

    return _best(facts, score)


_ROLES: Sequence[tuple[str, Callable[[Sequence[ColumnFacts]], ColumnFacts | None]]] = (
    ("timestamp_column", _time),
    ("outcome_column", _outcome),
    ("exposure_column", _exposure),
    ("weight_column", _weight),
)


def _id_score(each: ColumnFacts) -> float:
    if has_word(each.name, *_PERSON) or (each.mean is not None and not has_word(each.name, "id")):
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
    reasons = (
        (each.name in personal, f"it may identify people ({personal.get(each.name)})"),
        (each.is_time, "it is a time"),
        (each.values <= 1, "it has one value"),
        (
            each.mean is not None and _OUTCOME.search(each.name.lower()) is not None,
            "it looks like an outcome of the row",
        ),
        (each.missing >= MAX_MISSING, f"{each.missing:.0%} of its values are missing"),
        (
            each.mean is not None and _names_own_bid(each.name),
            "it looks like what was bid, which a table must not follow",
        ),
        (each.values > few and each.shared < MIN_SHARED, f"it has about {each.values:,} values in {each.rows:,} rows"),
        (
            is_bid(each) or (each.mean is not None and _MONEY.search(each.name.lower()) is not None),
            "it looks like money, which is known only after the auction",
        ),
    )
    return next((reason for applies, reason in reasons if applies), "")
