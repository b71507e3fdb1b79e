"""Guesses which columns of some logs are what a row cost and what was bid for it, by their names and by their amounts.

A cost is never above the bid, and a row that was not won cost nothing. Where two columns compete, or the amounts leave
open whether both are in one unit (per impression, per mille, in millionths), the question is told instead of a guess.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rtb_optimizer.core.config.column_facts import YES_AND_NO, ColumnFacts, amount_score, has_word, money_score

_PAID = ("cost", "spend", "paid", "payprice", "winprice", "clearprice", "clearing", "win", "won")
_BID = ("bid", "bidprice", "bidamount", "bidcpm", "bidvalue")
_NO_BID = (
    *("request", "response", "type", "count", "time", "at", "status", "win", "won", "modifier", "multiplier", "number"),
    *("strategy", "adjustment", "rate", "factor", "landscape", "reason", "index", "position", "version", "no", "num"),
)
_WON = ("win", "won", "winner", "exposed", "served", "delivered", "rendered", "impression", "imp", "shown")
_AFTER = ("click", "clicked", "view", "viewable", "viewability", "measurable", "eligible", "conversion", "converted")
"""Words of what happens to an impression once it was won."""
MANY = 1_000
"""A mean cost that no row has in units of a currency, be it per mille."""
MIN_ROWS = 30
AGREEING = 0.99
"""Share of the rows with both amounts whose cost is at most the bid: the others are rounded, or lost their price."""
MAX_LOST_PAID = 0.01
MIN_RATIO = 0.02
"""Cost by bid, as a geometric mean: of one unit it is above, of a cost per impression and a bid per mille below."""
_PRICE_WORDS = ("price", "cost", "spend", "paid", "cpm", "amount", "payprice", "winprice", "clearprice", "bidprice")


@dataclass(frozen=True, slots=True)
class MoneyPair:
    """Two columns in the rows where both are above 0: how many, in which shares one is at most the other, and a ratio.

    `ratio` is the geometric mean of the first by the second, None without such rows.
    """

    first: str
    second: str
    rows: int
    first_at_most: float
    second_at_most: float
    ratio: float | None

    @property
    def is_one(self) -> bool:
        """Whether both hold the same amounts."""
        return self.rows > 0 and self.first_at_most == self.second_at_most == 1


@dataclass(frozen=True, slots=True)
class LostRows:
    """The rows where a flag of wins is 0: the share of them in which a column is above 0."""

    column: str
    flag: str
    rows: int
    paid_share: float


@dataclass(frozen=True, slots=True)
class MoneyFacts:
    """What a sample of the rows says of columns of money together."""

    pairs: Sequence[MoneyPair] = ()
    lost: Sequence[LostRows] = ()

    def pair(self, first: str, second: str) -> MoneyPair | None:
        """Return what is known of two columns, the first of them first."""
        for each in self.pairs:
            if (each.first, each.second) == (first, second):
                return each
            if (each.second, each.first) == (first, second):
                ratio = 1 / each.ratio if each.ratio else None
                return MoneyPair(first, second, each.rows, each.second_at_most, each.first_at_most, ratio)
        return None


NO_MONEY = MoneyFacts()


@dataclass(frozen=True, slots=True)
class LikelyMoney:
    """The column of a role, empty where there is none or it is a question; and what speaks for it.

    `questions` are for a person to settle; `passed_over` says of other columns why they are not the one.
    """

    column: str = ""
    evidence: str = ""
    questions: tuple[str, ...] = ()
    passed_over: Mapping[str, str] = field(default_factory=dict)


def money_columns(facts: Sequence[ColumnFacts]) -> tuple[list[str], list[str]]:
    """Return the columns that may be a cost or a bid, and the flags that may say whether a row was won."""
    money = [each.name for each in facts if _is_cost(each, any_values=True) or is_bid(each)]
    flags = [
        each.name
        for each in facts
        if each.values == YES_AND_NO and has_word(each.name, *_WON) and not has_word(each.name, *_AFTER)
    ]
    return money, [each.name for each in facts if each.name in flags and each.mean is not None and _is_0_or_1(each)]


def is_bid(each: ColumnFacts) -> bool:
    """Return whether a column is named like what was bid, and holds amounts."""
    return amount_score(each, *_BID) > 0 and not has_word(each.name, *_NO_BID) and _is_amount(each)


def in_parts(name: str) -> bool:
    """Return whether a name says that amounts are in millionths or billionths."""
    return has_word(name, "micro", "micros", "microcents", "nano", "nanos", "millionths")


def likely_cost(key: str, facts: Sequence[ColumnFacts], money: MoneyFacts, *, any_values: bool = False) -> LikelyMoney:
    """Return the likely column of what a row cost.

    Args:
        key: The config key of the role, which questions name.
        facts: The columns that may be it.
        money: What their amounts say.
        any_values: Whether a column may have as many values as rows, as in a log of wins.
    """
    found = [each.name for each in facts if _is_cost(each, any_values=any_values)]
    passed = {each.column: _when_lost(each) for each in money.lost if each.column in found and _is_paid_when_lost(each)}
    left = [name for name in found if name not in passed]
    named = [name for name in left if has_word(name, *_PAID)] or left
    different = [name for n, name in enumerate(named) if not any(_is_one(money, name, other) for other in named[:n])]
    if not different:
        return LikelyMoney(passed_over=passed)
    if len(different) > 1:
        question = (
            f"{key}: {' or '.join(different)}? They are named like what a row cost and hold different amounts; add "
            f"--set {key}=... with the one that was paid"
        )
        return LikelyMoney(questions=(question,), passed_over=passed)
    zero = [each for each in money.lost if each.column == different[0] and each.rows]
    evidence = ["named like what a row cost"]
    [mean] = [each.mean or 0.0 for each in facts if each.name == different[0]]
    if in_parts(different[0]) or mean > MANY:
        evidence.append(f"{mean:,.0f} on the mean: amounts are counted as they are, in millionths if these are such")
    evidence += [f"0 or missing in {1 - each.paid_share:.1%} of the rows where {each.flag} is 0" for each in zero]
    return LikelyMoney(different[0], "; ".join(evidence), (), passed)


def likely_bid(facts: Sequence[ColumnFacts], cost: str, money: MoneyFacts) -> LikelyMoney:
    """Return the likely column of what was bid for a row, in the unit of its cost.

    Args:
        facts: The columns that may be it.
        cost: The column of the cost, empty where it is not known.
        money: What their amounts say.
    """
    named = [each.name for each in facts if is_bid(each)]
    unnamed = [each.name for each in facts if has_word(each.name, "price") and _is_cost(each, any_values=False)]
    if not cost:
        question = f"bid_column: {' or '.join(named)}? It needs cost_column, in the same unit"
        return LikelyMoney(questions=(question,)) if named else LikelyMoney()
    verdicts = {name: _verdict(name, cost, money) for name in named}
    agreeing = [name for name, verdict in verdicts.items() if not verdict]
    agreeing = [name for n, name in enumerate(agreeing) if not any(_is_one(money, name, o) for o in agreeing[:n])]
    if len(agreeing) == 1 and (pair := money.pair(cost, agreeing[0])) is not None:
        evidence = f"{cost} is at most it in {pair.first_at_most:.1%} of {pair.rows:,} rows, {pair.ratio:.0%} of it"
        return LikelyMoney(agreeing[0], f"named like a bid; {evidence}")
    if agreeing:
        question = (
            f"bid_column: {' or '.join(agreeing)}? {cost} is at most each of them, and they hold different amounts; "
            "add --set bid_column=... with the one that the exchange was sent"
        )
        return LikelyMoney(questions=(question,))
    if named:
        return LikelyMoney(questions=tuple(f"bid_column: {name}? {verdict}" for name, verdict in verdicts.items()))
    may_be = [name for name in unnamed if name != cost and not _verdict(name, cost, money)]
    return LikelyMoney(
        questions=tuple(
            f"bid_column: {name}? {cost} is at most it, and its name does not say so; add --set bid_column={name} if "
            "it is what was bid"
            for name in may_be
        )
    )


def _verdict(bid: str, cost: str, money: MoneyFacts) -> str:
    """Return why amounts do not fit a bid in the unit of the cost; empty where they do."""
    pair = money.pair(cost, bid)
    if pair is None or pair.rows < MIN_ROWS or pair.ratio is None:
        return f"too few rows have both {cost} and it to see whether they are in one unit"
    if pair.first_at_most >= AGREEING and pair.ratio >= MIN_RATIO:
        return ""
    if not MIN_RATIO <= pair.ratio <= 1 / MIN_RATIO:
        return (
            f"{cost} is {pair.ratio:.2g} times it on the mean: one may be per impression and the other per mille or in "
            "millionths, which the logs do not tell; bring them to one unit before bid_column is set"
        )
    return (
        f"{cost} is above it in {1 - pair.first_at_most:.1%} of {pair.rows:,} rows: they are in different units or "
        "currencies, or it is no bid"
    )


def _is_cost(each: ColumnFacts, *, any_values: bool) -> bool:
    score = amount_score if any_values else money_score
    is_named = score(each, *_PAID, "price") > 0 and not has_word(each.name, *_BID)
    return is_named and _is_amount(each)


def _is_amount(each: ColumnFacts) -> bool:
    """Return whether a column is no flag: two values are amounts only where the name says so."""
    return each.values > YES_AND_NO or has_word(each.name, *_PRICE_WORDS)


def _is_0_or_1(each: ColumnFacts) -> bool:
    return (each.lowest.lower(), each.highest.lower()) in {("0", "1"), ("false", "true")}


def _is_one(money: MoneyFacts, name: str, other: str) -> bool:
    pair = money.pair(name, other)
    return pair is not None and pair.is_one


def _is_paid_when_lost(each: LostRows) -> bool:
    return each.rows >= MIN_ROWS and each.paid_share > MAX_LOST_PAID


def _when_lost(each: LostRows) -> str:
    return f"it has amounts in {each.paid_share:.1%} of the rows where {each.flag} is 0: a bid or a floor, no cost"
