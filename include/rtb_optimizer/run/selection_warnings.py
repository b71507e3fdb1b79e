"""Warns of what a person should know of a selection: confounded values, rows of their own, money that was cut, ids."""

from rtb_optimizer.core.config.settings import Settings
from rtb_optimizer.core.decision.warning import RunWarning
from rtb_optimizer.core.selection.last_day import last_day_warnings
from rtb_optimizer.core.selection.leaks import Sign
from rtb_optimizer.core.selection.unbought import unbought_rows
from rtb_optimizer.core.table.contradictions import contradicting_days
from rtb_optimizer.core.table.day_levels import day_levels
from rtb_optimizer.core.table.day_rates import day_rates, unpriced_days
from rtb_optimizer.core.table.warnings import simpsons_paradox
from rtb_optimizer.engines.passes.sampling import Drawn
from rtb_optimizer.run.choose_features import Choice

MAX_VALUE_CUT = 0.05
"""Share of the money that the cap may remove without a warning."""

MIN_UNBOUGHT = 0.01
"""Share of the exposures that may have been lost bids without a warning."""


def selection_warnings(choice: Choice, settings: Settings) -> list[RunWarning]:
    """Return the warnings of a selection: what its rows are, values that mislead, money that was cut, missing ids."""
    sample = choice.drawn.sample
    chosen = [feature.name for feature in choice.selection.chosen]
    days = choice.drawn.bid_marks.day
    known_cause = choice.unjoined > 0  # rows of events have the outcomes of all values
    of_values = [] if known_cause else [*day_rates(sample, chosen, days), *contradicting_days(sample, chosen, days)]
    of_values += unpriced_days(sample, chosen, days) if settings.cost_column else []
    is_money = settings.objective == "value"
    of_values += day_levels(sample, chosen, days, has_cost=bool(settings.cost_column), is_money=is_money)
    of_values += last_day_warnings(sample, chosen, days)
    of_values += simpsons_paradox(sample, chosen)
    rows = [*_unjoined(choice), *_unbought(choice, settings)]
    return [*rows, *of_values, *_value_cut(choice, settings), *_unidentified(choice.drawn, settings)]


def _unjoined(choice: Choice) -> list[RunWarning]:
    if not choice.unjoined > 0:
        return []
    message = (
        f"{choice.unjoined:.0%} of the outcomes stand in rows that lack most features, and hold next to nothing else: "
        "rows of events that were not joined to their exposures; deliver one row an exposure, with its outcome"
    )
    return [RunWarning("outcomes_unjoined", message, share=choice.unjoined)]


def _unbought(choice: Choice, settings: Settings) -> list[RunWarning]:
    drawn = choice.drawn
    found = unbought_rows(drawn.sample.spend, drawn.rows) if settings.cost_column else None
    if found is None or found.share < MIN_UNBOUGHT:
        return []
    tell = sorted(name for name, each in choice.suspicions.items() if each.sign is Sign.PURCHASE)
    of_column = f" ({', '.join(tell)} tells which)" if tell else ""
    message = (
        f"{found.share:.0%} of the exposures have no cost in {settings.cost_column} and no outcome, where "
        f"{found.expected:.0f} would be: bids that were lost are no exposures, and what most of them have looks "
        f"bad{of_column}; name a column that is 1 for what was won in exposure_column, or keep the others out by "
        "row_filter; where a cost is only charged for what was seen, nothing is to be done"
    )
    return [RunWarning("exposures_unbought", message, share=found.share)]


def _unidentified(drawn: Drawn, settings: Settings) -> list[RunWarning]:
    if not settings.row_id_columns:
        if settings.timestamp_column:
            return []
        return [
            RunWarning(
                "rows_not_identified",
                "rows have neither row_id_columns nor a timestamp_column: rows that are alike all count, one that was "
                "delivered twice too; name an id or a time where the logs have one",
            )
        ]
    share = float((drawn.sample.exposure * ~drawn.has_id).sum() / drawn.sample.exposure.sum())
    if share <= settings.max_duplicate_share:
        return []
    ids = ", ".join(settings.row_id_columns)
    message = f"{share:.1%} of the exposures have no id in {ids} (row_id_columns): whether they repeat is not known"
    return [RunWarning("id_missing", message, share=share)]


def _value_cut(choice: Choice, settings: Settings) -> list[RunWarning]:
    share, column, quantile = choice.drawn.value_cut, settings.value_column, settings.value_cap_quantile
    if share <= MAX_VALUE_CUT:
        return []
    return [
        RunWarning(
            "value_cut",
            f"{share:.1%} of the money in {column} was cut: it is above the {quantile:g} quantile of the rows with "
            "value; check its largest payments, or raise value_cap_quantile",
        )
    ]
