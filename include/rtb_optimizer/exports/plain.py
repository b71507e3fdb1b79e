"""Exports CSV and JSON for your own bidder, every value in a cell of its own: nothing is escaped.

`examples/plain_reader.py` reads both.
"""

import csv
import io
import json

from rtb_optimizer.exports.export import Export, Terms
from rtb_optimizer.exports.keyed_table import KeyedTable


def plain(table: KeyedTable, terms: Terms) -> Export:
    """Return the table as `table.csv` and `table.json`, the default first, then by length and values."""
    files = {"table.csv": _csv(table), "table.json": _json(table, terms)}
    return Export(files, table, rows=len(table.rows) + 1, lost={})


def _csv(table: KeyedTable) -> bytes:
    """Return the rows with `depth`, the number of values of a row; the cells of the others are empty."""
    text = io.StringIO(newline="")
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(["depth", *(f"feature_{name}" for name in table.features), "multiplier", "no_bid", "exposures"])
    width = len(table.features)
    rows.writerow([0, *[""] * width, table.default, "false", ""])
    for row in table.rows:
        rest = [""] * (width - len(row.values))
        no_bid = str(row.no_bid).lower()
        rows.writerow([len(row.values), *row.values, *rest, row.multiplier, no_bid, row.exposures])
    return text.getvalue().encode()


def _json(table: KeyedTable, terms: Terms) -> bytes:
    rows = [
        {"values": row.values, "multiplier": row.multiplier, "no_bid": row.no_bid, "exposures": row.exposures}
        for row in table.rows
    ]
    document = {"run_code": terms.run_code, "features": table.features, "default": table.default, "rows": rows}
    if terms.holdback:
        document["holdback"] = terms.holdback.document()
    if terms.challenge:
        document["challenger"] = terms.challenge.rule.document()
    return (json.dumps(document, ensure_ascii=False, allow_nan=False) + "\n").encode()
