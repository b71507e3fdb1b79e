"""Scores the optimizer's table on unseen rows, from its bytes, as a bidder reads them; prints JSON.

The same metrics, samples and auctions as for the peers, each in a fresh process.
"""

import argparse
import importlib
import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import learners
import numpy as np
from columns import CANDIDATES
from deviance import BINOMIAL, Holdout, metrics_of
from encoded import Rows
from measured import IMPORTED_LATER, Clock, default_settings, evaluation_of, logs, opened, select, tables
from numpy.typing import NDArray
from oracle import matched, oracle_share, read_factors, share_of
from rankers import save
from real_logs import CASES, Case
from replay import Auctions, policies, replayed

from rtb_optimizer.core.config.settings import Settings
from rtb_optimizer.core.model.link import Link, link_of, rate_of, strength_of
from rtb_optimizer.core.sample.sample import Feature, Sample
from rtb_optimizer.core.selection.select import select as select_features
from rtb_optimizer.engines.passes.profile import profile
from rtb_optimizer.engines.passes.sampling import Drawn, draw_sample
from rtb_optimizer.outputs.files import parquet_table

if TYPE_CHECKING:
    import pyarrow as pa

Floats = NDArray[np.float64]
NOTHING_SET = {"value_column": "", "cost_column": "", "timestamp_column": "ts", "denied_features": ""}
CONFIG: Mapping[str, Mapping[str, object]] = {
    "viewable": {
        "timestamp_column": "date",
        "exposure_column": "measurable_impressions",
        "outcome_column": "viewable_impressions",
    },
    "revenue": {
        "timestamp_column": "date",
        "exposure_column": "total_impressions",
        "outcome_column": "viewable_impressions",
        "value_column": "total_revenue",
        "objective": "value",
    },
    "clicks": {"weight_column": "weight", "row_id_columns": "bidid"},
}
"""What the columns of real logs mean; everything else is the default."""


def real(name: str) -> dict[str, Any]:
    """Return the master table's gain on a real holdout, and the joint tables' share of it."""
    case = CASES[name]
    settings = default_settings(**NOTHING_SET | CONFIG[name], candidate_features=",".join(case.columns))
    with TemporaryDirectory(prefix="rtb_optimizer_real_") as folder:
        training, holdout = _parted(case, Path(folder))
        window = (_first_day(case), case.held_out)
        log_profile, choice = select([training], settings, window)
        evaluation = evaluation_of(log_profile, choice, settings)
        master, _ = tables([training], settings, log_profile, evaluation, window)
        rates = predicted_rates(master, holdout, settings, choice.link)
    outcomes, exposure = case.amounts(holdout)
    seen = exposure > 0
    rate = log_profile.totals.value if settings.objective == "value" else log_profile.totals.outcome
    of = metrics_of(Holdout(outcomes[seen], exposure[seen], case.kind), rates[seen], rate / log_profile.totals.exposure)
    features = [chosen.name for chosen in choice.selection.chosen]
    evidence = evaluation[0].evidence
    return of | {
        "rows": _rows(master).num_rows,
        "features": features,
        "joint": [loss.model_dump(exclude_unset=True) for loss in evidence.joint],
        "joint_master": evidence.gain,
    }


def predicted_rates(master: bytes, holdout: "pa.Table", settings: Settings, link: Link) -> Floats:
    """Return the rate per exposure that the table predicts for each row, in the unit of the logs."""
    factors, default = read_factors(_rows(master))
    base, product = default["expected"] / default["exposures"], matched(factors, holdout, settings)
    return rate_of(strength_of(base, link) * product, link)


def sample(folder: Path, into: Path) -> dict[str, Any]:
    """Draw the training sample of a world, all candidates in it, and save it for the rankers."""
    drawn = _drawn(folder)
    codes = {name: feature.codes for name, feature in drawn.sample.features.items()}
    save(into, codes, drawn.sample.outcome, drawn.sample.exposure)
    np.savez(into.with_suffix(".fold.npz"), fold=drawn.sample.fold)
    return {"rows": len(drawn.sample.exposure)}


def rank(saved: Path) -> dict[str, Any]:
    """Rank a saved sample by our selection alone: what is timed is the same work that the rankers do."""
    with np.load(saved) as file, np.load(saved.with_suffix(".fold.npz")) as folds:
        codes = {name.removeprefix("codes/"): file[name] for name in file.files if name.startswith("codes/")}
        outcome, weight, fold = file["outcome"].astype(float), file["weight"].astype(float), folds["fold"]
    features = {name: Feature(column, [""] * (int(column.max()) + 1)) for name, column in codes.items()}
    rows, rules = Sample(weight, outcome, weight, fold, features), default_settings().selection_rules
    link = link_of("auto", outcome.sum(), weight.sum(), is_money=False)
    clock = Clock()
    selection = select_features(rows, list(codes), [], rules, link)
    return {"cpu": clock.cpu(), "order": [chosen.name for chosen in selection.chosen]}


def same_model(folder: Path, order: list[str]) -> dict[str, float]:
    """Return what the segment model reaches of the oracle on features that somebody else has ranked first.

    Addresses are left out: the optimizer publishes none, and refuses them as anchors.
    """
    days, order = sorted(folder.glob("date=*/*.parquet")), [name for name in order if name != "ip_prefix"]
    settings = replace(default_settings(), candidate_features=order, anchor_features=order)  # more than are allowed
    log_profile, choice = select(days[:-1], settings)
    master, _ = tables(days[:-1], settings, log_profile, evaluation_of(log_profile, choice, settings))
    return oracle_share(master, days[-1], settings)


def learnt(folder: Path, learner: str) -> Floats:
    """Return a learner's predicted probability of each row of a world's last day, from the same sample as ours."""
    training, holdout = rows_of(folder)
    return learners.predict(learner, training, holdout, BINOMIAL).rates


def learner_share(folder: Path, learner: str) -> dict[str, float]:
    """Return what a learner reaches of the oracle on a world's last day."""
    import pyarrow.parquet as pq

    training, _ = rows_of(folder)
    day = pq.ParquetFile(max(folder.glob("date=*/*.parquet"))).read(["p_true"])
    return {"share": share_of(day["p_true"].to_numpy(), learnt(folder, learner), training.rate)}


def bids(folder: Path, learner: str | None) -> list[dict[str, Any]]:
    """Replay the last day of a world, whose auctions are second-price, under the table's multipliers.

    Outcomes are hidden chances, so that luck has no part in it.
    """
    import pyarrow.parquet as pq

    days, settings = sorted(folder.glob("date=*/*.parquet")), default_settings()
    log_profile, choice = select(days[:-1], settings)
    master, _ = tables(days[:-1], settings, log_profile, evaluation_of(log_profile, choice, settings))
    day = pq.ParquetFile(days[-1]).read()
    by_row, default = read_factors(_rows(master), "multiplier")
    total = default["multiplier"] * matched(by_row, day, settings)
    multipliers = np.clip(total, settings.multiplier_min, settings.multiplier_max)
    auctions = Auctions(day["price"].to_numpy(), day["p_true"].to_numpy())
    rates = {"table_rates": predicted_rates(master, day, settings, choice.link)}
    peers = rates if learner is None else rates | {learner: learnt(folder, learner)}
    return [asdict(bought) for bought in replayed(auctions, policies(multipliers, peers))]


def rows_of(folder: Path) -> tuple[Rows, Rows]:
    """Return a world's sampled training rows and its holdout day as the learners see them."""
    import pyarrow.parquet as pq

    drawn = _drawn(folder)
    day = pq.ParquetFile(max(folder.glob("date=*/*.parquet"))).read()
    ours = {name: feature.codes.astype(np.int32) for name, feature in drawn.sample.features.items()}
    theirs = {name: _seen(drawn.sample.features[name], day[name]) for name in ours}
    n, last = day.num_rows, int(drawn.sample.fold.max()) + 1
    return (
        Rows(ours, drawn.sample.outcome, drawn.sample.exposure, drawn.sample.fold),
        Rows(theirs, np.zeros(n), np.ones(n), np.full(n, last)),
    )


def _drawn(folder: Path) -> Drawn:
    days, settings = sorted(folder.glob("date=*/*.parquet"))[:-1], default_settings()
    with opened(settings) as engine:
        table = logs(engine, days, settings)
        return draw_sample(engine, table, CANDIDATES, profile(engine, table))


def _seen(feature: Feature, column: "pa.ChunkedArray") -> NDArray[np.int32]:
    """Return a column as codes of the sample's values, -1 for others; the worlds' values need no canonical form."""
    dictionary = column.combine_chunks().dictionary_encode()
    place = {value: n for n, value in enumerate(feature.values)} | {"": -1}
    missing = place.get("__missing__", -1)
    codes = np.array([missing if v == "" else place.get(str(v), -1) for v in dictionary.dictionary.to_pylist()])
    return codes.astype(np.int32)[dictionary.indices.to_numpy()]


def _rows(master: bytes) -> "pa.Table":
    return parquet_table(master)


def _first_day(case: Case) -> date:
    return date(2019, 6, 1) if "ssp" in case.file else date(2013, 6, 6)


def _parted(case: Case, folder: Path) -> tuple[Path, "pa.Table"]:
    """Write the training days as a log of their own; return it, and the rows of the holdout."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    table = pq.ParquetFile(case.path).read()
    at = table["date" if "date" in table.column_names else "ts"]
    if "hour" in case.columns:
        table = table.append_column("hour", pc.cast(pc.hour(at), pa.string()))
    midnight = datetime.combine(case.held_out, datetime.min.time())
    late = pc.greater_equal(pc.cast(at, pa.timestamp("us")), pa.scalar(midnight, pa.timestamp("us")))
    pq.write_table(table.filter(pc.invert(late)), folder / "training.parquet")
    return folder / "training.parquet", table.filter(late)


def main() -> None:
    """Answer one question and print the answer, as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("real", "sample", "rank", "same_model", "learner", "bids"))
    parser.add_argument("of", help="a case of real logs, a world's folder, or a saved sample")
    parser.add_argument("--into", type=Path, help="where a sample is saved")
    parser.add_argument("--order", help="features that somebody else has ranked, the first ones, joined by commas")
    parser.add_argument("--learner", choices=learners.LEARNERS, help="whose predictions to score")
    arguments = parser.parse_args()
    for name in IMPORTED_LATER:
        importlib.import_module(name)
    answers = {
        "real": lambda: real(arguments.of),
        "sample": lambda: sample(Path(arguments.of), arguments.into),
        "rank": lambda: rank(Path(arguments.of)),
        "same_model": lambda: same_model(Path(arguments.of), arguments.order.split(",")),
        "learner": lambda: learner_share(Path(arguments.of), arguments.learner),
        "bids": lambda: bids(Path(arguments.of), arguments.learner),
    }
    print(json.dumps(answers[arguments.what]()))


if __name__ == "__main__":
    main()
