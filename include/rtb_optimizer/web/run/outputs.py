"""The outputs of a run, read back, verified, and cached for the next reader."""

from hashlib import sha256

from sqlalchemy.orm import Session

from rtb_optimizer.errors import NotFound, ObjectAbsent, StoreFailed
from rtb_optimizer.store import runs
from rtb_optimizer.store.objects import ObjectStore, run_prefix
from rtb_optimizer.store.schema import Entity, Run
from rtb_optimizer.web.cache import Kept

_BODIES: Kept[bytes] = Kept(64_000_000, len)


class RunOutputs:
    """The outputs of one run, by type, as the catalog and the store know them."""

    def __init__(self, session: Session, run: Run) -> None:
        entity = session.get_one(Entity, run.entity_id)
        self._base, self._run_code = entity.s3_base_path, run.run_code
        self.rows = {row.output_type: row for row in runs.outputs(session, run.run_id)}

    def body(self, output_type: str) -> bytes:
        """Return the bytes of an output.

        Raises:
            NotFound: saying whether it is gone, was never recorded, is not what was written, or cannot be reached.
        """
        row = self.rows.get(output_type)
        if row is None:
            raise NotFound(
                f"The catalog lists no output {output_type!r} of this run: it was deleted when it was past its time, "
                "or the release that made the run wrote none."
            )
        return _BODIES.get(row.sha256, lambda: self._read(row.s3_key, row.sha256))

    def standing(self) -> dict[str, int] | None:
        """Return the size in bytes of each object in the run's folder, by key; None when the store does not say."""
        try:
            listed = ObjectStore.of(self._base).list(run_prefix(self._base, self._run_code) + "/")
            return {each.key: each.byte_size for each in listed}
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
    """Return why something cannot be read, told apart: it is gone, or the store does not answer."""
    if isinstance(problem, ObjectAbsent):
        return f"{what} is gone: its object was deleted."
    return str(problem) if isinstance(problem, NotFound) else f"{what} cannot be read: {problem}"
