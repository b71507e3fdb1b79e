"""Real runs read as DataFrames: rows are what was published, dtypes what is documented, also where there is nothing."""

import ast
import inspect
import io
import pickle
import re
import subprocess
import sys
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

import rtb_optimizer
from checkout import CHECKOUT
from rtb_optimizer import read_history, read_run, read_segments
from rtb_optimizer.core.decision.activation import NEVER_ACTIVATED
from rtb_optimizer.errors import NotFound
from rtb_optimizer.outputs import frames
from rtb_optimizer.outputs.files import segments_parquet
from rtb_optimizer.outputs.published import published, published_output
from rtb_optimizer.run.key_metrics import key_metrics
from rtb_optimizer.steps import in_process
from rtb_optimizer.store import activation, connections, queries
from rtb_optimizer.store.schema import Run

PUBLIC = ("RunFrames", "read_history", "read_run", "read_segments")


def dtypes(frame):
    return {name: str(dtype) for name, dtype in frame.dtypes.items()}


@pytest.fixture
def run(ran):
    """Run an entity over its four nights; returns what is stored of the run."""
    (run_id,) = ran({"data_start": "2026-03-06", "data_end": "2026-03-10"})
    with connections.session() as session:
        return session.get_one(Run, run_id)


def test_a_run_is_read_by_entity_id_or_code_as_it_was_published(run, session):
    body = published_output(session, run, "segments")
    table, selection = pq.read_table(io.BytesIO(body)), published(session, run).selection
    features = selection.names
    for name in ("drugs_com", run.run_id, str(run.run_id), run.run_code, pd.Series([run.run_id])[0]):
        segments = read_segments(name)
        assert segments.astype("object").replace({np.nan: None}).to_dict("records") == table.to_pylist(), name
    run_frames = read_run("drugs_com")

    pd.testing.assert_frame_equal(run_frames.segments, segments)
    assert dtypes(segments) == {
        "segment": "str",
        **dict.fromkeys((f"feature_{name}" for name in features), "category"),
        **{name: dtype for name, dtype in frames.SEGMENT_DTYPES.items() if name != "segment"},
    }
    assert list(segments["tier"].cat.categories) == ["low", "medium", "high"]
    assert segments["tier"].cat.ordered
    assert segments[f"feature_{features[0]}"].isna()[0], "the default row has any value"
    assert len(segments) == run.total_segments

    assert (run_frames.entity_code, run_frames.run_id, run_frames.run_code) == ("drugs_com", run.run_id, run.run_code)
    assert (run_frames.status, run_frames.is_active, run_frames.triggered_by) == ("succeeded", True, "manual:tester")
    assert run_frames.data_start == datetime(2026, 3, 6, tzinfo=UTC)
    assert run_frames.data_end == datetime(2026, 3, 10, tzinfo=UTC)
    assert run_frames.config["outcome_column"] == "click"
    assert dtypes(run_frames.features) == frames.FEATURE_DTYPES
    chosen = run_frames.features[run_frames.features["selected"]]
    assert list(chosen["feature"]) == features
    assert list(chosen["order"]) == list(range(1, len(features) + 1))
    assert list(chosen["signal_score"]) == [each.signal_score for each in selection.features]
    rejected = run_frames.features[~run_frames.features["selected"]]
    assert dict(zip(rejected["feature"], rejected["reason"], strict=True)) == {
        each.name: each.reason for each in selection.rejected
    }
    assert chosen["reason"].isna().all()
    assert list(run_frames.decisions["decision"]) == ["activated"]
    assert repr(run_frames).startswith("RunFrames(entity_code='drugs_com'")
    assert "\n" not in repr(run_frames)
    pd.testing.assert_frame_equal(pickle.loads(pickle.dumps(run_frames)).segments, segments)  # noqa: S301 - our own


def test_the_history_has_every_decision_with_the_figures_of_its_run(ran, session, add_entity, make_run):
    ran({})
    entity = add_entity("other_com")
    first, second, late = make_run(entity), make_run(entity), make_run(entity, is_sandbox=True)
    for decided, reasons in ((first, ()), (second, ()), (late, ("0 outcomes", "no rows"))):
        activation.complete_and_decide(session, decided.run_id, 1, reasons, allow_older=False)
    activation.roll_back(session, "other_com", "ana", "fill rate fell")
    session.commit()
    history = read_history("other_com")

    assert dtypes(history) == frames.HISTORY_DTYPES
    assert list(history["decision_number"]) == [1, 2, 3, 4]
    assert list(history["decision"]) == ["activated", "activated", "held", "rolled_back"]
    assert list(history["run_id"]) == [first.run_id, second.run_id, late.run_id, first.run_id]
    assert history["from_run_id"].isna().tolist()[0]
    assert list(history["from_run_id"][[1, 3]]) == [first.run_id, second.run_id]
    assert list(history["is_sandbox"]) == [False, False, True, False]
    assert history["reasons"][2] == f"{NEVER_ACTIVATED}; 0 outcomes; no rows"
    assert history["decided_by"][3] == "ana"
    assert history[list(frames.FIGURE_DTYPES)].isna().all(axis=None)

    own = read_history("drugs_com")
    (listed,) = queries.run_rows(session, "drugs_com", 10)
    assert dtypes(own) == frames.HISTORY_DTYPES
    assert own.loc[0, list(frames.FIGURE_DTYPES)].to_dict() == pytest.approx(listed["figures"], nan_ok=True)
    assert own["data_end"][0] == pd.Timestamp("2026-03-10", tz="UTC")


def test_a_run_that_was_left_is_read_by_id_and_is_not_the_active_one(run, session, request_run):
    second = in_process.run(request_run(dag_run_id="manual__2"))
    left = read_run(run.run_id)

    assert (left.run_id, left.is_active) == (run.run_id, False)
    assert (read_run("drugs_com").run_id, read_run("drugs_com").is_active) == (second.opt_run_id, True)
    assert set(left.decisions["run_id"]) == {run.run_id}
    assert session.get_one(Run, second.opt_run_id).run_code == read_run("drugs_com").run_code


def test_a_history_without_decisions_has_no_rows_and_the_same_dtypes(add_entity):
    add_entity()
    history = read_history("drugs_com")

    assert len(history) == 0
    assert dtypes(history) == frames.HISTORY_DTYPES
    kinds = ["activated", "held", "superseded", "rolled_back", "stood_down", "challenging", "promoted", "dropped"]
    assert list(history["decision"].cat.categories) == kinds


def test_a_table_of_an_earlier_release_has_the_dtypes_of_today(make_segments):
    body = make_segments(without=("prior", "events", "no_bid"))
    segment_frame = frames._segments(body)

    assert dtypes(segment_frame) == {"feature_site": "category", **frames.SEGMENT_DTYPES}
    assert segment_frame["prior"].isna().all()
    assert not segment_frame["no_bid"].any()


@pytest.fixture
def make_segments():
    """Build a segment table without some columns."""

    def make(without):
        table = pq.read_table(io.BytesIO(segments_parquet(["site"], [])))
        rows = {
            name: pd.Series(["*"] if name in ("segment", "feature_site") else ["low"]) for name in table.column_names
        }
        whole = pd.DataFrame(
            {name: rows[name] if name in ("segment", "feature_site", "tier") else [1] for name in rows}
        )
        buffer = io.BytesIO()
        whole.drop(columns=list(without)).to_parquet(buffer)
        return buffer.getvalue()

    return make


def test_a_digit_code_of_an_entity_comes_before_the_run_of_that_id(add_entity, make_run, session):
    entity = add_entity("1")
    run = make_run(entity, status="succeeded")
    assert run.run_id == 1

    with pytest.raises(NotFound, match="1 has no active run: name one of `rtb runs list --entity 1`"):
        read_segments("1")
    with pytest.raises(NotFound, match="has no output 'segments'"):
        read_segments(1)
    assert session.get_one(Run, 1).run_code.startswith("1-")


@pytest.mark.parametrize("read", [read_run, read_segments])
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nobody", r"no entity 'nobody'; existing: drugs_com"),
        ("", r"no entity ''; existing: drugs_com"),
        ("drugs_com", r"drugs_com has no active run: name one of `rtb runs list --entity drugs_com`"),
        ("drugs_com-1", r"no run 'drugs_com-1': `python -m rtb_optimizer runs list`"),
        ("999", r"no run '999': "),
        (999, r"no run '999': "),
        (10**30, r"no run '10+': "),
        ("{failed}", r"run drugs_com-\S+ is failed, it has no table: name a succeeded one of `rtb runs list --entity"),
    ],
)
def test_what_has_no_table_is_refused_with_name_and_fix(add_entity, make_run, read, name, message):
    failed = make_run(add_entity(), status="failed")
    with pytest.raises(NotFound, match=message):
        read(name.format(failed=failed.run_code) if isinstance(name, str) else name)


@pytest.mark.parametrize("name", [None, 1.5, [], b"drugs_com", {}], ids=repr)
@pytest.mark.parametrize(
    ("read", "taken"),
    [
        (read_run, "an entity code, a run id or a run code"),
        (read_segments, "an entity code, a run id or a run code"),
        (read_history, "an entity code"),
    ],
)
def test_what_is_no_name_is_refused_with_what_is_taken(catalog, read, taken, name):
    assert catalog
    with pytest.raises(TypeError, match=re.escape(f"{name!r} cannot be read: give {taken}")):
        read(name)


def test_a_run_has_no_history_of_its_own(catalog):
    assert catalog
    with pytest.raises(TypeError, match="412 cannot be read: give an entity code"):
        read_history(412)


def test_a_history_of_nobody_is_refused_with_those_there_are(add_entity):
    add_entity()
    with pytest.raises(NotFound, match="no entity 'nobody'; existing: drugs_com"):
        read_history("nobody")


def test_the_figures_are_those_that_a_run_keeps():
    """The dtypes are declared in a room that does not import the one where figures are made."""
    assert re.findall(r'^        "(\w+)":', inspect.getsource(key_metrics), re.MULTILINE) == list(frames.FIGURE_DTYPES)


def test_importing_the_package_imports_nothing_else_and_an_editor_sees_what_it_has():
    code = """
import sys
before = set(sys.modules)
import rtb_optimizer
print(sorted(name for name in set(sys.modules) - before if name.split(".")[0] not in sys.stdlib_module_names))
print([name for name in dir(rtb_optimizer) if not name.startswith("_")])
"""
    command = [sys.executable, "-c", code]
    done = subprocess.run(
        command, cwd=CHECKOUT, env={"PYTHONPATH": "include"}, capture_output=True, text=True, check=True
    )
    loaded, seen = done.stdout.splitlines()

    assert loaded == "['rtb_optimizer']"
    assert set(PUBLIC) <= set(ast.literal_eval(seen))
    with pytest.raises(AttributeError, match="has no attribute 'read_nothing'"):
        _ = rtb_optimizer.read_nothing


@pytest.mark.parametrize("reader", [read_segments, read_history])
def test_the_dtypes_are_documented_where_an_analyst_looks(reader):
    page = (CHECKOUT / "docs" / "pandas.md").read_text()
    columns = frames.SEGMENT_DTYPES if reader is read_segments else frames.HISTORY_DTYPES
    for name, dtype in columns.items():
        assert f"`{name}`" in reader.__doc__, name
        assert re.search(rf"^\|[^|]*`{name}`[^|]*\| {re.escape(dtype)}", page, re.MULTILINE), name
