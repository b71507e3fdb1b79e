"""What one step of a run hands the others, under `{run}/work/`: its documents in one object, larger parts beside it.

A step may be tried twice, and what it reads may change between the tries. The parts are therefore named by the hash of
their content and written first; the object that lists them is written last, and once. What the other steps read is of
one try: the one whose object stands.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, TypeVar

from rtb_optimizer.errors import RunIncomplete
from rtb_optimizer.outputs.documents.document import Document
from rtb_optimizer.run.workspace import Workspace
from rtb_optimizer.store import connections, runs
from rtb_optimizer.store.objects import ObjectStore, run_prefix
from rtb_optimizer.store.schema import Entity

Handed = TypeVar("Handed", bound=Document)
NAME_DIGITS = 16


class HandoverDocument(Document):
    """The object of a step: its documents by name, and the sha256 of its parts by name."""

    documents: Mapping[str, Any]
    parts: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Handover:
    """What stands of a step; `work` is the prefix of the run's work."""

    store: ObjectStore
    work: str
    content: HandoverDocument

    def document(self, name: str, kind: type[Handed]) -> Handed:
        """Return a document of the step."""
        return kind.model_validate(self.content.documents[name])

    def has(self, name: str) -> bool:
        """Whether the step has a part of that name."""
        return name in self.content.parts

    def part(self, name: str) -> bytes:
        """Return a part of the step.

        Raises:
            RunIncomplete: when it is not what was written.
        """
        expected = self.content.parts[name]
        key = f"{self.work}/{_part(name, expected)}"
        body = self.store.read(key)
        if sha256(body).hexdigest() != expected:
            raise RunIncomplete(f"s3://{self.store.bucket}/{key} is not what was written: start a new run")
        return body


def hand_over(
    workspace: Workspace, step: str, documents: Mapping[str, Document], parts: Mapping[str, bytes] | None = None
) -> Handover:
    """Write what a step made; return what stands, which is of another try of the step where that was first."""
    hashes = {name: sha256(body).hexdigest() for name, body in (parts or {}).items()}
    for name, body in (parts or {}).items():
        workspace.write(f"work/{_part(name, hashes[name])}", body)
    contents = {name: document.model_dump(exclude_unset=True) for name, document in documents.items()}
    workspace.write(f"work/{step}.json", HandoverDocument(documents=contents, parts=hashes).to_json())
    return handed_over(workspace, step)


def handed_over(workspace: Workspace, step: str) -> Handover:
    """Return what a step before this one has handed over."""
    return _read(workspace.store, workspace.prefix, step)


def handed_over_by(opt_run_id: int, step: str) -> tuple[str, Handover]:
    """Return the entity of a run and what one of its steps has handed over, whether the run has ended or not."""
    with connections.session() as session:
        run = runs.find(session, opt_run_id)
        entity = session.get_one(Entity, run.entity_id)
    prefix = run_prefix(entity.s3_base_path, run.run_code)
    return entity.entity_code, _read(ObjectStore.of(entity.s3_base_path), prefix, step)


def _read(store: ObjectStore, prefix: str, step: str) -> Handover:
    return Handover(store, f"{prefix}/work", HandoverDocument.read_exactly(store.read(f"{prefix}/work/{step}.json")))


def _part(name: str, content: str) -> str:
    return f"{content[:NAME_DIGITS]}/{name}"
