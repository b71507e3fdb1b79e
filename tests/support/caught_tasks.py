"""How tests kill a task at a chosen place: it is caught at a lock, by real locks on real tables, and then shot."""

import signal
from contextlib import contextmanager, suppress

import psutil
import psycopg
from sqlalchemy import func, select

from live_airflow import DAG, ENTITY
from rtb_optimizer.local.settings import CATALOG_DATABASE
from rtb_optimizer.store import connections, entities, verification
from rtb_optimizer.store.objects import ObjectStore, run_prefix
from rtb_optimizer.store.schema import Entity, Run, RunDecision, RunFeature, RunFeatureMacro, RunOutput

WAITING = """
SELECT a.client_port FROM pg_locks l JOIN pg_stat_activity a USING (pid)
WHERE NOT l.granted AND a.datname = current_database() AND coalesce(l.relation = %s::regclass, %s)
    AND NOT starts_with(a.query, 'UPDATE opt_runs SET status')
"""
# The last condition leaves out the sweep, which waits for the same table where its five minutes are up meanwhile.


def runs_of(dag_run_id):
    with connections.session() as session:
        return session.scalars(select(Run).where(Run.airflow_run_id == dag_run_id).order_by(Run.run_id)).all()


def active_run():
    with connections.session() as session:
        return session.get_one(Run, entities.find(session, ENTITY).active_run_id)


@contextmanager
def locked(live, table, mode):
    with psycopg.connect(live.database_url(CATALOG_DATABASE)) as holder:
        holder.execute(f"LOCK TABLE {table} IN {mode} MODE")
        yield
        with suppress(psycopg.OperationalError):  # the server may have been killed meanwhile
            holder.rollback()


def caught(live, table=None):
    """Return the processes that wait for a lock on a table; of all tables, and of rows, where none is named."""
    with psycopg.connect(live.database_url(CATALOG_DATABASE)) as watcher:
        ports = {port for (port,) in watcher.execute(WAITING, [table, table is None])}
    if not ports:
        return []
    connections_to_catalog = [each for each in psutil.net_connections("tcp") if each.pid and each.raddr]
    return [
        psutil.Process(c.pid) for c in connections_to_catalog if c.laddr.port in ports and c.raddr.port == live.pg_port
    ]


def caught_of_task(live, api, dag_run_id, task, table):
    """Return the processes of one task instance that wait for a lock on a table: Airflow writes its id in their title.

    Others of the product may wait for the same table: the sweep, and what an earlier task does after its last word.
    """
    tries = api.call("GET", f"/dags/{DAG}/dagRuns/{dag_run_id}/taskInstances")["task_instances"]
    ids = {each["id"] for each in tries if each["task_id"] == task}
    return [each for each in caught(live, table) if any(one in " ".join(title_of(each)) for one in ids)]


def title_of(process):
    try:
        return process.cmdline()
    except psutil.NoSuchProcess:
        return []


def kill(process):
    process.send_signal(signal.SIGKILL)
    psutil.wait_procs([process], 30)
    assert not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def recorded_once(dag_run_id):
    """Whether a dag run's facts stand in the catalog and the store once each, and all that is active is whole."""
    [run] = runs_of(dag_run_id)
    with connections.session() as session:
        entity = session.get_one(Entity, run.entity_id)
        store = ObjectStore.of(entity.s3_base_path)
        keys = [entry.key for entry in store.list(run_prefix(entity.s3_base_path, run.run_code))]
        outputs = session.scalars(select(RunOutput.s3_key).where(RunOutput.run_id == run.run_id)).all()
        assert sorted(outputs) == sorted(key for key in keys if "/work/" not in key)
        for table in (RunFeature, RunFeatureMacro):
            assert session.scalar(select(func.count()).where(table.run_id == run.run_id)) > 0
        assert session.scalar(select(func.count()).where(RunDecision.run_id == run.run_id)) == 1
    return active_is_whole()


def active_is_whole():
    with connections.session() as session:
        entity = entities.find(session, ENTITY)
        verification.verify_outputs(session, ObjectStore.of(entity.s3_base_path), entity.active_run_id)
    return True
