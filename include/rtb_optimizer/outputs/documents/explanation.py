"""The explanation of a bid: the rows of a run's table that match a request, and what they are based on."""

from datetime import datetime

from rtb_optimizer.outputs.documents.document import Document, Number


class MatchedRow(Document):
    """A row of the segment table that matches the request."""

    segment: str
    exposures: Number
    outcomes: Number
    factor: Number
    factor_low: Number | None
    factor_high: Number | None
    tier: str | None
    multiplier: Number


class FeatureEffect(Document):
    """The effect of one feature's value alone; without a row of its own that of the default row, which is 1."""

    feature: str
    value: str
    has_row: bool
    factor: Number
    multiplier: Number


class BackOffStep(Document):
    """A key looked up in the joint table, and its rate and multiplier where it has a row."""

    joint_key: str
    has_row: bool
    rate: Number | None
    multiplier: Number | None


class InputSummary(Document):
    """The log objects that the run read."""

    objects: int
    bytes: int
    first: str | None
    last: str | None


class Explanation(Document):
    """The bid of a request by one run; `entity_code` and the validity are set when the run is the active one."""

    entity_code: str = ""
    run_id: int
    run_code: str
    data_start: datetime
    data_end: datetime
    inputs: InputSummary
    link: str
    key: str
    multiplier: Number
    unclipped_multiplier: Number
    no_bid: bool
    expected_per_exposure: Number
    rows: tuple[MatchedRow, ...]
    features: tuple[FeatureEffect, ...]
    back_off: tuple[BackOffStep, ...]
    valid_until: datetime | None = None
    is_stale: bool = False
