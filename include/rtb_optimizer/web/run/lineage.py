"""The lineage of a run: what it read, by folder, what it wrote, and who made it the active run."""

from collections.abc import Sequence
from dataclasses import dataclass

from rtb_optimizer.core.config.snapshot import RunSnapshot
from rtb_optimizer.outputs.documents.logs import InputDocument
from rtb_optimizer.store.objects import split_url
from rtb_optimizer.web.rendering import PageContent
from rtb_optimizer.web.run.view import RunView


@dataclass(frozen=True, slots=True)
class ReadFolder:
    """Objects of one folder that were read: of which logs, how many, and their bytes."""

    of: str
    url: str
    objects: int
    byte_size: int


def lineage(view: RunView) -> PageContent:
    """Return what the manifest of a run says that it read, and the rows that the catalog has of it."""
    manifest, problem = view.manifest()
    if manifest is None:
        return {"lineage_problem": problem}
    snapshot = RunSnapshot.read(view.run.config_snapshot)
    logs, events = (str(snapshot.values.get(key) or "") for key in ("logs_path", "outcome_logs_path"))
    read = read_folders("logs", logs, manifest.inputs) + read_folders("outcome logs", events, manifest.outcome_inputs)
    tables = [each for each in (manifest.tables.logs, manifest.tables.outcome_logs) if each is not None]
    return {
        "lineage_problem": "",
        "manifest": manifest,
        "read": read,
        "objects": sum(each.objects for each in read),
        "bytes_read": sum(each.byte_size for each in read),
        "tables": tables,
        "written": view.outputs.rows.values(),
        "siblings": len(snapshot.siblings),
    }


def read_folders(of: str, path: str, inputs: Sequence[InputDocument]) -> list[ReadFolder]:
    """Return the folders of objects that were read, in order of their names.

    Args:
        of: What logs they are.
        path: Where these are, as configured: its bucket is that of the objects.
        inputs: The objects.
    """
    folders: dict[str, list[InputDocument]] = {}
    for each in inputs:
        folders.setdefault(each.s3_key.rpartition("/")[0], []).append(each)
    bucket = split_url(path)[0] if path else ""
    return [
        ReadFolder(of, f"s3://{bucket}/{folder}/", len(found), sum(each.byte_size for each in found))
        for folder, found in sorted(folders.items())
    ]
