"""Looks at the columns of money of a sample of the rows together: which is at most which, and what lost rows hold."""

from collections.abc import Mapping, Sequence
from itertools import combinations

from rtb_optimizer.core.config.likely_money import LostRows, MoneyFacts, MoneyPair
from rtb_optimizer.engines.passes.column_facts import number_of
from rtb_optimizer.engines.protocol import Engine

MAX_COLUMNS = 8


def money_facts(engine: Engine, types: Mapping[str, str], money: Sequence[str], flags: Sequence[str]) -> MoneyFacts:
    """Return what the rows that `column_facts` has stored say of columns of money.

    Args:
        engine: The engine.
        types: The columns of the logs.
        money: The columns that may be a cost or a bid; more than `MAX_COLUMNS` are not compared.
        flags: Columns that may say whether a row was won.
    """
    money, flags = money[:MAX_COLUMNS], flags[:MAX_COLUMNS]
    if not money or (len(money) == 1 and not flags):
        return MoneyFacts()
    named = {name: f"m{n}" for n, name in enumerate([*money, *flags])}
    numbers = ", ".join(
        f"{number_of(engine.dialect.identifier(name), types[name], engine.dialect)} AS {alias}"
        for name, alias in named.items()
    )
    pairs = list(combinations(money, 2))
    lost = [(column, flag) for column in money for flag in flags if column != flag]
    sums = [
        *(_of_pair(f"p{n}", named[a], named[b]) for n, (a, b) in enumerate(pairs)),
        *(_of_lost(f"l{n}", named[column], named[flag]) for n, (column, flag) in enumerate(lost)),
    ]
    [row] = engine.query(
        f"SELECT {', '.join(sums)} FROM (SELECT {numbers} FROM looked_at)", "columns of money"
    ).to_pylist()
    return MoneyFacts(
        [_pair(a, b, row, f"p{n}") for n, (a, b) in enumerate(pairs)],
        [
            LostRows(column, flag, count := int(row[f"l{n}_n"] or 0), int(row[f"l{n}_paid"] or 0) / max(count, 1))
            for n, (column, flag) in enumerate(lost)
        ],
    )


def _of_pair(alias: str, a: str, b: str) -> str:
    both = f"{a} > 0 AND {b} > 0"
    return (
        f"SUM(CASE WHEN {both} THEN 1 ELSE 0 END) AS {alias}_n, "
        f"SUM(CASE WHEN {both} AND {a} <= {b} THEN 1 ELSE 0 END) AS {alias}_first, "
        f"SUM(CASE WHEN {both} AND {b} <= {a} THEN 1 ELSE 0 END) AS {alias}_second, "
        f"EXP(AVG(CASE WHEN {both} THEN LN({a}) - LN({b}) END)) AS {alias}_ratio"
    )


def _of_lost(alias: str, column: str, flag: str) -> str:
    return (
        f"SUM(CASE WHEN {flag} = 0 THEN 1 ELSE 0 END) AS {alias}_n, "
        f"SUM(CASE WHEN {flag} = 0 AND {column} > 0 THEN 1 ELSE 0 END) AS {alias}_paid"
    )


def _pair(first: str, second: str, row: Mapping[str, object], alias: str) -> MoneyPair:
    rows = int(str(row[f"{alias}_n"] or 0))
    shares = {part: int(str(row[f"{alias}_{part}"] or 0)) / max(rows, 1) for part in ("first", "second")}
    ratio = row[f"{alias}_ratio"]
    known = None if ratio is None else float(str(ratio))
    return MoneyPair(first, second, rows, shares["first"], shares["second"], known)
