"""What select_features counted of the tables that were live in its window, by day and arm."""

from collections.abc import Mapping

from rtb_optimizer.outputs.documents.document import Document


class LiveDayDocument(Document):
    """The outcomes of one run's table on one day in one arm, and those that it had predicted for these rows.

    `predicted` is in the measure of the objective; `buckets` has by part of the ids the sums of exposures, outcomes,
    value and cost.
    """

    run_id: int
    day: str
    arm: str
    rows: int
    exposures: float
    outcomes: float
    value: float
    cost: float
    predicted: float
    predicted_error: float
    buckets: Mapping[str, tuple[float, float, float, float]]


class LiveDocument(Document):
    """The whole days of a window on which a table was live."""

    days: tuple[LiveDayDocument, ...] = ()
