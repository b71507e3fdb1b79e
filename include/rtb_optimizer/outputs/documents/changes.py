"""What differs between two runs of an entity."""

from collections.abc import Mapping
from datetime import datetime

from rtb_optimizer.core.config.key import ConfigValue
from rtb_optimizer.outputs.documents.document import Document, Number


class ChangeDocument(Document):
    """A row that changed: total multipliers, and the causes of the change of their log, which add up to it."""

    segment: str = ""
    given: Mapping[str, str] = {}
    kind: str = ""
    before: Number | None = None
    after: Number | None = None
    data: Number | None = None
    model: Number | None = None
    config: Number | None = None
    normaliser: Number | None = None
    exposures: Number | None = None


class ValueChange(Document):
    """A value in the earlier and in the later run."""

    before: ConfigValue = None
    after: ConfigValue = None


class FeatureChanges(Document):
    """The features of both runs in order; which came and went, and whether those that stayed changed places."""

    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    reordered: bool = False


class InteractionChanges(Document):
    """Which interactions came and went."""

    added: tuple[tuple[str, ...], ...] = ()
    removed: tuple[tuple[str, ...], ...] = ()


class NumberChange(Document):
    """A number in the earlier and in the later run."""

    before: Number = 0
    after: Number = 0


class ChangesDocument(Document):
    """What changed from the run `against`, None where there is none: counts of rows, and the largest changes."""

    against: str | None = None
    config: Mapping[str, ValueChange] = {}
    features: FeatureChanges = FeatureChanges()
    interactions: InteractionChanges = InteractionChanges()
    default_multiplier: NumberChange = NumberChange()
    rows: NumberChange = NumberChange()
    appeared: Number | None = None
    vanished: Number | None = None
    moved: Number | None = None
    stayed: Number | None = None
    mean_log_change: Number = 0.0
    rank_correlation: Number | None = None
    largest: tuple[ChangeDocument, ...] = ()


NO_CHANGES = ChangesDocument(against=None, appeared=0, vanished=0, moved=0, largest=())
"""The changes of a first run."""


class NamedRun(Document):
    """A run of a comparison."""

    run_id: int
    run_code: str
    data_start: datetime
    data_end: datetime


class Comparison(ChangesDocument):
    """Two runs of an entity, and what changed from one to the other."""

    entity_code: str
    before: NamedRun
    after: NamedRun
