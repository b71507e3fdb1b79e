"""What about the rows that selection looked at should a person look into?"""

from rtb_optimizer.core.config.settings import Settings
from rtb_optimizer.core.decision.warning import RunWarning
from rtb_optimizer.core.table.warnings import reversals
from rtb_optimizer.screening import Choice


def selection_warnings(choice: Choice, settings: Settings) -> list[RunWarning]:
    """Return the warnings of a selection: values that look good because of their company, much money cut."""
    sample = choice.drawn.sample
    return [*reversals(sample, [f.name for f in choice.selection.chosen]), *_value_cut(choice, settings)]


def _value_cut(choice: Choice, settings: Settings) -> list[RunWarning]:
    share, column, quantile = choice.drawn.value_cut, settings.value_column, settings.value_cap_quantile
    if share <= settings.max_value_cut:
        return []
    return [
        RunWarning(
            "value_cut",
            f"{share:.1%} of the money in {column} was cut: it is above the {quantile:g} quantile of the rows with "
            "value; check its largest payments, or raise value_cap_quantile",
        )
    ]
