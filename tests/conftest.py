"""What tests stand on: a real PostgreSQL built by the migrations, a real S3 store, seeded logs."""

import gc
import os
import shutil
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

# Before any import of Airflow: it reads these once, and writes into its home.
if "AIRFLOW_HOME" not in os.environ or "PYTEST_XDIST_WORKER" in os.environ:  # a worker inherits its parent's
    os.environ["AIRFLOW_HOME"] = tempfile.mkdtemp(prefix="rtb_optimizer_airflow_")
os.environ.setdefault("AIRFLOW__CORE__LOAD_EXAMPLES", "False")
os.environ.setdefault("AIRFLOW__LOGGING__LOGGING_LEVEL", "WARNING")
os.environ.setdefault("AWS_EC2_METADATA_DISABLED", "true")

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

import drawn_once
import own_ports
from catalogs import Catalogs
from longest_first import rank
from prepared_stack import leave_unguarded, migrated_folder, prepare
from recorded_runs import Recordings
from rtb_optimizer.core.config.window import WindowRequest
from rtb_optimizer.local.environment import environment
from rtb_optimizer.local.settings import settings_on_free_ports
from rtb_optimizer.local.stack import running_stack
from rtb_optimizer.local.state import read_alive
from rtb_optimizer.store import connections, entities, migrate, seeds
from rtb_optimizer.store.entities import NewEntity
from rtb_optimizer.store.objects import ObjectStore, split_url
from rtb_optimizer.store.runs import Attempt
from sail_server import sail_server
from seeded_logs import NIGHTS, write_logs
from shared_stack import SharedStack, TwoStacksAtOnce, shares
from turns import due, leave_out_other_turns, turn, turn_message

# By default a commit is tested with the same examples each time; `nightly` looks for new ones.
UNTIMED = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("default", max_examples=100, derandomize=True, **UNTIMED)
settings.register_profile("nightly", max_examples=10_000, print_blob=True, **UNTIMED)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))

own_ports.take_share()
MOST_WORKERS = 4
NOW = datetime(2026, 3, 10, 4, tzinfo=UTC)


def pytest_addoption(parser):
    """`make test-long`: the tests that are marked `long`, with their larger numbers."""
    parser.addoption("--long", action="store_true", help="run the tests marked `long` with their larger numbers")


def pytest_xdist_auto_num_workers():
    """Two more than there are cores: tests wait for servers of their own; with one more, cores are idle for a third."""
    if workers := os.environ.get("PYTEST_XDIST_AUTO_NUM_WORKERS"):
        return int(workers)
    return min((os.cpu_count() or 1) + 2, MOST_WORKERS)


@pytest.hookimpl(wrapper=True)
def pytest_collection():
    """Tests and modules stay to the end: a search for garbage among them takes an eighth of the collection."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(config, items):
    """The files that take longest come first: a worker that is left alone with one would be waited for."""
    leave_out_other_turns(items, turn()[0], everything=config.getoption("--long"))
    items.sort(key=lambda item: (item.get_closest_marker("airflow") is None, not shares(item.path), rank(item.path)))


def pytest_xdist_make_scheduler(config, log):
    """Run no more than two whole stacks at once."""
    return TwoStacksAtOnce(config, log) if config.getoption("dist") == "loadfile" else None


def pytest_report_header(config):
    """Which third of the exhaustive loops is run."""
    return None if config.getoption("--long") else turn_message(*turn())


def pytest_terminal_summary(terminalreporter, config):
    """The same at the end, where a quiet run has no header."""
    if config.get_verbosity() < 0 and not config.getoption("--long"):
        terminalreporter.line(turn_message(*turn()))


@pytest.fixture(scope="session")
def long(request):
    """Whether the larger numbers are wanted."""
    return request.config.getoption("--long")


@pytest.fixture(scope="session")
def taking_turns(long):
    """Return those cases of an exhaustive loop that are this commit's turn; all of them with `--long`."""
    number, _ = turn()
    return list if long else lambda cases: due(cases, number)


@pytest.fixture(autouse=True)
def charts_drawn_once(monkeypatch):
    """Draw each chart once; what tests the drawing itself overrides this fixture."""
    from rtb_optimizer.outputs.report_page import charts

    monkeypatch.setattr(charts, "inline_svg", drawn_once.inline_svg)


def pytest_unconfigure():
    """Leave nothing behind: the home above was made for these tests alone."""
    home = Path(os.environ["AIRFLOW_HOME"])
    if home.name.startswith("rtb_optimizer_airflow_"):
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def sail():
    """A cluster that answers Spark Connect, on files of this machine."""
    with sail_server() as cluster:
        yield cluster


@pytest.fixture(scope="session")
def stack(tmp_path_factory):
    """PostgreSQL and S3 on free ports, for all tests; ends with the session, however that ends."""
    settings = settings_on_free_ports(tmp_path_factory.mktemp("stack"))
    with running_stack(settings, ("postgres", "s3")) as live, pytest.MonkeyPatch.context() as patch:
        leave_unguarded(live)
        for name in ("AIRFLOW_CONN_RTB_CATALOG", "AIRFLOW_CONN_RTB_S3", "RTB_BUCKET"):
            patch.setenv(name, environment(live)[name])
        yield live
        said = (live.logs / "supervisor.log").read_text()[-3000:]
        assert read_alive(live.root), f"the stack of these tests has ended before them: {said}"


@pytest.fixture(scope="session")
def new_root(tmp_path_factory):
    """Make the folder of a whole stack, with a migrated database in it; `impatient` as `prepare` takes it."""
    migrated = migrated_folder(tmp_path_factory, os.environ.get("PYTEST_XDIST_WORKER"))

    def make(root, **options):
        prepare(root, migrated, **options)
        return root

    return make


@pytest.fixture(scope="session")
def shared_stack(request, new_root, tmp_path_factory):
    """A whole stack for the files that share one; not started yet."""
    files = {item.path.name for item in request.session.items if shares(item.path)}
    stack = SharedStack(new_root(tmp_path_factory.mktemp("shared")), files)
    yield stack
    stack.close()


@pytest.fixture(scope="session")
def template_database(stack):
    """A migrated and seeded catalog that each test's own is copied from."""
    url = stack.database_url("template_catalog", "postgresql+psycopg")
    with psycopg.connect(stack.database_url("postgres"), autocommit=True) as server:
        server.execute("CREATE DATABASE template_catalog")
    engine = create_engine(url, poolclass=NullPool)
    migrate.upgrade(engine)
    with connections.Session(engine) as session:
        seeds.seed(session)
        session.commit()
    return "template_catalog"


@pytest.fixture(scope="session")
def catalogs(stack, template_database):
    """Seeded catalogs, for one test at a time."""
    return Catalogs(stack.database_url, template_database)


@pytest.fixture
def catalog(stack, catalogs, monkeypatch, tmp_path):
    """A seeded catalog for this test alone, where the product finds it; yields its URL."""
    with catalogs.one() as name:
        monkeypatch.setenv("AIRFLOW_CONN_RTB_CATALOG", stack.database_url(name))
        monkeypatch.setenv("RTB_MANIFEST", str(tmp_path / "entities.json"))
        connections.catalog.cache_clear()
        yield stack.database_url(name)
        connections.catalog().dispose()
        connections.catalog.cache_clear()


@pytest.fixture
def session(catalog):  # noqa: ARG001 - the session is on this catalog
    """A session on this test's catalog."""
    with connections.session() as opened:
        yield opened


@pytest.fixture
def base_path(catalog):
    """An S3 folder of this test's own."""
    assert catalog
    return f"s3://rtb/test_{os.urandom(6).hex()}"


@pytest.fixture
def folder(stack):
    """An S3 folder of this test's own, for tests that need no catalog."""
    assert stack
    return f"s3://rtb/folder_{os.urandom(6).hex()}"


@pytest.fixture
def store(base_path):
    """The objects of the bucket."""
    return ObjectStore.of(base_path)


@pytest.fixture
def put_objects(base_path, store):
    """Put objects, by their paths, into a folder of the base path; returns its URL."""

    def put(objects, name="impressions"):
        for path, body in objects.items():
            store.put_once(f"{split_url(base_path)[1]}/{name}/{path}", body)
        return f"{base_path}/{name}/"

    return put


@pytest.fixture
def add_entity(base_path):
    """Add an entity over four seeded nights of logs; keyword arguments override its configuration."""
    logs_path = f"{base_path}/logs/date={{date}}/"

    def add(entity_code="drugs_com", **config):
        defaults = {
            "logs_path": logs_path,
            "lookback_days": str(len(NIGHTS)),
            "outcome_column": "click",
            "value_column": "revenue",
            "cost_column": "price",
            "timestamp_column": "event_time",
            "row_id_columns": "auction_id",
            "candidate_features": "internal_adspace_id, device_type, browser, ad_size, carrier, user_id",
            "anchor_features": "internal_adspace_id",
        }
        new = NewEntity(entity_code, entity_code.title(), 1334, "ssp", f"{base_path}/{entity_code}", defaults | config)
        with connections.session() as opened:
            entity = entities.add(opened, new, "tester")
            opened.commit()
            return entity

    return add


@pytest.fixture
def logs(base_path):
    """Four nights of seeded logs, 6 to 9 March 2026, each marked complete."""
    write_logs(ObjectStore.of(base_path), f"{base_path}/logs/date={{date}}/", NIGHTS)


@pytest.fixture
def now():
    """When runs of a test start."""
    return NOW


@pytest.fixture
def request_run():
    """A request for a run, as Airflow or the command line would make it; by default the night before NOW."""
    from rtb_optimizer.run.request import RunRequest

    def request(
        entity_code="drugs_com", dag_run_id="manual__1", clear_number=0, triggered_by="manual:tester", **window
    ):
        overrides = window.pop("overrides", {})
        attempt = Attempt(f"rtb_optimizer__{entity_code}", dag_run_id, clear_number)
        return RunRequest(entity_code, attempt, WindowRequest(NOW, **window), triggered_by, overrides)

    return request


@pytest.fixture(scope="session")
def recordings(stack):
    """The runs that tests of this session have recorded."""
    return Recordings(stack.database_url("postgres"))


@pytest.fixture
def ran(recordings, catalog, base_path, store, add_entity, request_run):
    """Run drugs_com over four seeded nights, a request after the other; returns the runs' ids.

    Equal requests under an equal configuration are run once: a later test gets what they left, at the paths that they
    had. To be called once, before anything else is in the catalog.
    """
    from rtb_optimizer.steps import in_process

    def run(*requests, **config):
        def ids():
            write_logs(store, f"{base_path}/logs/date={{date}}/", NIGHTS)
            add_entity(**config)
            numbered = ({"dag_run_id": f"manual__{n}"} | request for n, request in enumerate(requests, start=1))
            return [in_process.run(request_run(**request)).opt_run_id for request in numbered]

        return recordings.result(repr((requests, config)), catalog.rsplit("/", 1)[1], base_path, ids)

    return run


@pytest.fixture(scope="module")
def running_chromium():
    """A Chromium that a test drives. For one file: playwright keeps an event loop that other tests would find running.

    Without one its tests are skipped, but on CI, where it has to be.
    """
    import chromium

    if chromium.executable() is None:
        reason = f"no Chromium is here: none of {', '.join(chromium.NAMES)} is on the PATH"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)
    with chromium.chromium() as running:
        yield running


@pytest.fixture
def make_run(session):
    """Insert a run of an entity: `status`, and the day its data ends; for tests that need no logs.

    With `is_sandbox` it is a what-if run, with `challenger_id` the run of that challenger.
    """
    from rtb_optimizer.core.config.window import Window
    from rtb_optimizer.store import runs
    from rtb_optimizer.store.schema import Run

    counter = iter(range(1, 1_000_000))

    def make(entity, status="running", data_end=date(2026, 3, 10), dag_run_id=None, **of):
        end = datetime(data_end.year, data_end.month, data_end.day, tzinfo=UTC)
        attempt = Attempt(f"rtb_optimizer__{entity.entity_code}", dag_run_id or f"manual__{next(counter)}")
        window = Window(end - timedelta(days=1), end)
        run = runs.create(session, entity, attempt, window, {"values": {}}, "schedule", **of)
        if status != "running":
            stored = session.get_one(Run, run.run_id)
            stored.status, stored.finished_at = status, NOW
        session.commit()
        return run

    return make


@pytest.fixture
def at_once():
    """Call a function once per argument, in as many threads that all start together; returns the result of each."""

    def run(function, arguments):
        start = threading.Barrier(len(arguments))

        def one(argument):
            start.wait(30)
            return function(argument)

        with ThreadPoolExecutor(len(arguments)) as pool:
            return list(pool.map(one, arguments))

    return run
