"""Holdouts of real logs: three cases of two files, and the peers' predictions of each.

PYTHONPATH=include:.venv/bench .venv/bin/python benchmarks/real_logs.py --case clicks --learner regression

The logs are not the product's to ship: they are expected next to the checkout.
"""

import argparse
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from deviance import BINOMIAL, MONEY, Holdout, metrics_of
from encoded import Rows, encoded
from learners import LEARNERS, predict
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pyarrow as pa

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
SUPPLY = ("ad_unit_id", "ad_type_id", "geo_id", "device_category_id", "os_id", "integration_type_id", "site_id")
HONEST = (
    *("os", "browser", "region", "city", "adexchange", "domain", "slotid", "slotwidth", "slotheight"),
    *("slotvisibility", "slotformat", "slotprice", "creative", "keypage", "advertiser", "hour"),
)
"""Without ids of the user and the request, and without what is written after the click: usertag, payprice."""
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Case:
    """A case: its file and columns; days before `held_out` are for training, from it on for the holdout."""

    file: str
    kind: str
    columns: tuple[str, ...]
    held_out: date
    amounts: Callable[["pa.Table"], tuple[Floats, Floats]]

    @property
    def path(self) -> Path:
        """Where the file is, if anywhere."""
        return DATA / self.file


def viewable(logs: "pa.Table") -> tuple[Floats, Floats]:
    """Viewable of measurable impressions; a few rows count more viewable ones than measurable."""
    measurable = _floats(logs, "measurable_impressions")
    return np.minimum(_floats(logs, "viewable_impressions"), measurable), measurable


def revenue(logs: "pa.Table") -> tuple[Floats, Floats]:
    """Money of all impressions; one row has less than none."""
    return np.maximum(_floats(logs, "total_revenue"), 0.0), _floats(logs, "total_impressions")


def clicks(logs: "pa.Table") -> tuple[Floats, Floats]:
    """Clicks of weighted impressions: the file keeps all clicks and a sample of the others."""
    weight = _floats(logs, "weight")
    return _floats(logs, "click") * weight, weight


CASES = {
    "viewable": Case("ssp_daily.parquet", BINOMIAL, SUPPLY, date(2019, 6, 24), viewable),
    "revenue": Case("ssp_daily.parquet", MONEY, SUPPLY, date(2019, 6, 24), revenue),
    "clicks": Case("ipinyou_1458_3386.parquet", BINOMIAL, HONEST, date(2013, 6, 11), clicks),
}


def loaded(case: Case) -> tuple[Rows, Rows]:
    """Return the training rows and the holdout of a case, without rows of no exposure."""
    import pyarrow.parquet as pq

    logs = pq.ParquetFile(case.path).read()
    outcomes, exposure = case.amounts(logs)
    days, columns = _days(logs), {name: _column(logs, name) for name in case.columns}
    held_out = days >= np.datetime64(case.held_out)
    sides = [(exposure > 0) & ~held_out, (exposure > 0) & held_out]
    codes = encoded(*({name: column[side] for name, column in columns.items()} for side in sides))
    number = (days - days.min()).astype(np.int64)
    ours, theirs = (
        Rows(of, outcomes[side], exposure[side], number[side]) for of, side in zip(codes, sides, strict=True)
    )
    return ours, theirs


def compared(case: Case, learners: tuple[str, ...]) -> dict[str, Any]:
    """Return the case, and how well each learner predicts its holdout."""
    training, held = loaded(case)
    holdout = Holdout(held.outcomes, held.exposure, case.kind)
    scores: dict[str, Any] = {
        side: {"rows": len(of.outcomes), "exposure": of.exposure.sum(), "outcomes": of.outcomes.sum()}
        for side, of in (("training", training), ("holdout", held))
    }
    for name in learners:
        of = predict(name, training, held, case.kind)
        cost = {"setting": of.setting, "search_cpu": of.search_cpu, "fit_cpu": of.fit_cpu}
        scores[name] = metrics_of(holdout, of.rates, training.rate) | cost
    return scores


def _days(logs: "pa.Table") -> NDArray[np.datetime64]:
    name = "date" if "date" in logs.column_names else "ts"
    return np.asarray(logs[name].to_numpy().astype("datetime64[D]"))


def _column(logs: "pa.Table", name: str) -> NDArray[Any]:
    """Return a column as numbers or texts; the absent text is a value as any other."""
    if name == "hour":
        return np.asarray(logs["ts"].to_numpy().astype("datetime64[h]").astype(np.int64) % 24)
    column = logs[name].to_numpy()
    return np.where(column == None, "", column).astype(str) if column.dtype == object else column  # noqa: E711 - by element


def _floats(logs: "pa.Table", name: str) -> Floats:
    return np.asarray(logs[name].to_numpy(), dtype=float)


def main() -> None:
    """Print the learners' scores on each case whose file is here, as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--case", choices=CASES, action="append", help="one or more; default: all")
    parser.add_argument("--learner", choices=LEARNERS, action="append", help="one or more; default: all")
    arguments = parser.parse_args()
    here = {name: CASES[name] for name in arguments.case or CASES if CASES[name].path.exists()}
    learners = tuple(arguments.learner or LEARNERS)
    print(json.dumps({name: compared(case, learners) for name, case in here.items()}, indent=1))


if __name__ == "__main__":
    main()
