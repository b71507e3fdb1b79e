"""The outputs of a run, read from S3, verified and cached."""

from hashlib import sha256

from sqlalchemy.orm import Session

from rtb_optimizer.errors import NotFound, ObjectAbsent, RtbOptimizerError, StoreFailed
from rtb_optimizer.operations.store_faults import fault_of_store
from rtb_optimizer.store import runs
from rtb_optimizer.store.objects import ObjectStore, run_prefix
from rtb_optimizer.store.schema import Entity, Run
from rtb_optimizer.web.cache import LRUCache

_BODIES: LRUCache[bytes] = LRUCache(64_000_000, len)
UNREADABLE = (RtbOptimizerError, KeyError, ValueError)
"""The errors of reading an output that is gone, or that another release wrote."""


class RunOutputs:
    """The outputs of one run, by type, as in the catalog and in S3."""

    def __init__(self, session: Session, run: Run) -> None:
        entity = session.get_one(Entity, run.entity_id)
        self._base, self._run_code = entity.s3_base_path, run.run_code
        self.rows = {row.output_type: row for row in runs.outputs(session, run.run_id)}

    def body(self, output_type: str) -> bytes:
        """Return the bytes of an output.

        Raises:
            NotFound: naming the cause: never recorded, gone, not what was written, or not reachable.
        """
        row = self.rows.get(output_type)
        if row is None:
            raise NotFound(
                f"The catalog lists no output {output_type!r} of this run: it has expired and was deleted, or the "
                "release of the run did not write it."
            )
        return _BODIES.get(row.sha256, lambda: self._read(row.s3_key, row.sha256))

    def stored_sizes(self) -> dict[str, int] | None:
        """Return the size in bytes of each object in the run's folder, by key; None when S3 does not answer."""
        try:
            objects = ObjectStore.of(self._base).list(run_prefix(self._base, self._run_code) + "/")
            return {each.key: each.byte_size for each in objects}
        except StoreFailed:
            return None

    def _read(self, key: str, expected: str) -> bytes:
        store = ObjectStore.of(self._base)
        try:
            body = store.read(key)
        except StoreFailed as problem:
            raise NotFound(unreadable(problem, f"s3://{store.bucket}/{key}")) from problem
        if sha256(body).hexdigest() != expected:
            raise NotFound(f"s3://{store.bucket}/{key} is not what the run wrote: its sha256 differs.")
        return body


def unreadable(problem: Exception, what: str) -> str:
    """Return why an output cannot be read: it is gone, or S3 does not answer."""
    if isinstance(problem, ObjectAbsent):
        return f"{what} is gone: its object was deleted."
    if isinstance(problem, NotFound):
        return str(problem)
    return f"{what} cannot be read: {fault_of_store(problem, with_address=False)}"
