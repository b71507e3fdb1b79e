"""Counts hostile logs as a run would, seed by seed, and prints the result of each: run as a process of its own.

`python hostile_batch.py FOLDER FIRST COUNT`: a line of JSON per seed. One that takes too long ends the process with
its traceback, so that a hang is an exit code, and so is an abort of the interpreter.
"""

import faulthandler
import json
import logging
import sys
import traceback
from datetime import timedelta
from pathlib import Path

from pyarrow.fs import LocalFileSystem

from hostile_logs import CONFIG, DAYS, START, hostile
from rtb_optimizer.core.config.window import Window
from rtb_optimizer.core.table.evaluation import evaluate
from rtb_optimizer.engines.duckdb.engine import DuckDBEngine
from rtb_optimizer.engines.passes.arrivals import arrivals
from rtb_optimizer.engines.passes.profile import profile
from rtb_optimizer.engines.sql.columns import require_columns
from rtb_optimizer.engines.sql.table import LogTable
from rtb_optimizer.errors import RtbOptimizerError
from rtb_optimizer.live.row_bids import NO_BIDS
from rtb_optimizer.outputs import files
from rtb_optimizer.outputs.documents.selection import SelectionDocument
from rtb_optimizer.run.build_tables import Recipe, build_tables
from rtb_optimizer.run.choose_features import choose_features
from rtb_optimizer.run.read_logs import LogsRead
from rtb_optimizer.run.sample_file import sample_bytes, sample_of
from rtb_optimizer.run.selection_document import selection_document
from rtb_optimizer.run.volume import VolumeFindings
from v3_settings import v3_settings

HANGS_AFTER_SECONDS = 60
WINDOW = Window(START, START + timedelta(days=DAYS))


def counted(urls: list[str]) -> int:
    """Go through profile, sample, selection, exact counts and tables; return how many segments there are."""
    settings = v3_settings(**CONFIG)
    with DuckDBEngine(LocalFileSystem(), 2, 256) as engine:
        table = LogTable(settings, WINDOW, engine.open_logs(urls), {}, engine.dialect)
        require_columns(table)
        arrived = arrivals(engine, table)
        log_profile = profile(engine, table)
        choice = choose_features(engine, table, log_profile)
        drawn = choice.drawn
        evidence = evaluate(drawn.sample, drawn.holdout, choice.selection, choice.link, settings.table_rules)
        document = selection_document(
            LogsRead((), log_profile, VolumeFindings(), NO_BIDS, choice, arrived.warnings, [*table.types]),
            evidence,
            ["a"],
        ).to_json()
        selection = SelectionDocument.read(document)
        selection.features.to_json()
        recipe = Recipe.of(selection)
        sample = sample_of(sample_bytes(drawn.sample, recipe.features))
        built = build_tables(engine, table, sample, recipe, log_profile.totals, None)
        files.segments_parquet(recipe.features, built.segments)
        files.joint_parquet(built.joint)
        built.summary.to_json()
        return len(built.segments)


def verdict(seed: int, folder: Path) -> dict[str, object]:
    """Return the result of one seed's logs."""
    made = hostile(seed)
    urls = []
    for name, body in made.files.items():
        (folder / name).write_bytes(body)
        urls.append(f"local://{folder / name}")
    description: dict[str, object] = {"seed": seed, "what": made.what, "is_broken": made.is_broken}
    try:
        return description | {"segments": counted(urls)}
    except RtbOptimizerError as refused:
        return description | {"error": type(refused).__name__, "message": str(refused)}
    except BaseException as problem:  # noqa: BLE001 - that is what is looked for
        return description | {"crash": "".join(traceback.format_exception(problem))}


def main() -> None:
    """Take the seeds one after the other."""
    faulthandler.enable()
    logging.disable(logging.INFO)
    folder, first, count = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    for seed in range(first, first + count):
        faulthandler.dump_traceback_later(HANGS_AFTER_SECONDS, exit=True)
        result = verdict(seed, folder)
        faulthandler.cancel_dump_traceback_later()
        sys.stdout.write(json.dumps(result) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
