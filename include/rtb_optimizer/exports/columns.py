"""Which rows of a table does a platform take, and how is a multiplier written there?"""

from collections import Counter
from collections.abc import Mapping
from decimal import Decimal

from rtb_optimizer.core.platform_column import Column
from rtb_optimizer.core.values import NO_VALUES
from rtb_optimizer.errors import ConfigInvalid
from rtb_optimizer.exports.keyed_table import KeyedTable

NO_VALUE = "rare and unexpanded values, which no bidder asks for"


def columns_of(
    table: KeyedTable, fields: Mapping[str, str], known: Mapping[str, Column], platform: str
) -> dict[str, Column]:
    """Return the platform's column for each feature of a table, by its name there, in the features' order.

    Raises:
        ConfigInvalid: A feature has no column, one that the platform does not know, or another feature's.
    """
    names = [fields.get(feature, "") for feature in table.features]
    wrong = [
        f"the {platform} export has no column for the feature {feature}: name one"
        if not name
        else f"{name}, the {platform} column of the feature {feature}, is not one that it takes: use one of "
        + ", ".join(sorted(known))
        for feature, name in zip(table.features, names, strict=True)
        if name not in known
    ]
    wrong += [
        f"{name} is the {platform} column of {n} features: name it once"
        for name, n in Counter(names).items()
        if n > 1 and name
    ]
    if wrong:
        raise ConfigInvalid(wrong)
    return {name: known[name] for name in names}


def taken(table: KeyedTable, columns: Mapping[str, Column]) -> tuple[KeyedTable, Counter[str]]:
    """Return the table without the rows that give a value its column does not take, and their number by cause."""
    kept, lost = [], Counter[str]()
    for row in table.rows:
        pairs = zip(columns.items(), row.values, strict=False)
        cause = next((_cause(name, column, value) for (name, column), value in pairs if not column.takes(value)), None)
        if cause is None:
            kept.append(row)
        else:
            lost[cause] += 1
    return table.keeping(kept), lost


def _cause(name: str, column: Column, value: str) -> str:
    return NO_VALUE if value in NO_VALUES else f"values that {name} does not take: it takes {column.wants}"


def written(multiplier: float) -> str:
    """Return a multiplier as text: six digits, without an exponent, never `0` for what is more than 0, never `1.0`."""
    return format(Decimal(f"{multiplier:.6g}"), "f")


def below(table: KeyedTable) -> dict[tuple[str, ...], set[str]]:
    """Return the values that follow each prefix which has longer rows."""
    following: dict[tuple[str, ...], set[str]] = {}
    for row in table.rows:
        for depth, value in enumerate(row.values):
            following.setdefault(row.values[:depth], set()).add(value)
    return following
