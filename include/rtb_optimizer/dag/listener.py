"""Who hears at once that a dag run failed, by a user's mark too? This listener, in the process where it happened.

It runs inside the scheduler and the API server: it does one short update, for our own DAGs only.
"""

from typing import Any

from airflow.listeners import hookimpl

from rtb_optimizer.store.seeds import OPT_CODE


@hookimpl
def on_dag_run_failed(dag_run: Any, msg: str) -> None:  # noqa: ANN401 - Airflow's signature
    """End the dag run's run, if it is one of ours and still running."""
    if dag_run.dag_id.startswith(f"{OPT_CODE}__"):
        from rtb_optimizer.dag.callbacks import dag_run_failed

        dag_run_failed(dag_run, msg)
