"""Exports a Beeswax bid model: prediction files of mutually exclusive rows, a manifest, and instructions.

Beeswax has no "longest prefix": a request that two rows match gets neither. A prefix with longer rows under it is
therefore expanded, one row for each value that may follow it: every value of a column that has few (the hours of a
day), every observed one in the others. A value that was never observed there gets the default bid. A table without
rows is one row of `*`, the default: a file needs a column and a row.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from rtb_optimizer.core.platforms.beeswax import COLUMNS
from rtb_optimizer.core.platforms.column import Column
from rtb_optimizer.core.sample.values import MISSING
from rtb_optimizer.exports.columns import accepted_rows, format_multiplier, values_below
from rtb_optimizer.exports.export import Export, Terms
from rtb_optimizer.exports.keyed_table import KeyedRow, KeyedTable

ANY, NULL, NO_BID = "*", "", "0"
ANY_COLUMN = "domain"
"""What the row of a table without features has its `*` in."""
FOLDER = "s3://beeswax-data-REGION/bid_models/BUZZ_KEY"

NOT_EXPANDABLE = "rows to be expanded that have no value left"
OBSERVED_ONLY = "expanded rows: present only for values observed under them"
NO_ROOM = "rows of least impact, beyond the size limit of a bid model"
NO_ROOM_FOR_ALL = "expanded rows: present only for the values of most impact, within the size limit"


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of Beeswax: bytes a file and a model, as the smaller reading of MB; fields in which `*` may stand."""

    file_bytes: int = 25_000_000
    model_bytes: int = 100_000_000
    wildcard_fields: int = 3


LIMITS = Limits()


def bid_model(table: KeyedTable, terms: Terms, limits: Limits = LIMITS) -> Export:
    """Return a table of Beeswax's columns as `predictions-001.csv` and on, `manifest.json` and `README.txt`.

    `terms.seen` has the observed values for expansion, `terms.folder` the folder of the manifest's paths.
    """
    accepted, lost = accepted_rows(table, {name: COLUMNS[name] for name in table.features})
    accepted = _without_unused_columns(accepted)
    columns = {name: COLUMNS[name] for name in accepted.features}
    expansion = _Expansion(accepted, list(columns.values()), terms.seen, max(len(columns) - limits.wildcard_fields, 0))
    answers = {cell.values: (cell, row) for cell, row in expansion.cells()}
    expanded = replace(accepted, rows=tuple(cell for cell, _ in answers.values()))
    bodies, rows = _packed(expanded, limits)
    cells = Counter(row.values for _, row in answers.values())
    fitted = Counter(answers[cell.values][1].values for cell in rows)
    lost[NOT_EXPANDABLE] = len(accepted.rows) - len(cells)
    lost[NO_ROOM] = len(cells) - len(fitted)
    lost[NO_ROOM_FOR_ALL] = sum(fitted[values] < cells[values] for values in fitted)
    lost[OBSERVED_ONLY] = len(expansion.incomplete & set(fitted))
    names = accepted.features or (ANY_COLUMN,)
    bodies = bodies if rows or not limits.wildcard_fields else [_default_alone(names, table.default)]
    files = {f"predictions-{number:03}.csv": body for number, body in enumerate(bodies, 1)}
    file_rows = {name: body.count(b"\n") - 1 for name, body in files.items()}
    folder = terms.folder.rstrip("/") or FOLDER  # with a slash more a path names another object of S3
    paths = [f"{folder}/{terms.run_code}/{name}" for name in files]
    files["manifest.json"] = _manifest(names, rows, paths)
    files["README.txt"] = _readme(table, terms.run_code)
    priced = (replace(row, multiplier=float(format_multiplier(row.multiplier))) for row in rows)
    read_back = KeyedTable(accepted.features, tuple(priced), float(format_multiplier(table.default)))
    return Export(
        files, read_back, len(rows), +lost, file_rows=file_rows | {"manifest.json": len(paths), "README.txt": 1}
    )


@dataclass
class _Expansion:
    """A table as mutually exclusive rows; only rows of `least` values or more may end in wildcards."""

    table: KeyedTable
    columns: list[Column]
    seen: Mapping[tuple[str, ...], float]
    least: int
    incomplete: set[tuple[str, ...]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._rows = {row.values: row for row in self.table.rows}
        self._below = values_below(self.table)
        self._seen: dict[tuple[str, ...], dict[str, float]] = {}
        for values, exposures in self.seen.items():
            for depth, value in enumerate(values[: len(self.columns)]):
                if depth >= self.least and values[:depth] not in self._below:
                    break
                if self.columns[depth].takes(value):
                    after = self._seen.setdefault(values[:depth], {})
                    after[value] = after.get(value, 0.0) + exposures

    def cells(
        self, prefix: tuple[str, ...] = (), answer: KeyedRow | None = None
    ) -> Iterator[tuple[KeyedRow, KeyedRow]]:
        """Yield the rows under a prefix, each with the row of the table that it represents."""
        answer = self._rows.get(prefix, answer)
        if prefix not in self._below and (answer is None or len(prefix) >= self.least):
            if answer is not None:
                yield (answer if answer.values == prefix else self._cell(prefix, answer)), answer
            return
        for value in sorted(self._following(prefix, answer)):
            yield from self.cells((*prefix, value), answer)

    def _following(self, prefix: tuple[str, ...], answer: KeyedRow | None) -> set[str]:
        following = self._below.get(prefix, set())
        if answer is None:
            return following
        every = self.columns[len(prefix)].values if following else ()  # of one column only: nested, they would multiply
        if not every:
            self.incomplete.add(answer.values)
        return following | set(every) | set(self._seen.get(prefix, ()))

    def _cell(self, prefix: tuple[str, ...], answer: KeyedRow) -> KeyedRow:
        exposures = self._seen.get(prefix[:-1], {}).get(prefix[-1], 0.0)
        return KeyedRow(prefix, exposures, answer.multiplier, answer.no_bid)


def _without_unused_columns(table: KeyedTable) -> KeyedTable:
    """Return the table without the last columns, which no row has a value of: each would take one of three wildcards.

    A file has one column at least.
    """
    used = max((len(row.values) for row in table.rows), default=0)
    return replace(table, features=table.features[: max(used, 1)])


def _packed(expanded: KeyedTable, limits: Limits) -> tuple[list[bytes], list[KeyedRow]]:
    """Return the prediction files, the rows with the largest impact first, and the rows that fit."""
    header = "|".join([*expanded.features, "value\n"]).encode()
    files, rows, total = [[header]], list[KeyedRow](), len(header)
    size = len(header)
    for row in expanded.by_impact():
        line = _line(row, len(expanded.features)).encode()
        new_file = size + len(line) > limits.file_bytes
        total += len(line) + new_file * len(header)
        if total > limits.model_bytes or len(header) + len(line) > limits.file_bytes:
            break
        if new_file:
            files.append([header])
            size = len(header)
        files[-1].append(line)
        size += len(line)
        rows.append(row)
    return [b"".join(lines) for lines in files], rows


def _line(row: KeyedRow, columns: int) -> str:
    texts = [NULL if value == MISSING else value for value in row.values]
    texts += [ANY] * (columns - len(texts))
    return "|".join([*texts, (NO_BID if row.no_bid else format_multiplier(row.multiplier)) + "\n"])


def _default_alone(names: Sequence[str], default: float) -> bytes:
    lines = ("|".join([*names, "value"]), "|".join([*[ANY] * len(names), format_multiplier(default)]))
    return "".join(f"{line}\n" for line in lines).encode()


def _manifest(names: Sequence[str], rows: list[KeyedRow], paths: list[str]) -> bytes:
    wildcards = names[min((len(row.values) for row in rows), default=0) :]
    metadata = {"fields": names, "wildcard_fields": wildcards}
    return json.dumps({"model_predictions": paths, "metadata": metadata}, indent=1).encode()


def _readme(table: KeyedTable, run_code: str) -> bytes:
    return (
        f"Bid model of the run {run_code}: its values are multipliers (value_type MULTIPLIER), 0 for no bid.\n"
        "A request that no row matches gets the line item's default bid, which no file can carry:\n"
        f"set it to the base bid times {format_multiplier(table.default)}, what this run found for all other traffic.\n"
        "Beeswax finds the files where manifest.json names them; correct the paths there if they go elsewhere.\n"
    ).encode()
