"""Builds the DAGs of one DAG file from its share of the DAG list; an error affects one entity only."""

import logging
from collections.abc import Callable
from pathlib import Path
from zlib import crc32

from airflow.sdk import DAG, CronDataIntervalTimetable, ParamsDict, get_parsing_context

from rtb_optimizer.dag.params import trigger_form
from rtb_optimizer.errors import DagListInvalid
from rtb_optimizer.store import dag_list
from rtb_optimizer.store.dag_list import DagEntry, FormField

log = logging.getLogger(__name__)


def dags_of_file(dag_file: str, build: Callable[[DagEntry], DAG]) -> dict[str, DAG]:
    """Return the DAGs of one DAG file, by id: those whose id hashes to its position among the file and its copies.

    A task start builds its own DAG only. An entity whose DAG cannot be built is logged and skipped, and an unreadable
    DAG list yields no DAGs: an import error would remove every DAG of the file.
    """
    files, only = dag_list.dag_files(Path(dag_file).parent), get_parsing_context().dag_id
    position = files.index(Path(dag_file))
    dags: dict[str, DAG] = {}
    try:
        document = dag_list.load(dag_list.path())
        forms = {name: trigger_form(map(FormField.read, fields)) for name, fields in document["forms"].items()}
    except (DagListInvalid, LookupError, TypeError, ValueError):
        log.exception("no entity has a DAG")
        return dags
    for raw in document["entities"]:
        try:
            entity = DagEntry.read(raw)
            if crc32(entity.dag_id.encode()) % len(files) == position and only in (None, entity.dag_id):
                dags[entity.dag_id] = _with_params(build(entity), forms[entity.form])
        except Exception:  # an error of one entity must not affect another
            log.exception("an entity has no DAG: %.200r", raw)
    return dags


def schedule_of(entity: DagEntry) -> CronDataIntervalTimetable:
    """Return the schedule of an entity, checked here, where it concerns one: Airflow's check would fail the whole file.

    Raises:
        AirflowTimetableInvalid: when it is not a cron expression.
    """
    schedule = CronDataIntervalTimetable(entity.schedule, timezone=entity.timezone)
    schedule.validate()
    return schedule


def _with_params(dag: DAG, form: ParamsDict) -> DAG:
    # After the tasks on purpose: Params given to DAG() are copied into, and validated for, every task on every parse.
    # Past the setter, since it would check the same form against the JSON schema of schemas for every DAG.
    object.__setattr__(dag, "params", form)
    return dag
