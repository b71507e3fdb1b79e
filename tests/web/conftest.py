"""What the tests of the pages stand on: the app as Airflow mounts it, behind Airflow's own auth manager and tokens."""

import json
import runpy
from datetime import date

import pytest
from bs4 import BeautifulSoup
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import text

from checkout import CHECKOUT

USERS = {"admin": "ADMIN", "viewer": "VIEWER"}
WRITTEN = ("segments", "features", "ad_macros", "report", "manifest")
THOUSAND = """
INSERT INTO opt_entities (opt_id, entity_code, entity_name, object_id, object_type, current_version_id, s3_base_path)
SELECT opt_id, 'entity_' || to_char(n, 'FM0000'), 'Entity ' || n, n, 'ssp', current_version_id, s3_base_path || n
FROM opt_entities, generate_series(1, 999) n
"""
RUNS = """
INSERT INTO opt_runs (entity_id, version_id, run_code, status, triggered_by, data_start, data_end, config_snapshot,
                      airflow_dag_id, airflow_run_id, finished_at, figures)
SELECT entity_id, current_version_id, entity_code || '-' || n, CASE WHEN n = 40 AND entity_id % 7 = 0 THEN 'failed'
       ELSE 'succeeded' END, 'schedule', date '2026-01-01' + n, date '2026-01-02' + n,
       '{"values": {"valid_hours": 72}}',
       entity_code, n::text, now(), jsonb_build_object('predicted_change', n * 0.001)
FROM opt_entities, generate_series(1, 40) n ORDER BY n
"""
POINTERS = """
UPDATE opt_entities e SET active_run_id = (
    SELECT max(run_id) FROM opt_runs r WHERE r.entity_id = e.entity_id AND r.status = 'succeeded')
"""


@pytest.fixture(scope="session")
def auth_manager(tmp_path_factory):
    """Airflow's simple auth manager with an admin and a viewer."""
    from airflow.api_fastapi.app import create_auth_manager

    passwords = tmp_path_factory.mktemp("auth") / "passwords.json"
    passwords.write_text(json.dumps(dict.fromkeys(USERS, "unused")))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE", str(passwords))
        patch.setenv("AIRFLOW__API_AUTH__JWT_SECRET", "a secret of these tests" * 4)
        keep_what_airflow_asks()
        yield create_auth_manager()


def keep_what_airflow_asks():
    """Create the tables of Airflow's own database that a signed-in request reads: revoked tokens, next runs."""
    from airflow.models.dag import DagModel
    from airflow.models.revoked_token import RevokedToken
    from airflow.utils.session import create_session

    with create_session() as metadata:
        tables = [RevokedToken.__table__, DagModel.__table__]
        RevokedToken.metadata.create_all(metadata.connection(), tables, checkfirst=True)


@pytest.fixture
def mounted(auth_manager, catalog):
    """The app as Airflow mounts it: what the plugin names, below its prefix."""
    plugin = runpy.run_path(str(CHECKOUT / "plugins" / "rtb_optimizer_plugin.py"))["RtbOptimizerPlugin"]
    [mount] = plugin.fastapi_apps
    assert auth_manager
    assert catalog
    outer = FastAPI()
    outer.mount(mount["url_prefix"], mount["app"])
    return outer


@pytest.fixture(autouse=True)
def empty_caches(monkeypatch):
    """A process that has read no output yet."""
    from rtb_optimizer.web import compare_page
    from rtb_optimizer.web.cache import LRUCache
    from rtb_optimizer.web.run import outputs, segment_table

    monkeypatch.setattr(outputs, "_BODIES", LRUCache(64_000_000, len))
    monkeypatch.setattr(segment_table, "_TABLES", LRUCache(64_000_000, lambda table: table.nbytes))
    monkeypatch.setattr(compare_page, "_DIFFERENCES", LRUCache(100_000_000, lambda found: 1000 * len(found[1])))


@pytest.fixture
def sign_in(auth_manager, mounted):
    """Return a browser of a user: the session cookie that Airflow sets, and the headers that a browser sends."""
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser

    def client(name="admin"):
        token = auth_manager.generate_jwt(SimpleAuthManagerUser(username=name, role=USERS[name]))
        browser = TestClient(mounted, base_url="http://testserver", raise_server_exceptions=False)
        browser.cookies.set("_token", token)
        browser.headers.update({"accept": "text/html", "origin": "http://testserver"})
        return browser

    return client


@pytest.fixture
def browser(sign_in):
    """The browser of a signed-in admin."""
    return sign_in("admin")


@pytest.fixture
def anonymous(mounted):
    """The browser of nobody."""
    return TestClient(mounted, base_url="http://testserver", raise_server_exceptions=False)


@pytest.fixture
def read():
    """Return the parsed page of an answer."""
    return lambda answer: BeautifulSoup(answer.text, "html.parser")


@pytest.fixture
def add_output(add_entity, make_run, session, base_path):
    """Add an output to a succeeded run of drugs_com, a new one unless it is named; returns the run's id."""
    from rtb_optimizer.store import entities, runs
    from rtb_optimizer.store.objects import ObjectStore, run_prefix
    from rtb_optimizer.store.schema import Run

    def add(output_type, body, run_id=None, row_count=1):
        if run_id is None:
            known = entities.all_entities(session)
            run_id = make_run(known[0] if known else add_entity()).run_id
        run = session.get_one(Run, run_id)
        key = f"{run_prefix(f'{base_path}/drugs_com', run.run_code)}/{output_type}"
        stored = ObjectStore.of(base_path).put_once(key, body)
        run.status, run.finished_at = "running", None
        session.flush()
        runs.record_outputs(session, run_id, {output_type: (stored, row_count)})
        run.status, run.finished_at = "succeeded", run.started_at
        session.commit()
        return run_id

    return add


@pytest.fixture
def finish(session, make_run, store):
    """Finish a run of an entity with the outputs that an activation needs, small ones; `gates` hold it."""
    from rtb_optimizer.store import activation, runs
    from rtb_optimizer.store.objects import run_prefix
    from rtb_optimizer.store.schema import Run

    def end(entity, data_end=date(2026, 3, 10), gates=(), **figures):
        run = make_run(entity, data_end=data_end)
        prefix = run_prefix(entity.s3_base_path, run.run_code)
        written = {kind: (store.put_once(f"{prefix}/{kind}.json", f'"{kind}"'.encode()), 1) for kind in WRITTEN}
        runs.record_outputs(session, run.run_id, written, figures)
        activation.complete_and_decide(
            session, run.run_id, total_segments=3, gate_failures=list(gates), allow_older=False
        )
        session.commit()
        return session.get_one(Run, run.run_id)

    return end


@pytest.fixture
def unreachable_s3(monkeypatch):
    """Let S3 refuse every connection from now on; the callable says how often it was asked."""
    from botocore.exceptions import EndpointConnectionError

    from rtb_optimizer.store import connections

    asked = []

    class Away:
        def __getattr__(self, name):
            def refuse(**_asked):
                asked.append(name)
                raise EndpointConnectionError(endpoint_url="http://127.0.0.1:9")

            return refuse

    return lambda: monkeypatch.setattr(connections, "s3_client", Away) or asked


@pytest.fixture
def only_sees(auth_manager, monkeypatch):
    """Let the auth manager allow nothing but the DAGs of the given entities."""

    def limit(*entity_codes):
        dag_ids = {f"rtb_optimizer__{code}" for code in entity_codes}

        def allowed(*, details=None, **_asked):
            return details is None or details.id in dag_ids

        def kept(*, dag_ids: set, **_asked):
            return dag_ids & visible

        visible = dag_ids
        monkeypatch.setattr(auth_manager, "is_authorized_dag", allowed)
        monkeypatch.setattr(auth_manager, "filter_authorized_dag_ids", kept)

    return limit


@pytest.fixture
def thousand(add_entity, session):
    """A thousand entities with forty runs each, the last of them active or failed."""
    add_entity("entity_0000")
    session.execute(text(THOUSAND))
    session.execute(text(RUNS))
    session.execute(text(POINTERS))
    session.commit()
    session.execute(text("ANALYZE"))
    session.commit()
