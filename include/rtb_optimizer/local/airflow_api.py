"""A client of the local Airflow's REST API: triggers DAGs and waits for dag runs."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from rtb_optimizer.errors import LocalStackError
from rtb_optimizer.local.airflow import token
from rtb_optimizer.local.settings import LocalSettings

FINAL = ("success", "failed")


@dataclass(frozen=True, slots=True)
class AirflowApi:
    """A signed-in client of Airflow's REST API."""

    client: httpx.Client

    @classmethod
    def sign_in(cls, settings: LocalSettings, user: str = "admin") -> "AirflowApi":
        """Sign in to the local Airflow."""
        headers = {"Authorization": f"Bearer {token(settings, user)}"}
        return cls(httpx.Client(base_url=f"{settings.airflow_url}/api/v2", headers=headers, timeout=60))

    def call(self, method: str, path: str, body: Mapping[str, object] | None = None) -> Any:  # noqa: ANN401 - JSON
        """Call the API.

        Raises:
            LocalStackError: with Airflow's response when the call is rejected.
        """
        response = self.client.request(method, path, json=body)
        if response.is_error:
            raise LocalStackError(f"Airflow rejects {method} {path}: {response.status_code} {response.text}")
        return response.json() if response.content else None

    def wait_for_dags(self, dag_ids: list[str], timeout_s: float = 120) -> None:
        """Wait until Airflow has parsed the DAGs.

        Raises:
            LocalStackError: with the DAGs that are missing at the timeout.
        """
        deadline = time.monotonic() + timeout_s
        while missing := [dag for dag in dag_ids if self.client.get(f"/dags/{dag}").status_code != httpx.codes.OK]:
            if time.monotonic() > deadline:
                raise LocalStackError(f"Airflow has no DAG {', '.join(missing)}: see dag-processor.log")
            time.sleep(0.5)

    def trigger(self, dag_id: str, conf: Mapping[str, object] | None = None) -> str:
        """Trigger a DAG as the trigger form does; return the dag run's id."""
        run = self.call("POST", f"/dags/{dag_id}/dagRuns", {"logical_date": None, "conf": dict(conf or {})})
        return str(run["dag_run_id"])

    def state(self, dag_id: str, dag_run_id: str) -> str:
        """Return a dag run's state."""
        return str(self.call("GET", f"/dags/{dag_id}/dagRuns/{dag_run_id}")["state"])

    def task_states(self, dag_id: str, dag_run_id: str) -> dict[str, str]:
        """Return the state of each task of a dag run that has one."""
        task_instances = self.call("GET", f"/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances")["task_instances"]
        return {task["task_id"]: task["state"] for task in task_instances if task["state"]}

    def wait(
        self,
        dag_id: str,
        dag_run_id: str,
        timeout_s: float = 900,
        on_change: Callable[[str], None] = lambda _state: None,
    ) -> str:
        """Wait until a dag run is over; return its state. `on_change` is called with every new state.

        Raises:
            LocalStackError: when it is not over at the timeout.
        """
        deadline, previous = time.monotonic() + timeout_s, ""
        while (state := self.state(dag_id, dag_run_id)) not in FINAL:
            if state != previous:
                on_change(state)
            if time.monotonic() > deadline:
                tasks = self.task_states(dag_id, dag_run_id)
                raise LocalStackError(f"{dag_run_id} of {dag_id} is still {state} after {timeout_s:.0f} s: {tasks}")
            previous = state
            time.sleep(0.5)
        return state
