"""Readers of exports and of macro combos, written from the documents alone: of the platforms, and docs/macros.md."""

import json
import re
import runpy
import unicodedata
from datetime import UTC, datetime
from itertools import combinations
from math import exp
from urllib.parse import unquote, unquote_plus

from dateutil import parser

import beeswax_reader
import bonsai_evaluator
from checkout import CHECKOUT

NEXT_CENTURY = datetime(2100, 1, 1, tzinfo=UTC).timestamp()
FOLDER = "s3://beeswax-data-us-east-1/bid_models/acme"


def reader_of(platform, files, run_code, base_cpm):
    """Return a function from a request, the platform's values by field, to its multiplier: None for no bid."""
    make = {"plain": _plain, "prebid_floors": _floors, "lookup_tables": _logit, "beeswax": _bid_model, "bonsai": _tree}
    return make[platform](files, run_code, base_cpm)


def _plain(files, _run_code, _base_cpm):
    example = runpy.run_path(str(CHECKOUT / "examples" / "plain_reader.py"))
    document = json.loads(files["table.json"])
    rows = {tuple(row["values"]): (row["multiplier"], row["no_bid"]) for row in document["rows"]}
    return lambda request: example["bid"]((document["features"], document["default"], rows), request)


def _floors(files, _run_code, base_cpm):
    """Prebid's rule selection: fewest wildcards first, then specific from the left, in lower case."""
    (group,) = json.loads(files["floors.json"])["modelGroups"]
    fields, delimiter = group["schema"]["fields"], group["schema"]["delimiter"]

    def read(request):
        values = [(request.get(name) or "*").lower() for name in fields]
        for wildcards in range(len(fields) + 1):
            chosen = sorted(combinations(range(len(fields)), wildcards), key=lambda places: [-n for n in places][::-1])
            for places in chosen:
                key = delimiter.join("*" if n in places else value for n, value in enumerate(values))
                if key in group["values"]:
                    return group["values"][key] / base_cpm
        return group["default"] / base_cpm

    return read


def _logit(files, _run_code, base_cpm):
    """Xandr's formula: beta0 and the weight of each table's key, as a probability, scaled and clamped.

    By the model's bounds, and by Xandr's own.
    """
    model = json.loads(files["logit.json"])["custom-model-logit"]

    def read(request):
        total = model["beta0"]
        for predictor in model["predictors"]:
            key = [str(request.get(each["feature_keyword"], -1)) for each in predictor["features"]]
            weights = [c["weight"] for c in predictor["coefficients"] if list(map(str, c["key"])) == key]
            total += weights[0] if weights else predictor["default_value"]
        value = model["scale"] / (1 + exp(-total)) + model["offset"]
        return min(max(value, model["min"], 1.0), model["max"], 100.0) / base_cpm

    return read


def _bid_model(files, run_code, _base_cpm):
    model = beeswax_reader.read(files, f"{FOLDER}/{run_code}")
    default = float(re.search(r"the base bid times ([0-9.]+),", files["README.txt"].decode())[1])

    def read(request):
        answer = model.answer([request.get(name) for name in model.fields])
        return default if answer is None else answer or None

    return read


def _tree(files, _run_code, _base_cpm):
    tree = bonsai_evaluator.parse(files["tree.txt"].decode())
    numbers, named = bonsai_evaluator.NUMBERS, bonsai_evaluator.WITH_NAMES

    def read(request):
        typed = {
            name: int(value) if re.fullmatch(r"0|[1-9][0-9]*", value) and (name in numbers or name in named) else value
            for name, value in request.items()
        }
        features = [*numbers, *named, *bonsai_evaluator.TEXTS]
        return bonsai_evaluator.evaluate(tree, dict.fromkeys(features) | typed).value

    return read


def read_combo(text, route):
    """Read an expanded combo by a route as ad_macros.json has it, step by step as in docs/macros.md."""
    if route["combo_limit"] is not None and len(text) >= route["combo_limit"]:
        return None
    parts = text.split(route["separator"])
    if len(parts) != len(route["places"]):
        return None
    return [_value(part, place, route) for part, place in zip(parts, route["places"], strict=True)]


def _value(part, place, route):
    if place["gap"] or part == place["macro"]:
        return None
    for _ in range(place["encodings"]):
        part = unquote_plus(part) if route["plus_for_space"] else unquote(part)
    if place["characters"] is not None and len(part) >= place["characters"]:
        return None
    if place["derived"]:
        return _hour(part, place["derived"])
    missing = {each.lower() for each in (route["missing"] if place["missing"] is None else place["missing"])}
    if place["ids"] is not None:
        theirs = {value: name for name, value in place["ids"].items()}
        return theirs.get(part, "__missing__" if part.lower() in missing else None)
    return spelt(part, missing, is_host=place["is_host"])


UNEXPANDED = re.compile(
    r"\$\{[\w:.-]+\}|%%[\w:.-]+%%|\[%?[A-Za-z][\w:.-]*%?\]|\{\{?\s*[A-Za-z][\w:.|\s-]*\}?\}|##[\w-]+##"
)


def spelt(text, missing, *, is_host=False):
    """Spell a text as docs/outputs.md says, from its second step on; None for no value."""
    text = unicodedata.normalize("NFC", re.sub("[\x00-\x1f\x7f]", " ", text)).strip()
    as_written = text
    if is_host:
        text = re.sub(r"[\s.]+$", "", unicodedata.normalize("NFC", text.lower()))
    if whole := re.fullmatch(r"(-?\d+)\.0+", text):
        text = "0" if whole[1] == "-0" else whole[1]
    if {as_written.lower(), text.lower()} & missing:
        return "__missing__"
    is_macro = UNEXPANDED.fullmatch(text) or UNEXPANDED.fullmatch(unquote(text))
    no_value = is_macro or len(text.encode()) > 256 or text in ("__other__", "__unexpanded__")
    return None if no_value else text


def _hour(text, derived):
    if derived.startswith("unix"):
        seconds = int(text) / (1000 if derived.endswith("milliseconds") else 1)
        return str(datetime.fromtimestamp(seconds, UTC).hour)
    if text.isdigit():  # an epoch: the precision is the one by which it lies in this century
        precision = next(each for each in (1, 1_000, 1_000_000) if int(text) / each < NEXT_CENTURY)
        return str(datetime.fromtimestamp(int(text) / precision, UTC).hour)
    moment = parser.parse(text.replace(",", "."))
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return str(moment.astimezone(UTC).hour)
