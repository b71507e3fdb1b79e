"""Measures Airflow's own share of a run: triggers runs on the stack of `make up` and subtracts the tasks' time.

. .local/env && .venv/bin/python benchmarks/airflow_overhead.py rtb_optimizer__drugs_com --runs 5
"""

import argparse
import json
from datetime import datetime
from statistics import median

from rtb_optimizer.local.airflow_api import AirflowApi
from rtb_optimizer.local.settings import local_settings


def seconds(earlier: str, later: str) -> float:
    """Return the seconds between two instants of Airflow's API."""
    return (datetime.fromisoformat(later) - datetime.fromisoformat(earlier)).total_seconds()


def overhead(airflow: AirflowApi, dag_id: str) -> dict[str, float]:
    """Trigger one run; return its seconds, those with a task of ours running, and the difference."""
    dag_run = airflow.trigger(dag_id)
    airflow.wait(dag_id, dag_run)
    run = airflow.call("GET", f"/dags/{dag_id}/dagRuns/{dag_run}")
    tasks = airflow.call("GET", f"/dags/{dag_id}/dagRuns/{dag_run}/taskInstances")["task_instances"]
    busy, until = 0.0, run["queued_at"]
    for task in sorted(tasks, key=lambda task: task["start_date"]):  # parallel tasks count once
        start = max(task["start_date"], until)
        busy += max(seconds(start, task["end_date"]), 0.0)
        until = max(until, task["end_date"])
    total = seconds(run["queued_at"], until)
    return {"total_s": total, "tasks_s": busy, "airflow_s": total - busy}


def main() -> None:
    """Print each run and the medians, as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dag_id")
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    airflow = AirflowApi.sign_in(local_settings())
    measured = [overhead(airflow, options.dag_id) for _ in range(options.runs)]
    medians = {name: round(median(run[name] for run in measured), 2) for name in measured[0]}
    print(json.dumps({"runs": measured, "median": medians}, indent=1))


if __name__ == "__main__":
    main()
