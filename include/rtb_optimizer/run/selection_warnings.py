"""Warns of what a person should know of a selection: confounded values, rows of their own, money that was cut, ids."""

from rtb_optimizer.core.config.settings import Settings
from rtb_optimizer.core.decision.warning import RunWarning
from rtb_optimizer.core.table.warnings import simpsons_paradox
from rtb_optimizer.engines.passes.sampling import Drawn
from rtb_optimizer.run.choose_features import Choice

MAX_VALUE_CUT = 0.05
"""Share of the money that the cap may remove without a warning."""


def selection_warnings(choice: Choice, settings: Settings) -> list[RunWarning]:
    """Return the warnings of a selection: Simpson's paradox, much money that was cut, rows that nothing identifies."""
    sample = choice.drawn.sample
    paradoxes = simpsons_paradox(sample, [f.name for f in choice.selection.chosen])
    return [*_unjoined(choice), *paradoxes, *_value_cut(choice, settings), *_unidentified(choice.drawn, settings)]


def _unjoined(choice: Choice) -> list[RunWarning]:
    if not choice.unjoined > 0:
        return []
    message = (
        f"{choice.unjoined:.0%} of the outcomes stand in rows that lack most features, and hold next to nothing else: "
        "rows of events that were not joined to their exposures; deliver one row an exposure, with its outcome"
    )
    return [RunWarning("outcomes_unjoined", message, share=choice.unjoined)]


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
