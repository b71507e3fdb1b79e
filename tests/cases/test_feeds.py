"""Feeds of ad servers, exchanges, trackers and warehouses, as their documents describe them, on a new user's path."""

import io
import shlex

import pandas as pd
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from feeds import LOOKED_AT, REFUSED, RUN, world
from rtb_optimizer.cli.app import app
from rtb_optimizer.errors import LogsInvalid
from rtb_optimizer.store.objects import run_prefix, split_url
from rtb_optimizer.store.schema import Entity, Run


@pytest.fixture
def looked_at(store, base_path, monkeypatch):
    """Put a feed and let inspect look at it; returns what it printed, and the overrides of its command by key."""
    monkeypatch.setenv("COLUMNS", "240")

    def look(feed):
        for path, body in feed.objects().items():
            store.put_once(f"{split_url(base_path)[1]}/{path}", body)
        arguments = ["logs", "inspect", f"{base_path}/{feed.rows}"]
        arguments += ["--outcomes", f"{base_path}/{feed.outcomes}"] if feed.outcomes else []
        arguments += ["--columns", ",".join(feed.columns)] if feed.columns else []
        printed = CliRunner().invoke(app, arguments, catch_exceptions=False).output
        command = shlex.split(printed[printed.index("rtb entities add") :].replace("\\\n", " "))
        found = dict(word.split("=", 1) for word in command if "=" in word)
        expected = {key: value.replace("{url}", f"{base_path}/") for key, value in feed.found.items()}
        assert {key: found.get(key, "") for key in expected} == expected
        assert [said for said in feed.said if said not in printed] == []
        return printed

    return look


@pytest.mark.parametrize("name", LOOKED_AT)
def test_inspect_finds_what_a_feed_is_and_says_what_it_leaves_open(looked_at, name):
    looked_at(LOOKED_AT[name])


@pytest.mark.parametrize("name", REFUSED)
def test_a_feed_that_cannot_be_read_is_refused_with_the_reason_and_the_way_out(looked_at, name):
    feed, said = REFUSED[name]
    with pytest.raises(LogsInvalid) as refused:
        looked_at(feed)
    assert said in str(refused.value)


@pytest.mark.parametrize("name", RUN)
def test_the_first_run_over_a_feed_counts_its_rows(looked_at, session, store, request_run, name):
    assert request_run  # a case that makes a whole run
    feed = RUN[name]
    printed = looked_at(feed)
    for command in printed[printed.index("rtb entities add") :].replace("\\\n", " ").splitlines():
        done = CliRunner().invoke(app, shlex.split(command)[1:], catch_exceptions=False)
        assert done.exit_code == 0, done.output
    assert "activated, first active run" in done.output
    entity = session.query(Entity).one()
    prefix = run_prefix(entity.s3_base_path, session.get_one(Run, entity.active_run_id).run_code)
    require_counts(pq.read_table(io.BytesIO(store.read(f"{prefix}/segments.parquet"))).to_pandas(), feed.features)


def require_counts(segments, features):
    """Require that each segment has the rows and clicks of the world that its features name, and that all are used."""
    rows = world()
    texts = {name: of(rows).astype(str) for name, of in features.items()}
    assert {f"feature_{name}" for name in features} <= {*segments.columns}
    assert len(segments) > 5
    for _, segment in segments.iterrows():
        match = pd.Series(data=True, index=rows.index)
        for name, values in texts.items():
            if isinstance(value := segment[f"feature_{name}"], str) and value != "*":
                match &= values == value
        counted = (segment["rows"], segment["exposures"], segment["outcomes"])
        assert counted == (match.sum(), match.sum(), rows["click"][match].sum()), segment["segment"]
