"""Names and values that mean something to SQL, S3, a template or a page are data everywhere, or refused by name."""

import io
import json
import re
import runpy

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from checkout import CHECKOUT
from rtb_optimizer.core.sample.values import split_key
from rtb_optimizer.errors import ConfigInvalid, EntityInvalid, LogsInvalid, RtbOptimizerError, WindowInvalid
from rtb_optimizer.steps import in_process
from rtb_optimizer.steps.create_run import create_run
from rtb_optimizer.store import dag_list_export, entities, runs
from rtb_optimizer.store.objects import split_url
from rtb_optimizer.store.schema import Entity, Run
from seeded_logs import NIGHTS

ENTITIES = CHECKOUT / "dags" / "rtb_optimizer_entities.py"

ROWS = 3_000
SQL = ("it's", 'a"b', "a;b", "x'; DROP TABLE opt_runs; --", '"; DROP VIEW logs; --', "select", "a--b", "/*")
PATHS = ("../../up", "a/b", "a\\b", "C:\\x", "~", ".", "..")
TEMPLATES = (
    "${HOME}",
    "{{ 7 * 7 }}",
    "{% raw %}",
    "{date}",
    "{0}",
    "100%",
    "%s",
    "%(x)s",
    "$(id)",
    "[ADX_SIZE]",
    "##X##",
)
TEXTS = ("a\nb", "a\tb", "<script>alert(1)</script>", "<b>&amp;", "\U0001f600", "e\u0301", "a|b", "*", " a ", "x" * 60)
OURS = (
    "row_hash",
    "log_day",
    "exposure",
    "outcome",
    "source_file",
    "kept",
    "f_site",
    "fold",
    "spend",
    "rows",
    "segment",
)
HOSTILE = (*SQL, *PATHS, *TEMPLATES, *TEXTS, *OURS)


def log_of(names, values=("a", "b", "c")):
    """Return a night of Parquet whose clicks follow each of the named columns."""
    draw = np.random.default_rng(5)
    codes = {name: draw.integers(0, len(values), ROWS) for name in names}
    rate = 0.05 * np.prod([1 + 2 * (code % 3) / len(names) for code in codes.values()], axis=0)
    columns = {"click": (draw.random(ROWS) < rate).astype(np.int64)}
    columns |= {name: [values[c] for c in code] for name, code in codes.items()}
    body = io.BytesIO()
    pq.write_table(pa.table(columns), body)
    return body.getvalue()


@pytest.fixture
def run_on(add_entity, base_path, store, request_run):
    """Run everything on one night's log; the named columns are candidates and anchors."""

    def run(body, names, **config):
        folder = f"{split_url(base_path)[1]}/logs/date={NIGHTS[-1]}"
        store.put_once(f"{folder}/part-0.parquet", body)
        store.put_once(f"{folder}/_SUCCESS", b"\n")
        no_columns = dict.fromkeys(("value_column", "cost_column", "timestamp_column", "row_id_columns"), "")
        listed = {"candidate_features": json.dumps(names), "anchor_features": json.dumps(names[:8])}
        rules = {"lookback_days": "1", "min_holdout_gain": "-1", "max_interactions": "1"}
        add_entity(**no_columns | listed | rules | config)
        return in_process.run(request_run())

    return run


def object_of(store, session, output_type):
    run = session.scalars(select(Run)).one()
    return store.read(next(o.s3_key for o in runs.outputs(session, run.run_id) if o.output_type == output_type))


@pytest.mark.parametrize(
    "group", [SQL, PATHS, TEMPLATES, TEXTS[:-1], OURS], ids=["sql", "paths", "templates", "texts", "ours"]
)
def test_features_of_hostile_names_are_counted_like_any_other(run_on, session, store, base_path, group):
    names = list(group[:8])
    run_on(log_of(names), names)
    run = session.scalars(select(Run)).one()
    table = pq.read_table(io.BytesIO(object_of(store, session, "segments")))
    keys = [entry.key for entry in store.list(split_url(base_path)[1])]

    assert run.status == "succeeded"
    assert [f.feature_name for f in runs.features(session, run.run_id)] == names
    assert [c for c in table.column_names if c.startswith("feature_")] == [f"feature_{name}" for name in names]
    assert {None, "a"} < set(table["feature_" + names[0]].to_pylist()) <= {None, "a", "b", "c"}
    assert [key for key in keys if not re.fullmatch(r"[A-Za-z0-9_=./-]+", key) or ".." in key] == []
    assert session.scalars(select(Entity)).one().active_run_id == run.run_id


def test_hostile_values_are_segments_as_they_are(run_on, session, store):
    values = [v for v in HOSTILE if v == v.strip() and v.isprintable() and "{date}" not in v]
    run_on(log_of(["site"], values), ["site"], dead_band="0.0", min_positives="1")
    table = pq.read_table(io.BytesIO(object_of(store, session, "segments"))).to_pylist()
    published = {split_key(row["segment"])[0] for row in table if not row["is_default"]}

    assert {"x'; DROP TABLE opt_runs; --", "<script>alert(1)</script>", "a|b", "*", "../../up"} <= published
    assert published.isdisjoint({"${HOME}", "[ADX_SIZE]", "##X##", "{{ 7 * 7 }}"[:-1]})
    assert len(table) == len({row["segment"] for row in table})


def test_a_value_is_text_on_the_page(run_on, session, store):
    run_on(log_of(["site"], ["{{ 7 * 7 }}x", "c", "<script>alert(1)</script>"]), ["site"])
    page = object_of(store, session, "report_page").decode()

    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "{{ 7 * 7 }}x" in page


@pytest.mark.parametrize("name", ["", "a\x00b", "x" * 300])
def test_a_feature_that_cannot_be_stored_is_refused_by_name(run_on, session, name):
    with pytest.raises(RtbOptimizerError):
        run_on(log_of(["site"]), ["site", name], anchor_features=json.dumps(["site", name]))

    assert [run.status for run in session.scalars(select(Run))] in ([], ["failed"])


@pytest.mark.parametrize(
    "row_filter",
    [
        {"site": ["a') OR ('1'='1"]},
        {"site": ["a' OR 1=1 --"]},
        {"site' OR '1'='1": ["a"]},
        {'site" = "site" OR "site': ["a"]},
        {"site": ["%"]},
    ],
)
def test_a_row_filter_is_compared_and_never_run(run_on, row_filter):
    with pytest.raises(LogsInvalid, match=r"no row of the logs|the logs have no column"):
        run_on(log_of(["site"]), ["site"], row_filter=json.dumps(row_filter))


def test_an_entity_of_a_hostile_code_is_refused_before_and_by_the_database(add_entity, session):
    add_entity("drugs_com")
    for code in (*HOSTILE, "", "Ab", "a" * 64, "drugs_com\n", "\u0430bc", "a b"):
        if re.fullmatch("[a-z0-9_]+", code) and len(code) < 64:
            continue
        with pytest.raises(EntityInvalid, match="lower-case letters, digits and _"):
            add_entity(code)
        with pytest.raises(IntegrityError, match="entity_code"), session.begin_nested():
            session.execute(update(Entity).values(entity_code=code))


@pytest.mark.parametrize(
    "path", ["s3://rtb/../x", "s3://rtb/a b", "s3://rtb/a'b", "s3://rtb/a\nb", "s3://rtb/${x}", "rtb/x"]
)
def test_a_base_path_of_hostile_characters_is_refused(session, path):
    new = entities.NewEntity("other", "Other", 1, "ssp", path, {})

    with pytest.raises(EntityInvalid, match=r"write s3://bucket/path"):
        entities.add(session, new, "tester")


def test_an_entity_s_name_is_shown_and_never_rendered_or_part_of_an_id(add_entity, session):
    add_entity("drugs_com")
    entity = entities.find(session, "drugs_com")
    for name in HOSTILE:
        entity.entity_name = f"{name}\u2060"  # a mark that nothing else has
        session.flush()
        dag_list_export.export(session)
        dag = runpy.run_path(str(ENTITIES))["rtb_optimizer__drugs_com"]
        rendered = [getattr(task, field, None) for task in dag.tasks for field in task.template_fields]

        assert dag.dag_id == "rtb_optimizer__drugs_com"
        assert f"{name}\u2060" in dag.dag_display_name
        assert "\\u2060" not in ascii(rendered)
        assert "'drugs_com'" in ascii(rendered)
        assert all(re.fullmatch(r"[a-z_]+", task.task_id) for task in dag.tasks)


def test_a_trigger_s_hostile_dates_and_overrides_are_refused_in_one_line(add_entity, request_run, session):
    add_entity()
    for n, text in enumerate(HOSTILE):
        with pytest.raises(WindowInvalid, match="is not a date"):
            in_process.run(request_run(data_start=text, data_end="2026-03-09"))
        with pytest.raises(ConfigInvalid) as refused:
            in_process.run(request_run(dag_run_id=f"manual__{n + 2}", overrides={text: 1}))
        with pytest.raises(ConfigInvalid, match=r"is not an IANA name|is required"):
            in_process.run(request_run(dag_run_id=f"manual__{n + 2}_zone", overrides={"timezone": text}))

        [violation] = refused.value.violations
        assert violation.startswith(f"{text} (trigger): unknown config key")
    assert {run.status for run in session.scalars(select(Run))} == {"failed"}


def test_a_dag_run_s_id_is_no_part_of_a_key(add_entity, request_run, session):
    add_entity()
    for dag_run_id in HOSTILE:
        run = session.get_one(Run, create_run(request_run(dag_run_id=dag_run_id)))

        assert run.airflow_run_id == dag_run_id
        assert re.fullmatch(r"drugs_com-\d{8}-\d{8}-[0-9a-f]{10}", run.run_code)
