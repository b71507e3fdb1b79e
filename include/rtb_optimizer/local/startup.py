"""Starts the services in order, and waits until each is ready."""

import time
from collections.abc import Callable, Collection, Iterator

from rtb_optimizer.errors import LocalStackError
from rtb_optimizer.local import airflow, object_store, postgres
from rtb_optimizer.local.endings import has_exited, stop_all
from rtb_optimizer.local.files import last_line
from rtb_optimizer.local.processes import Service, start
from rtb_optimizer.local.settings import LocalSettings
from rtb_optimizer.local.supervisor import Supervisor, describe_exit

SERVICES = ("postgres", "s3", "airflow")
_SERVER_SECONDS = 60.0
# Four imports of Airflow at once on two loaded cores were seen to take 30 s.
_AIRFLOW_SECONDS = 240.0


class Startup:
    """One start of the stack: starts the requested services, and reports each step as it is reached."""

    def __init__(
        self,
        settings: LocalSettings,
        supervisor: Supervisor,
        pause: Callable[[], None],
        report: Callable[[str], None],
    ) -> None:
        self._settings = settings
        self._supervisor = supervisor
        self._pause = pause
        self._report = report

    def run(self, services: Collection[str]) -> None:
        """Bring these services up and return when all of them answer.

        Raises:
            LocalStackError: naming the service that did not, and its log.
        """
        self._supervisor.start(self._servers(services))
        if "s3" in services:
            self._await_object_store()
        if "postgres" in services:
            self._await_postgres()
        if "airflow" in services:
            self._start_airflow()

    def _servers(self, services: Collection[str]) -> Iterator[Service]:
        """Give the object store first: it gets up while PostgreSQL's cluster is created."""
        if "s3" in services:
            yield object_store.service(self._settings)
        if "postgres" in services:
            yield postgres.service(self._settings)

    def _await_postgres(self) -> None:
        self._await("postgres", lambda: postgres.is_ready(self._settings), _SERVER_SECONDS)
        postgres.create_databases(self._settings)
        self._report(f"PostgreSQL answers on {self._settings.host}:{self._settings.pg_port}")

    def _await_object_store(self) -> None:
        client = object_store.client(self._settings)
        self._await("s3", lambda: object_store.is_ready(client), _SERVER_SECONDS)
        self._report(f"S3 store answers on {self._settings.s3_url}")

    def _start_airflow(self) -> None:
        airflow.prepare(self._settings)
        if not airflow.is_migrated(self._settings):
            self._report("Airflow's database is being migrated")
            self._run_to_end(airflow.migration(self._settings))
            airflow.remember_migration(self._settings)
        self._report("Airflow is starting: api-server, dag-processor, triggerer")
        self._supervisor.start(airflow.services(self._settings, airflow.BEFORE_TASKS))
        self._await("airflow-api-server", lambda: airflow.is_answering(self._settings), _AIRFLOW_SECONDS)
        self._await("airflow-api-server", lambda: airflow.serves_tasks(self._settings), _AIRFLOW_SECONDS)
        self._report("Airflow's api-server answers: the scheduler is starting")
        self._supervisor.start(airflow.services(self._settings, airflow.STARTS_TASKS))
        self._await("airflow-scheduler", lambda: airflow.is_healthy(self._settings), _AIRFLOW_SECONDS)
        self._report(f"Airflow is healthy on {self._settings.airflow_url}")

    def _await(self, name: str, ready: Callable[[], bool], seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not ready():
            if time.monotonic() > deadline:
                log = self._supervisor.log_of(name)
                raise LocalStackError(f"{name} did not get ready within {seconds:.0f} s: read {log}")
            self._pause()

    def _run_to_end(self, service: Service) -> None:
        log = self._supervisor.log_of(service.name)
        process = start(service, log)
        try:
            while not has_exited(process):
                self._pause()
        finally:
            stop_all([(service, process)])
        if process.returncode != 0:
            said = f"saying “{last_line(log)}”"
            raise LocalStackError(f"{service.name} {describe_exit(process.returncode)} {said}: read {log}")
