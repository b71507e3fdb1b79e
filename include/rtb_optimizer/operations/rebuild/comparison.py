"""Compares the files and rows of a run with those of its rebuild."""

from collections.abc import Mapping
from hashlib import sha256

from sqlalchemy.orm import Session

from rtb_optimizer.operations.rebuild.findings import ComparedFile, Finding, Kind
from rtb_optimizer.operations.rebuild.source import Source, own_rows, read_object
from rtb_optimizer.outputs.documents.manifest import Manifest
from rtb_optimizer.store import connections, runs
from rtb_optimizer.store.objects import ObjectStore
from rtb_optimizer.store.row_copies import Copies, differing

BY = {
    "opt_runs": ("run_id",),
    "opt_run_features": ("feature_name",),
    "opt_run_feature_macros": ("macro_format",),
    "opt_run_outputs": ("output_type",),
    "opt_run_decisions": ("run_id",),
    "opt_version_configs": ("version_id", "config_key"),
    "opt_entities": ("entity_code",),
    "opt_entity_configs": ("config_key",),
    "opt_feature_macros": ("macro_format", "feature_name"),
}
"""The columns by which rows are matched: ids are assigned again."""
GIVEN_ANEW = (
    "id",
    "started_at",
    "finished_at",
    "created_at",
    "updated_at",
    "decided_at",
    "updated_by",
    "carried_out_with",
)
OF_THE_NIGHT = ("decision_number", "decided_by", "from_run_id", "active_run_id")
"""What a decision and a pointer have of their night."""


AS_PUBLISHED = frozenset({"capsule", "pooled"})
"""Outputs that a run is made again from: what was recorded of it, and what it knew from other entities."""


def compared_files(source: Source, rebuilt: Mapping[str, bytes | None]) -> list[ComparedFile]:
    """Return the published files beside those that were made again, by their bytes, but those that are its inputs."""
    files = []
    for name in sorted((source.outputs.keys() | rebuilt.keys()) - AS_PUBLISHED):
        row = source.outputs.get(name)
        published = source.read(str(row["s3_bucket"]), str(row["s3_key"])) if row else None
        files.append(ComparedFile(name=name, published=_sha256(published), rebuilt=_sha256(rebuilt.get(name))))
    return files


def rebuilt_files(session: Session, run_id: int) -> dict[str, bytes | None]:
    """Return the files of the run that was made again, by type; called where the scratch is in use."""
    client, outputs = connections.client_in_use(), runs.outputs(session, run_id)
    return {each.output_type: read_object(ObjectStore(client, each.s3_bucket), each.s3_key) for each in outputs}


def counted_otherwise(source: Source, rebuilt: Mapping[str, bytes | None]) -> list[Finding]:
    """Return that another version of a server has counted now: unlike one of this machine, it is known only then."""
    row, now = source.outputs.get("manifest"), rebuilt.get("manifest")
    then = source.read(str(row["s3_bucket"]), str(row["s3_key"])) if row else None
    if source.capsule.made_by.engine_version or then is None or now is None:
        return []
    was, is_now = (Manifest.read(body).engine for body in (then, now))
    return [] if was == is_now else [Finding(kind=Kind.VERSION, name="engine", what=f"was {was}, is {is_now}")]


def recorded_before(source: Source) -> list[Finding]:
    """Return what the catalog has of the run and its capsule has otherwise: its window and configuration."""
    then = {**source.capsule.run_row}
    now = {**source.own["opt_runs"][0]}
    written_later = {"status", "finished_at", "total_segments", "figures", "is_challenger"}
    before, after = ({k: v for k, v in row.items() if k not in written_later} for row in (then, now))
    return _of_catalog("opt_runs", differing([before], [after], BY["opt_runs"], GIVEN_ANEW))


def recorded_otherwise(source: Source, again: Copies) -> list[Finding]:
    """Return what the catalog has of the run's features, macros, outputs, figures and decision otherwise."""
    found = list[Finding]()
    for table, by in BY.items():
        if table in again:
            words = differing(again[table], source.own[table], by, (*GIVEN_ANEW, *OF_THE_NIGHT))
            found += _of_catalog(table, words)
    return found


def changed_since(source: Source) -> list[Finding]:
    """Return what of the rows that the run read is otherwise in the catalog now."""
    if source.present is None:
        return []
    found, then = list[Finding](), source.capsule.rows
    for table, now in source.present.items():
        others = [row for row in then[table] if row.get("run_id") != source.capsule.run_id]
        is_now = [row for row in now if row.get("run_id") != source.capsule.run_id]
        words = differing(others, is_now, BY[table], (*GIVEN_ANEW, *OF_THE_NIGHT))
        found += [Finding(kind=Kind.SINCE, name=table, what=each) for each in words]
    return found


def own_again(session: Session, run_id: int) -> Copies:
    """Return the rows of the run that was made again; called where the scratch is in use."""
    return own_rows(session, runs.find(session, run_id))


def _of_catalog(table: str, words: list[str]) -> list[Finding]:
    return [Finding(kind=Kind.CATALOG, name=table, what=each) for each in words]


def _sha256(body: bytes | None) -> str | None:
    return None if body is None else sha256(body).hexdigest()
