"""The lineage of a run: what it read, by folder, what it wrote, and who made it the active run."""

from collections.abc import Sequence
from dataclasses import dataclass

from rtb_optimizer.core.config.event_logs import ROLES as EVENT_ROLES
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
    read = read_folders("logs", str(snapshot.values.get("logs_path") or ""), manifest.inputs)
    for role in EVENT_ROLES:
        read += read_folders(role.words, str(snapshot.values.get(role.path_key) or ""), getattr(manifest, role.inputs))
    named = ("logs", *(role.name for role in EVENT_ROLES))
    tables = [table for name in named if (table := getattr(manifest.tables, name)) is not None]
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
