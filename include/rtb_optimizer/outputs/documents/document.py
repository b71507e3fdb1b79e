"""The base of all documents: frozen, written with sorted keys, read tolerantly."""

import json
import logging
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, Strict, ValidationError

from rtb_optimizer.core.decision.warning import FIRST, RunWarning
from rtb_optimizer.outputs.files import json_bytes

log = logging.getLogger(__name__)

MAX_NAMED = 10
Number = Annotated[int, Strict()] | Annotated[float, Strict(), Field(allow_inf_nan=False)]
"""A number as JSON has it: integers stay integers, so that a document that is read and written keeps its bytes."""


class Document(BaseModel):
    """A JSON object. Only fields that were set are written: an unknown one is absent, or null where set to None.

    A validator is built when the first document of its kind is made: a command that makes none starts sooner.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)

    def to_json(self) -> bytes:
        """Return the document as JSON: keys sorted, with a final newline."""
        return json_bytes(self.model_dump(exclude_unset=True))

    @classmethod
    def read_exactly(cls, body: bytes | str) -> Self:
        """Return the document that this release wrote, as a decision needs it: nothing is left out.

        Raises:
            ValueError: when any part of it has another shape.
        """
        try:
            return cls.model_validate(cls._parsed(body))
        except ValidationError as problem:
            raise ValueError(_reasons(cls.__name__, problem)) from problem

    @classmethod
    def read(cls, body: bytes | str) -> Self:
        """Return the document that some release wrote.

        Releases differ in what they write. What is not known here is ignored; what has another shape is left out, so
        that a field takes its default, and named in the log.

        Raises:
            ValueError: when the bytes are no JSON object, or lack a field without a default.
        """
        raw = cls._parsed(body)
        while True:
            try:
                return cls.model_validate(raw)
            except ValidationError as problem:
                places = [error["loc"] for error in problem.errors()]
                if not _leave_out(raw, places):
                    raise ValueError(_reasons(cls.__name__, problem)) from problem
                named = sorted({".".join(map(str, place)) for place in places})
                log.warning("%s: left out, of another shape: %s", cls.__name__, ", ".join(named[:MAX_NAMED]))

    @classmethod
    def build_all(cls) -> None:
        """Build the validators of all kinds that are imported: what is forked from here on need not."""
        for kind in cls.__subclasses__():
            kind.model_rebuild()
            kind.build_all()

    @classmethod
    def _parsed(cls, body: bytes | str) -> object:
        try:
            return json.loads(body)
        except ValueError as problem:
            raise ValueError(f"{cls.__name__} is no JSON: {problem}") from problem


class WarningDocument(Document):
    """A warning as documents hold it: `rows` and their `share` where it is about rows of the logs."""

    code: str = ""
    message: str = ""
    rows: int | None = None
    share: Number | None = None

    @property
    def warning(self) -> RunWarning:
        """The warning."""
        return RunWarning(self.code, self.message, self.rows, self.share)

    @classmethod
    def of(cls, warnings: Iterable[RunWarning]) -> "tuple[WarningDocument, ...]":
        """Return distinct warnings, those of FIRST first, by code and message, without what is not known."""
        place = {code: n for n, code in enumerate(FIRST)}
        ordered = sorted(set(warnings), key=lambda w: (place.get(w.code, len(FIRST)), w.code, w.message))
        facts = ({name: value for name, value in asdict(w).items() if value is not None} for w in ordered)
        return tuple(map(cls.model_validate, facts))


def _reasons(document: str, problem: ValidationError) -> str:
    """Return what is wrong with a document, by place, without the library's own words about itself."""
    errors = problem.errors(include_url=False)
    if not errors[0]["loc"]:
        return f"{document} is no JSON object"
    named = [f"{'.'.join(map(str, error['loc']))}: {error['msg'].lower()}" for error in errors[:MAX_NAMED]]
    more = f", and {len(errors) - MAX_NAMED} more" if len(errors) > MAX_NAMED else ""
    return f"{document}: {'; '.join(named)}{more}"


def _leave_out(raw: object, places: Sequence[Sequence[int | str]]) -> bool:
    """Remove what stands at the places, later list items first; return whether anything was removed.

    A place may go deeper than the document does, into the alternatives of a type: what is there of it counts.
    """
    entries = {}
    for place in places:
        parent, key, inner = raw, None, raw
        for step in place:
            known = step in inner if isinstance(inner, dict) else isinstance(step, int) and isinstance(inner, list)
            if not known:
                break
            parent, key, inner = inner, step, inner[step]  # type: ignore[index] # a dict or a list
        if key is not None:
            entries[id(parent), key] = parent, key
    for parent, key in sorted(entries.values(), key=lambda each: str(each[1]).zfill(9), reverse=True):
        del parent[key]  # type: ignore[attr-defined] # as above
    return bool(entries)
