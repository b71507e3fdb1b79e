"""The predicted changes of a run by group of its traffic: who gains, and who pays for it."""

from rtb_optimizer.core.realized.groups import Change, Group, GroupChange
from rtb_optimizer.outputs.documents.document import Document, Number


class GroupLiftDocument(Document):
    """The lift of results per spend over the holdback, in this window alone, of the rows with a value of a feature."""

    feature: str
    value: str
    lift: Number
    low: Number
    high: Number

    @classmethod
    def of(cls, group: Group, lift: Change) -> "GroupLiftDocument":
        """Return the lift of a group."""
        return cls(feature=group.feature, value=group.value, lift=lift.estimate, low=lift.low, high=lift.high)


class GroupDocument(Document):
    """What the rows with a value of a feature brought by the active run's table, and what this run's changes of it.

    `low` and `high` are the bounds of the change of the outcomes; the outcomes of a group that `pays` surely fall by
    more than a tenth while those of the total rise. `lift` is what the active tables brought of it over the holdback.
    """

    feature: str = ""
    value: str = ""
    outcomes: Number | None = None
    spend: Number | None = None
    outcomes_change: Number | None = None
    low: Number | None = None
    high: Number | None = None
    spend_change: Number | None = None
    pays: bool = False
    lift: Number | None = None
    lift_low: Number | None = None
    lift_high: Number | None = None

    @classmethod
    def of(cls, change: GroupChange) -> "GroupDocument":
        """Return the change of a group; its lift is not known here."""
        return cls(
            feature=change.group.feature,
            value=change.group.value,
            outcomes=change.outcomes,
            spend=change.spend,
            outcomes_change=change.of_outcomes.estimate,
            low=change.of_outcomes.low,
            high=change.of_outcomes.high,
            spend_change=change.of_spend.estimate,
            pays=change.pays,
        )

    def beside(self, lift: GroupLiftDocument | None) -> "GroupDocument":
        """Return the same with what was realized of the group."""
        if lift is None:
            return self
        return self.model_copy(update={"lift": lift.lift, "lift_low": lift.low, "lift_high": lift.high})
