"""Exports Prebid price floors, schema 2: the base CPM times a request's multiplier, by the platform's fields.

Prebid looks up every combination of values and `*`, fewest `*` first; a table whose rows are prefixes is answered by
the longest. A floor cannot express "no bid": such rows have the smallest floor. A holdback is a second model group with
the base CPM alone, which Prebid draws by its weight. The file of a challenger's run has the groups of the active run's
file, with the weight that is left to them, and its own group: a page reads one file for all arms.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from rtb_optimizer.core.realized.arms import CONTROL_SUFFIX
from rtb_optimizer.core.sample.values import MISSING
from rtb_optimizer.exports.export import Challenge, Export, Terms
from rtb_optimizer.exports.keyed_table import KeyedRow, KeyedTable

DELIMITER, ANY = "|", "*"
PROTOTYPE = "__proto__"
MAX_RULES, MAX_BYTES = 1_000, 100 * 1024
"""Prebid Server's default limits; a larger file is rejected whole."""
DECIMALS, SMALLEST = 4, 0.0001
"""Prebid rounds a floor up to this number of decimals, and treats 0 as none."""


def prebid_floors(table: KeyedTable, terms: Terms) -> Export:
    """Return the table as `floors.json`, cut to Prebid's limits by impact."""
    lost: dict[str, int] = {}
    named = KeyedTable(table.features, tuple(_addressable(table.rows, lost)), table.default)
    priced = replace(named, default=_floor(table.default, terms) / terms.base_cpm)
    fitting = _within_limits(priced, terms, lost)
    # A file without a rule is rejected: where the table has no rows, the default is the rule.
    rules = {_key(row, fitting): _floor(row.multiplier, terms) for row in fitting.rows}
    body = _document(fitting, terms, rules or {_key(KeyedRow((), 0.0, 1.0), fitting): _floor(fitting.default, terms)})
    return Export({"floors.json": body}, fitting, len(fitting.rows), lost, normalise=_normalised)


def _normalised(value: str) -> str:
    """Return a value as Prebid compares it; a value that a page does not know is `*`."""
    return ANY if value in ("", MISSING) else value.lower()


def _addressable(rows: Iterable[KeyedRow], lost: dict[str, int]) -> Iterable[KeyedRow]:
    """Return the rows that Prebid can look up, in lower case; of rows that are equal in lower case, the heaviest."""
    addressable: dict[tuple[str, ...], KeyedRow] = {}
    for row in sorted(rows, key=lambda row: (-row.exposures, row.values)):
        values = tuple(map(_normalised, row.values))
        cause = _rejection(row.values) or ("equal in lower case to a heavier row" if values in addressable else "")
        if cause:
            lost[cause] = lost.get(cause, 0) + 1
        else:
            addressable[values] = replace(row, values=values)
    return sorted(addressable.values(), key=lambda row: (len(row.values), row.values))


def _rejection(values: Iterable[str]) -> str:
    for value in values:
        if value in ("", MISSING):
            return "a value is missing: a page cannot look that up"
        if DELIMITER in value:
            return f"a value holds the delimiter {DELIMITER}"
        if ANY in value:
            return f"a value holds the wildcard {ANY}"
        if value.lower() == PROTOTYPE:
            return f"a value is {PROTOTYPE}: Prebid.js cannot hold a rule of that name"
    return ""


def _within_limits(table: KeyedTable, terms: Terms, lost: dict[str, int]) -> KeyedTable:
    """Return the rows of largest impact that fit, at the multipliers of the floors in the file."""
    fitting: list[KeyedRow] = []
    room = MAX_BYTES - len(_document(table, terms, {})) + len(",")
    for row in table.by_impact():
        room -= len(_json({_key(row, table): _floor(row.multiplier, terms)})) - len("{}") + len(",")
        if len(fitting) == MAX_RULES or room < 0:
            break
        fitting.append(row)
    if left := len(table.rows) - len(fitting):
        lost[f"more than {MAX_RULES:,} rules" if room >= 0 else f"more than {MAX_BYTES // 1024} KB"] = left
    return replace(
        table,
        rows=tuple(
            replace(row, multiplier=_floor(row.multiplier, terms) / terms.base_cpm, no_bid=False)
            for row in table.keeping(fitting).rows
        ),
    )


def _floor(multiplier: float, terms: Terms) -> float:
    """Return the floor of a multiplier."""
    return max(round(multiplier * terms.base_cpm, DECIMALS), SMALLEST)


def _key(row: KeyedRow, table: KeyedTable) -> str:
    return DELIMITER.join([*row.values, *[ANY] * (len(_fields(table)) - len(row.values))])


def _fields(table: KeyedTable) -> Sequence[str]:
    """Return the schema's fields; the schema requires at least one."""
    return table.features or ("mediaType",)


def _document(table: KeyedTable, terms: Terms, rules: Mapping[str, float]) -> bytes:
    if terms.challenge and terms.challenge.beside:
        return _beside(terms.challenge, terms.challenge.beside, table, terms, rules)
    control = _weight(terms.holdback.share) if terms.holdback else 0
    groups = [_group(table, terms, terms.run_code, 100 - control, rules)]
    if control:
        flat = KeyedTable(table.features, (), 1.0)
        base = {_key(KeyedRow((), 0.0, 1.0), flat): _floor(1.0, terms)}
        groups.append(_group(flat, terms, f"{terms.run_code}{CONTROL_SUFFIX}", control, base))
    whole = {"floorsSchemaVersion": 2, "floorProvider": "rtb_optimizer"}
    return _json(whole | {"currency": terms.currency, "skipRate": terms.skip_rate, "modelGroups": groups})


def _beside(challenge: Challenge, active: bytes, table: KeyedTable, terms: Terms, rules: Mapping[str, float]) -> bytes:
    """Return the active run's file with one more group; the first of its groups gives up the weight.

    The control keeps its weight.
    """
    document = json.loads(active)
    share = _weight(challenge.rule.share)
    main, *others = document["modelGroups"]
    left = {**main, "modelWeight": max(main["modelWeight"] - share, 1)}
    return _json(document | {"modelGroups": [left, _group(table, terms, terms.run_code, share, rules), *others]})


def _weight(share: float) -> int:
    """Return the weight of a group in percent, which must be from 1 to 100: a share below a percent is one."""
    return max(round(100 * share), 1)


def _group(
    table: KeyedTable, terms: Terms, version: str, weight: int, rules: Mapping[str, float]
) -> Mapping[str, object]:
    """Return a model group: Prebid logs its version, and draws it by its weight in percent."""
    return {
        "modelVersion": version,
        "modelWeight": weight,
        "skipRate": terms.skip_rate,
        "currency": terms.currency,
        "schema": {"fields": _fields(table), "delimiter": DELIMITER},
        "default": _floor(table.default, terms),
        "values": rules,
    }


def _json(document: Mapping[str, object]) -> bytes:
    return json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
