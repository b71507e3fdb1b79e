"""A listener that ends a run as soon as its dag run fails, also when a user marks it as failed.

It runs inside the scheduler and the API server: one short update, for the product's own DAGs only.
"""

from typing import Any

from airflow.listeners import hookimpl

from rtb_optimizer.store.seeds import OPT_CODE


@hookimpl
def on_dag_run_failed(dag_run: Any, msg: str) -> None:  # noqa: ANN401 - Airflow's signature
    """End the dag run's run, if it belongs to an entity DAG and is still running."""
    if dag_run.dag_id.startswith(f"{OPT_CODE}__"):
        from rtb_optimizer.dag.callbacks import dag_run_failed

        dag_run_failed(dag_run, msg)
