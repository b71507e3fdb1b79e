"""Look a bid up in a plain export: `plain_reader.py table.json site=a.com`, values spelt as the run spells them."""

import csv
import hashlib
import json
import sys
from pathlib import Path


def read(path):
    """Return the features in order, the default multiplier, and (multiplier, no_bid) by the values that a row gives."""
    if path.endswith(".json"):
        table = json.loads(Path(path).read_text(encoding="utf-8"))
        rows = {tuple(r["values"]): (r["multiplier"], r["no_bid"]) for r in table["rows"]}
        return table["features"], table["default"], rows
    with Path(path).open(encoding="utf-8", newline="") as file:  # a value may hold a line break, in quotes
        head, *lines = csv.reader(file)
    features = [name.removeprefix("feature_") for name in head[1:-3]]
    rows = {tuple(v[: int(depth)]): (float(bid), no_bid == "true") for depth, *v, bid, no_bid, _ in lines}
    return features, rows.pop(())[0], rows


def drawn(rule, request_id):
    """Return whether a rule of active.json draws a request: `holdback` to bid 1.0, `challenger` to bid by its table."""
    digest = hashlib.new(rule["hash"], f"{rule['salt']}{request_id}".encode()).hexdigest()[:8]
    return digest < rule["below"] if "below" in rule else digest >= rule["from"]


def bid(table, request):
    """Return what to multiply a bid by, None for no bid; `request` is a value by feature."""
    features, default, rows = table
    values = tuple(request.get(name, "__missing__") for name in features)
    prefixes = (values[:depth] for depth in range(len(values), 0, -1))
    multiplier, no_bid = next((rows[each] for each in prefixes if each in rows), (default, False))
    return None if no_bid else multiplier


if __name__ == "__main__":
    print(bid(read(sys.argv[1]), dict(pair.split("=", 1) for pair in sys.argv[2:])))
