"""Starts a dag run of an entity's DAG, in Airflow's own database: the api-server has it at hand."""

from airflow.api.common.trigger_dag import trigger_dag
from airflow.models.dag import DagModel
from airflow.sdk.exceptions import AirflowException
from airflow.utils.session import create_session
from airflow.utils.types import DagRunTriggeredByType

from rtb_optimizer.errors import EntityInvalid


def require_triggerable(dag_id: str) -> None:
    """Raise EntityInvalid unless a dag run that is triggered now would start soon."""
    with create_session() as metadata:
        dag = DagModel.get_dagmodel(dag_id, session=metadata)
        if dag is None or dag.is_stale:
            raise EntityInvalid(f"Airflow has no DAG {dag_id} yet: it appears within minutes of the entity")
        if dag.is_paused:
            raise EntityInvalid(f"the DAG {dag_id} is paused in Airflow, where its runs would wait: unpause it first")


def trigger(dag_id: str, dag_run_id: str, user_name: str, note: str) -> None:
    """Start a dag run on behalf of a user, as Airflow's own page does; its conf is empty.

    Raises:
        EntityInvalid: when Airflow refuses it.
    """
    try:
        trigger_dag(
            dag_id,
            triggered_by=DagRunTriggeredByType.UI,
            triggering_user_name=user_name,
            run_id=dag_run_id,
            conf={},
            note=note,
        )
    except Exception as problem:
        is_told = isinstance(problem, AirflowException | ValueError)  # others may name what users need not know
        reason = str(problem) if is_told else "see the log of the api-server"
        raise EntityInvalid(f"Airflow did not start {dag_id}: {reason}") from problem
