"""The reasons why a run is not made again to the same bytes, by name."""

from collections.abc import Mapping, Sequence
from enum import StrEnum

from rtb_optimizer.outputs.documents.capsule import MadeBy
from rtb_optimizer.outputs.documents.document import Document


class Kind(StrEnum):
    """What a finding is about."""

    INPUT = "input"
    """An object of the logs."""
    EARLIER = "earlier"
    """A run that this one moved from or was compared with."""
    OUTPUT = "output"
    """A published file."""
    CATALOG = "catalog"
    """What the catalog has of the run itself."""
    VERSION = "version"
    """What the run was made by: release, code, Python, package, engine, machine."""
    SINCE = "since"
    """What changed around the run since: it is made again from what was recorded."""
    FAILED = "failed"
    """A step that could not be carried out."""


SHA256_DIGITS, SHOWN_DIGITS = 64, 12
BLOCKING = (Kind.INPUT, Kind.EARLIER)
"""What a run cannot be made again without."""
HARMLESS = (Kind.SINCE, Kind.VERSION)
"""Kinds that do not by themselves make a rebuild differ."""


class Finding(Document):
    """One thing that differs from the run's record: its kind, its name, and the difference."""

    kind: Kind
    name: str
    what: str


class ComparedFile(Document):
    """A published file beside the one that was made again: their sha256, None where there is none."""

    name: str
    published: str | None
    rebuilt: str | None

    @property
    def is_same(self) -> bool:
        """Whether both have the same bytes."""
        return self.published is not None and self.published == self.rebuilt

    @property
    def what(self) -> str:
        """A description of the difference."""
        if self.rebuilt is None:
            return "was not made again"
        return "is gone, and was made again" if self.published is None else "differs"


class RebuildDocument(Document):
    """The result of a rebuild; `files` is empty where the run was not made. `kept_at` is where its objects are."""

    run_id: int
    run_code: str
    identical: bool
    files: tuple[ComparedFile, ...]
    findings: tuple[Finding, ...]
    seconds: float
    kept_at: str | None = None


def version_findings(then: MadeBy, now: MadeBy) -> list[Finding]:
    """Return the differences between what made the run and what makes it now."""
    packages = _differences(then.packages, now.packages)
    before, after = (each.model_dump(exclude={"packages"}) for each in (then, now))
    names = {"code_sha256": "code", "lock_sha256": "requirements.txt", "hash_sample": "the engine's hash"}
    return [
        Finding(kind=Kind.VERSION, name=names.get(name, name.replace("_", " ")), what=f"was {was}, is {is_now}")
        for name, (was, is_now) in {**_differences(before, after), **packages}.items()
    ]


def _differences(then: Mapping[str, object], now: Mapping[str, object]) -> dict[str, tuple[object, object]]:
    named = sorted(then.keys() | now.keys())
    pairs = {name: (then.get(name) or "absent", now.get(name) or "absent") for name in named}
    return {name: (_short(was), _short(is_now)) for name, (was, is_now) in pairs.items() if was != is_now}


def _short(value: object) -> object:
    return value[:SHOWN_DIGITS] if isinstance(value, str) and len(value) == SHA256_DIGITS else value


def of_kind(findings: Sequence[Finding], *kinds: Kind) -> list[Finding]:
    """Return the findings of some kinds."""
    return [each for each in findings if each.kind in kinds]
