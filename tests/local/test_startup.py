"""A service starts only when the services that it depends on answer."""

import pytest

from rtb_optimizer.local import airflow
from rtb_optimizer.local.startup import Startup


class NotingSupervisor:
    """Starts nothing; notes what it is to start."""

    def __init__(self, noted):
        self.noted = noted

    def start(self, services):
        self.noted += [service.name for service in services]

    def log_of(self, name):
        return name


@pytest.fixture
def noted(monkeypatch):
    """What happens during a start, in order, with an api-server whose tasks are served at the third look."""
    noted, looks = [], iter((False, False, True))

    def serves_tasks(_settings):
        noted.append(f"api-server serves tasks: {(served := next(looks))}")
        return served

    monkeypatch.setattr(airflow, "prepare", lambda _settings: None)
    monkeypatch.setattr(airflow, "is_migrated", lambda _settings: True)
    monkeypatch.setattr(airflow, "is_answering", lambda _settings: True)
    monkeypatch.setattr(airflow, "is_healthy", lambda _settings: True)
    monkeypatch.setattr(airflow, "serves_tasks", serves_tasks, raising=False)
    return noted


def test_the_scheduler_starts_only_when_the_api_server_serves_tasks(settings, noted):
    startup = Startup(settings, NotingSupervisor(noted), lambda: None, lambda _step: None)
    startup._start_airflow()

    assert noted[-3:] == ["api-server serves tasks: False", "api-server serves tasks: True", "airflow-scheduler"]
    assert set(noted[:3]) == {"airflow-api-server", "airflow-dag-processor", "airflow-triggerer"}


def test_every_component_of_airflow_is_started_once():
    assert sorted((*airflow.BEFORE_TASKS, *airflow.STARTS_TASKS)) == sorted(airflow._COMPONENTS)
