"""Counts the people behind each published row, by their ids: exactly, in SQL that any engine can spill to disk.

A value that is written in several ways counts the people of its most frequent spelling: fewer than there are, never
more.
"""

import math
from collections.abc import Mapping, Sequence

from rtb_optimizer.core.sample.values import segment_key
from rtb_optimizer.engines.passes.encoding import canonicalise
from rtb_optimizer.engines.protocol import Engine
from rtb_optimizer.engines.sql.table import LogTable


def with_enough_people(
    engine: Engine, table: LogTable, terms: Mapping[str, Sequence[str]], least: float
) -> dict[str, frozenset[str]]:
    """Return, by term, the values (or cell keys) that at least `least` people stand behind; none without their ids.

    Args:
        engine: The engine that counts.
        table: The logs.
        terms: The features of each term, by its name.
        least: The least number of distinct values of `person_id_column`.
    """
    if not table.settings.person_id_column or least <= 0:
        return {}
    return {name: _values(engine, table, features, math.ceil(least)) for name, features in terms.items()}


def _values(engine: Engine, table: LogTable, features: Sequence[str], least: int) -> frozenset[str]:
    rows = engine.query(table.values_of_people(features, least), "people").to_pydict()
    canon = [canonicalise(rows["f_" + name], name, table.settings) for name in features]
    return frozenset(canon[0] if len(features) == 1 else map(segment_key, zip(*canon, strict=True)))
