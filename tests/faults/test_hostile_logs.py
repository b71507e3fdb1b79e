"""Whatever stands in a log file, a run counts it or refuses it by name: no crash, no hang, no table of a rejected log.

Each batch is a process of its own: an abort of the interpreter, or a log that takes too long, is its exit code.
"""

import json
import os
import subprocess
import sys
from itertools import count
from pathlib import Path

import pytest
from sqlalchemy import select

from checkout import CHECKOUT
from hostile_logs import BYTES, CONFIG, TABLES, hostile
from rtb_optimizer.errors import RtbOptimizerError
from rtb_optimizer.steps import in_process
from rtb_optimizer.store import entities
from rtb_optimizer.store.objects import split_url
from rtb_optimizer.store.schema import Run, RunOutput
from seeded_logs import NIGHTS

WAYS = [*BYTES, *TABLES]
BATCH = 4 * len(WAYS)
BATCHES, BATCHES_THAT_TAKE_TURNS = 18, 3


@pytest.fixture
def batch(tmp_path):
    """Count the logs of some seeds in another process; returns the result of each."""

    def run(first, size=BATCH):
        done = subprocess.run(
            [sys.executable, Path(__file__).with_name("hostile_batch.py"), tmp_path, str(first), str(size)],
            env=os.environ | {"PYTHONPATH": f"{CHECKOUT}/include:{CHECKOUT}/tests/support"},
            capture_output=True,
            text=True,
            check=False,
        )
        verdicts = [json.loads(line) for line in done.stdout.splitlines()]
        assert done.returncode == 0, f"seed {first + len(verdicts)} ended the process: {done.stderr[-4_000:]}"
        return verdicts

    return run


@pytest.mark.long
@pytest.mark.parametrize("number", range(BATCHES))
def test_hostile_logs_are_counted_or_refused_by_name(batch, long, taking_turns, number):
    if not long and number not in taking_turns(range(BATCHES_THAT_TAKE_TURNS)):
        pytest.skip("another commit's turn, or make test-long runs it")
    verdicts = batch(number * BATCH)
    refused = [v for v in verdicts if "error" in v]

    assert [v for v in verdicts if "crash" in v] == []
    assert {v["what"].split(" and ")[0] for v in verdicts} == set(WAYS)
    assert {v["error"] for v in refused} == {"LogsInvalid"}
    assert [v for v in refused if not v["message"].isprintable() or len(v["message"]) > 2_000] == []
    assert [
        v for v in refused if v["is_broken"] and ".parquet" not in v["message"] and "column" not in v["message"]
    ] == []
    assert 0.2 < len(refused) / len(verdicts) < 0.9


@pytest.fixture
def run_on(add_entity, base_path, store, request_run):
    """Run everything on files that are put where the logs of one night are."""

    def run(files, **config):
        night = NIGHTS[-1]
        for name, body in files.items():
            store.put_once(f"{split_url(base_path)[1]}/logs/date={night}/{name}", body)
        add_entity(**CONFIG | {"lookback_days": "1", "logs_path": f"{base_path}/logs/date={{date}}/"} | config)
        return in_process.run(request_run())

    return run


def seed_of(way):
    return next(seed for seed in count(WAYS.index(way), len(WAYS)) if hostile(seed).what == way)


@pytest.mark.parametrize(
    "way",
    [
        *("truncated", "bytes flipped in the footer", "a stretch of zeros", "noise", "text that is no UTF-8"),
        *("a missing column", "times of another unit or zone", "hostile texts in a measure", "no columns", "zero rows"),
        *("hostile texts in a feature", "hostile texts as bytes", "hostile numbers", "numbers as a feature", "nulls"),
    ],
)
def test_a_whole_run_on_hostile_logs_publishes_a_table_or_says_why_not(run_on, session, way):
    refused = decided = None
    try:
        decided = run_on(hostile(seed_of(way)).files | {"_SUCCESS": b"\n"})
    except RtbOptimizerError as problem:
        refused = problem
    run = session.scalars(select(Run)).one()
    active = entities.find(session, "drugs_com").active_run_id

    assert run.status == ("failed" if refused else "succeeded")
    if refused:
        assert type(refused).__name__ in run.error_message
        assert (active, session.scalars(select(RunOutput)).all()) == (None, [])
    else:
        assert active == (run.run_id if decided.decision == "activated" else None)


def test_a_footer_that_is_damaged_in_its_statistics_does_not_end_the_process(batch):
    [verdict] = batch(373, 1)

    assert verdict["what"] == "bytes flipped in the footer"
    assert "crash" not in verdict


def test_codes_that_are_stored_in_a_byte_are_counted(batch):
    [verdict] = batch(227, 1)

    assert verdict["what"] == "a column of another type and times as texts"
    assert verdict["segments"] > 1
