"""Measures Airflow's cost of many entities: CPU seconds to parse and serialize all, and to build one at a task start.

PYTHONPATH=include .venv/bin/python benchmarks/dag_parsing.py --entities 1000
"""

import argparse
import json
import os
import runpy
import tempfile
import time
from pathlib import Path

DAGS = Path(__file__).parents[1] / "dags"
FORM_KEYS = 4


def write_manifest(folder: Path, entities: int) -> Path:
    """Write a manifest of that many entities with a form of four keys beside the window's two."""
    field = {"type": "integer", "title": "A key", "section": "Keys", "description": "...", "default": "1"}
    limits = {"minimum": 0.0, "maximum": 9.0, "choices": []}
    form = [{"key": f"key_{n}"} | field | limits for n in range(FORM_KEYS)]
    shared = {"opt_code": "rtb_optimizer", "object_type": "ssp", "version_code": "v3", "form": "1", "timezone": "UTC"}
    entries = [
        {"entity_code": f"entity_{n}", "entity_name": f"Entity {n}", "schedule": f"{n % 60} 3 * * *"} | shared
        for n in range(entities)
    ]
    target = folder / "entities.json"
    target.write_text(json.dumps({"format": 1, "forms": {"1": form}, "entities": entries}))
    return target


def parse_all() -> dict[str, float]:
    """Parse and serialize every DAG; return CPU seconds and megabytes."""
    from airflow.dag_processing.dagbag import DagBag
    from airflow.serialization.serialized_objects import DagSerialization

    started = time.process_time()
    bag = DagBag(dag_folder=str(DAGS))
    parsed = time.process_time()
    size = sum(len(json.dumps(DagSerialization.to_dict(dag))) for dag in bag.dags.values())
    ended = time.process_time()
    return {"dags": len(bag.dags), "parse_cpu_s": parsed - started, "serialize_cpu_s": ended - parsed, "mb": size / 1e6}


def build_one(entity_code: str) -> float:
    """Build one entity's DAG as a task start does; return CPU seconds."""
    from airflow.sdk.definitions._internal.dag_parsing_context import _airflow_parsing_context_manager

    dag_id = f"rtb_optimizer__{entity_code}"
    with _airflow_parsing_context_manager(dag_id=dag_id, task_id="create_run"):
        started = time.process_time()
        runpy.run_path(str(DAGS / "rtb_optimizer_entities.py"))
        return time.process_time() - started


def main() -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entities", type=int, default=1000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["RTB_MANIFEST"] = str(write_manifest(Path(folder), options.entities))
        figures = parse_all()
        figures["task_start_cpu_s"] = build_one(f"entity_{options.entities // 2}")
    print(json.dumps({name: round(value, 3) for name, value in figures.items()}))


if __name__ == "__main__":
    main()
