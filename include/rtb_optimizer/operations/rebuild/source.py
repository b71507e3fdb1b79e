"""The record of a run that is to be made again: from this catalog and its store, or from an exported file."""

import json
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.orm import Session

from rtb_optimizer.core.config.snapshot import RunSnapshot
from rtb_optimizer.errors import NotFound, ObjectAbsent, RunIncomplete
from rtb_optimizer.outputs.documents.capsule import CapsuleDocument
from rtb_optimizer.run.capsule import CAPSULE
from rtb_optimizer.store import connections, runs
from rtb_optimizer.store.objects import ObjectStore
from rtb_optimizer.store.row_copies import Copies, copied
from rtb_optimizer.store.schema import (
    Entity,
    EntityConfig,
    FeatureMacro,
    Run,
    RunDecision,
    RunFeature,
    RunFeatureMacro,
    RunOutput,
    VersionConfig,
)

RUN_IDS = "opt_runs", "run_id"
RECORDED, OBJECTS = "run.json", "objects"
"""The names in an exported file: the rows of the run, and the folder of objects by bucket and key."""


@dataclass(frozen=True, slots=True)
class Source:
    """A run that has ended.

    Attributes:
        capsule: What made it.
        own: The rows that the catalog has of the run itself, by table.
        present: The rows that it read, as they are now; None where this catalog is not the run's.
        read: Returns the bytes of an object by bucket and key, None where there is none.
        carried: Whether the objects of earlier runs come with it: those of a file do.
    """

    capsule: CapsuleDocument
    own: Copies
    present: Copies | None
    read: Callable[[str, str], bytes | None]
    carried: bool = False

    @property
    def outputs(self) -> Mapping[str, Mapping[str, object]]:
        """The rows of its outputs by type."""
        return {str(row["output_type"]): row for row in self.own["opt_run_outputs"]}


def source_of(run: str) -> Source:
    """Return the record of a run, by its id, its code, or the path of a file that was exported.

    Raises:
        NotFound: when there is no such run, or it has no capsule.
        RunIncomplete: when the file, or the capsule, is not what was written.
    """
    path = Path(run)
    if path.suffix == ".zip" or path.is_file():
        return _of_file(path)
    with connections.session() as session:
        return _of_catalog(session, runs.find(session, run))


def own_rows(session: Session, run: Run) -> Copies:
    """Return the rows that the catalog has of a run itself: what its steps wrote, and the first decision on it."""
    of = (RunFeature, RunFeatureMacro, RunOutput)
    rows = {model.__tablename__: copied(session, model, model.run_id == run.run_id) for model in of}
    decisions = copied(session, RunDecision, RunDecision.run_id == run.run_id)
    first = sorted(decisions, key=lambda row: int(row["decision_number"]))[:1]
    return {"opt_runs": copied(session, Run, Run.run_id == run.run_id), **rows, "opt_run_decisions": first}


def read_published(bucket: str, key: str) -> bytes | None:
    """Return the bytes of an object of the real store, None where there is none."""
    return read_object(ObjectStore(connections.s3_client(), bucket), key)


def read_object(store: ObjectStore, key: str) -> bytes | None:
    """Return the bytes of an object, None where there is none."""
    try:
        return store.read(key)
    except ObjectAbsent:
        return None


def _of_catalog(session: Session, run: Run) -> Source:
    outputs = {each.output_type: each for each in runs.outputs(session, run.run_id)}
    if "capsule" not in outputs:
        raise NotFound(f"run {run.run_code} cannot be made again: {_why_without(session, run, bool(outputs))}")
    capsule = _capsule(read_published(outputs["capsule"].s3_bucket, outputs["capsule"].s3_key), run.run_code)
    return Source(capsule, own_rows(session, run), _present(session, capsule), read_published)


def _present(session: Session, capsule: CapsuleDocument) -> Copies:
    """Return the rows of a capsule as they are now, without those of the run itself and the outcomes of runs."""
    rows = capsule.rows
    versions, of_runs = (
        {row[name] for row in rows[table]} for table, name in (("opt_versions", "version_id"), RUN_IDS)
    )
    entity_id, formats = (
        rows["opt_entities"][0]["entity_id"],
        {row["macro_format"] for row in rows["opt_feature_macros"]},
    )
    return {
        "opt_version_configs": copied(session, VersionConfig, VersionConfig.version_id.in_(versions)),
        "opt_entities": copied(session, Entity, Entity.entity_id == entity_id),
        "opt_entity_configs": copied(session, EntityConfig, EntityConfig.entity_id == entity_id),
        "opt_feature_macros": copied(session, FeatureMacro, FeatureMacro.macro_format.in_(formats)),
        "opt_runs": copied(session, Run, Run.run_id.in_(of_runs)),
    }


def _why_without(session: Session, run: Run, has_outputs: bool) -> str:  # noqa: FBT001 - of one call
    if run.status != "succeeded":
        return f"it is {run.status}, and only runs that succeeded leave a capsule"
    if not has_outputs:
        return "retention has deleted its outputs and its capsule (keep_good_runs, keep_days)"
    entity = session.get_one(Entity, run.entity_id).entity_code
    release = RunSnapshot.read(run.config_snapshot).code_version
    return f"release {release} made it, which recorded no capsule; a new run of {entity} has one"


def _capsule(body: bytes | None, run_code: str) -> CapsuleDocument:
    if body is None:
        raise NotFound(f"run {run_code} cannot be made again: its {CAPSULE} is gone")
    try:
        return CapsuleDocument.read(body)
    except ValueError as problem:
        raise RunIncomplete(f"run {run_code} cannot be made again: its {CAPSULE} is not what was written") from problem


def _of_file(path: Path) -> Source:
    try:
        with zipfile.ZipFile(path) as file:
            own = json.loads(file.read(RECORDED))
            objects = {name: file.read(name) for name in file.namelist() if name.startswith(f"{OBJECTS}/")}
        listed = next(row for row in own["opt_run_outputs"] if row["output_type"] == "capsule")
    except FileNotFoundError:
        raise NotFound(f"there is no file {path}: `rtb runs export RUN {path}` writes one") from None
    except (zipfile.BadZipFile, KeyError, ValueError, StopIteration) as problem:
        raise RunIncomplete(f"{path} is no run that `rtb runs export` has written: {problem}") from problem

    def read(bucket: str, key: str) -> bytes | None:
        return objects.get(object_name(bucket, key))

    capsule = _capsule(read(listed["s3_bucket"], listed["s3_key"]), own["opt_runs"][0]["run_code"])
    return Source(capsule, own, None, read, carried=True)


def object_name(bucket: str, key: str) -> str:
    """Return the name of an object in an exported file."""
    return f"{OBJECTS}/{bucket}/{key}"
