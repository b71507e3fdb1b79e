"""The results of an entity's active policy, as the pages, the API and the command line show it."""

from rtb_optimizer.outputs.documents.document import Document, Number


class RealizedDayDocument(Document):
    """The results of one day in one arm; `realized_over_predicted` is null where nothing was predicted."""

    day: str
    arm: str
    rows: int
    exposures: Number
    outcomes: Number
    value: Number
    cost: Number
    results_per_spend: Number | None
    predicted: Number
    predicted_error: Number
    realized_over_predicted: Number | None


class LiftDocument(Document):
    """The lift of results per spend of treated over control, with an interval that holds at every look.

    `interval` is its probability; the bounds are null where there is too little for any.
    """

    estimate: Number | None
    low: Number | None
    high: Number | None
    interval: Number
    nights: int


class ChallengerDocument(Document):
    """An open challenger: what it overrides, on which share of the requests, and its results.

    `run_id` is its live run, null before its first night. The lift is that over the active policy; `days` are those on
    which both were live from end to end, its own (`challenger`) and those of the active policy (`treated`). `standing`
    is `watching`, `better` (to be promoted) or `worse` (to be dropped).
    """

    challenger_id: int
    share: Number
    overrides: dict[str, str]
    created_by: str
    created_at: str
    run_id: int | None
    run_code: str | None
    lift: LiftDocument
    standing: str
    reasons: tuple[str, ...]
    known_by: int | None
    days: tuple[RealizedDayDocument, ...]


class RealizedDocument(Document):
    """The results of the policy of the active run: its days, the lift over the holdback, and what follows.

    `following` is whether bids follow the tables: `live`, `not live`, `cannot tell yet`, or empty before the first
    activation. `standing` is `watching`, `harmful` or `better`; `known_by` the night by which a tenth more or less
    will be known. `challenger` is the one that is open, null where there is none.
    """

    entity_code: str
    run_code: str
    policy: str
    objective: str
    results_per: str
    following: str
    elasticity: Number | None
    realized_over_predicted: Number | None
    has_control: bool
    lift: LiftDocument
    standing: str
    reasons: tuple[str, ...]
    known_by: int | None
    days: tuple[RealizedDayDocument, ...]
    challenger: ChallengerDocument | None = None
