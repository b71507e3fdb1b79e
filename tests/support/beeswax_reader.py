"""A reader of Beeswax bid models, written from the vendor's documents: strict about all that they specify."""

import csv
import json
import re
from dataclasses import dataclass
from itertools import combinations_with_replacement

WHOLE = re.compile(r"0|[1-9]\d*")
RULES = {
    "hour_of_day_utc": lambda text: WHOLE.fullmatch(text) and 0 <= int(text) <= 23,
    "day_of_week_utc": lambda text: WHOLE.fullmatch(text) and 1 <= int(text) <= 7,
    "banner_width": WHOLE.fullmatch,
    "rewarded": lambda text: text in {"0", "1"},
    "publisher_id": re.compile(r".+/.+").match,
    "geo_zip": lambda text: len(text) >= 5,
    "platform_device_type": lambda text: (
        text in {"UNKNOWN", "MOBILE", "PC", "CONNECTED_TV", "PHONE", "TABLET"}
        or text in {"CONNECTED_DEVICE", "SET_TOP_BOX", "GAMES_CONSOLE"}
    ),
    "domain": bool,
    "platform_os": bool,
    "geo_region": bool,
    "geo_country": re.compile("[A-Z]{3}").fullmatch,
    "geo_city": WHOLE.fullmatch,
    "geo_metro": re.compile("[0-9]{3}").fullmatch,
    "ad_size": re.compile("[0-9]+x[0-9]+").fullmatch,
}


@dataclass
class BidModel:
    """Predictions by the wildcards of their rows, and by their values in the other fields."""

    fields: list
    rows: list
    by_wildcards: dict

    def answer(self, values):
        """Return the value of the one row that matches a request, None standing for null; None where none matches.

        `values` begin with those of the file's fields; the model does not look at others.
        """
        own = values[: len(self.fields)]
        matches = [
            rows[key]
            for wildcards, rows in self.by_wildcards.items()
            if (key := tuple("" if v is None else v for v, any_ in zip(own, wildcards, strict=True) if not any_))
            in rows
        ]
        assert len(matches) <= 1, f"{len(matches)} rows match {values}"
        return matches[0] if matches else None


def read(files, folder, *, file_bytes=25_000_000, model_bytes=100_000_000, wildcard_fields=3):
    """Return the bid model of a manifest, every rule of the documents checked."""
    manifest = json.loads(files["manifest.json"])
    fields, wildcards = manifest["metadata"]["fields"], manifest["metadata"]["wildcard_fields"]
    assert set(manifest) == {"model_predictions", "metadata"}
    assert fields
    assert len(set(fields)) == len(fields)
    assert len(wildcards) <= wildcard_fields
    assert set(wildcards) <= set(fields)
    named = [path.removeprefix(f"{folder}/") for path in manifest["model_predictions"]]
    assert set(named) == {name for name in files if name.startswith("predictions")}
    assert all(len(files[name]) <= file_bytes for name in named)
    assert sum(len(files[name]) for name in named) <= model_bytes
    rows = [row for name in named for row in _rows(files[name], fields, wildcards)]
    return BidModel(fields, rows, _by_wildcards(rows))


def _rows(body, fields, wildcards):
    lines = csv.reader(body.decode().strip().split("\n"), delimiter="|")
    assert next(lines) == [*fields, "value"]
    for line in lines:
        assert len(line) == len(fields) + 1
        for name, text in zip(fields, line, strict=False):
            assert text == "" or (text == "*" and name in wildcards) or RULES[name](text), (name, text)
        assert re.fullmatch(r"\d+(\.\d+)?", line[-1])
        assert not line[-1].endswith(".0")
        yield tuple(line[:-1]), float(line[-1])


def _by_wildcards(rows):
    by_wildcards = {}
    for values, value in rows:
        wildcards = tuple(text == "*" for text in values)
        key = tuple(text for text in values if text != "*")
        assert key not in by_wildcards.setdefault(wildcards, {}), f"two rows with {values}"
        by_wildcards[wildcards][key] = value
    return by_wildcards


def overlapping(rows):
    """Return two rows that one request could match, None if there are none: every field equal, or `*` in one."""
    kinds = {}
    for values, _ in rows:
        kinds.setdefault(tuple(text == "*" for text in values), []).append(values)
    for one, other in combinations_with_replacement(kinds, 2):
        both = [place for place, (a, b) in enumerate(zip(one, other, strict=True)) if not a and not b]
        met = {}
        for values in kinds[one]:
            met.setdefault(tuple(values[place] for place in both), []).append(values)
        for values in kinds[other]:
            for mate in met.get(tuple(values[place] for place in both), []):
                if one != other or mate != values:
                    return mate, values
    return None
