"""Look a bid up in a plain export: `python plain_reader.py table.json site=a.com device=mobile`.

The longest prefix of the request's values that has a row answers, the default last. Values are to be spelt as the
run spells them (trimmed, `512` for `512.0`, hosts in lower case, `__missing__` for none).
"""

import csv
import json
import sys
from pathlib import Path


def read(path):
    """Return the features in order, the default multiplier, and (multiplier, no_bid) by the values that a row gives."""
    text = Path(path).read_text(encoding="utf-8")
    if path.endswith(".json"):
        table = json.loads(text)
        rows = {tuple(r["values"]): (r["multiplier"], r["no_bid"]) for r in table["rows"]}
        return table["features"], table["default"], rows
    lines = csv.reader(text.split("\n")[:-1])
    features = [name.removeprefix("feature_") for name in next(lines)[1:-3]]
    cells = [(int(depth), values, float(bid), none == "true") for depth, *values, bid, none, _ in lines]
    rows = {tuple(values[:depth]): (bid, no_bid) for depth, values, bid, no_bid in cells}
    return features, rows.pop(())[0], rows


def bid(table, request):
    """Return what to multiply a bid by, None for no bid; `request` is a value by feature."""
    features, default, rows = table
    values = tuple(request.get(name, "__missing__") for name in features)
    for depth in range(len(values), 0, -1):
        if values[:depth] in rows:
            multiplier, no_bid = rows[values[:depth]]
            return None if no_bid else multiplier
    return default


if __name__ == "__main__":
    print(bid(read(sys.argv[1]), dict(pair.split("=", 1) for pair in sys.argv[2:])))
