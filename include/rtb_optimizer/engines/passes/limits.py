"""Refuses logs of which too much does not count: contradictory or lost rows, columns that some files lack."""

from collections.abc import Iterable, Mapping, Sequence

from rtb_optimizer.core.config.settings import Settings
from rtb_optimizer.core.decision.warning import RunWarning
from rtb_optimizer.engines.passes.arrivals import Arrivals
from rtb_optimizer.engines.passes.profile import OF_WEIGHTS, Profile
from rtb_optimizer.engines.protocol import Engine
from rtb_optimizer.engines.sql.columns import required_columns
from rtb_optimizer.engines.sql.table import LogTable
from rtb_optimizer.errors import LogsInvalid

MAX_FILES = 3


def require_few_excesses(profile: Profile, settings: Settings) -> None:
    """Raise LogsInvalid where too many rows have more outcomes than exposures: a wrong column, or duplicated joins."""
    excesses, rows = profile.anomalies["outcome_above_exposure"], profile.totals.rows
    if excesses <= settings.max_lost_share * rows:
        return
    exposures = f"exposure_column {settings.exposure_column!r}" if settings.exposure_column else "1, one a row"
    if settings.win_logs_path:
        exposures = f"the wins of win_logs_path within attribution_hours, {settings.attribution_hours:g}"
    raise LogsInvalid(
        f"{excesses / rows:.1%} of {rows} rows have more outcomes (outcome_column {settings.outcome_column!r}) than "
        f"exposures ({exposures}), more than the {settings.max_lost_share:.1%} of max_lost_share; most of them on "
        f"{profile.worst_days['outcome_above_exposure']}; correct the columns or the logs, or raise max_lost_share"
    )


def require_few_strays(arrived: Arrivals, settings: Settings) -> None:
    """Raise LogsInvalid where too many rows of the window's folders have no time, or one outside of their days."""
    column = f"timestamp_column {settings.timestamp_column!r}"
    untimed = f"have no time ({column}): deliver the times, or correct the column"
    outside = (
        f"have a time ({column}) outside of the days of their folders: check timezone, logs_timezone, timestamp_format "
        "and clocks"
    )
    _require_few(arrived.untimed, arrived.total, untimed, settings)
    _require_few(arrived.outside, arrived.total, outside, settings)


def require_few_without_outcome(profile: Profile, settings: Settings) -> None:
    """Raise LogsInvalid where too many rows have no outcome value, unless NULL is how the logs write no outcome."""
    if profile.zero_outcomes:
        what = (
            f"have no outcome value (outcome_column {settings.outcome_column!r}), most of them on "
            f"{profile.worst_days.get('outcome_null')}, where others have 0: deliver the outcomes, or write 0 where "
            "there was none"
        )
        _require_few(profile.anomalies["outcome_null"], profile.totals.rows, what, settings)


def require_few_without_weight(profile: Profile, settings: Settings) -> None:
    """Raise LogsInvalid where too many rows have no weight that can be counted."""
    lost = sum(profile.anomalies.get(name, 0) for name in OF_WEIGHTS)
    what = f"have a weight (weight_column {settings.weight_column!r}) that is negative or no finite number: correct it"
    _require_few(lost, profile.totals.rows, what, settings)


def require_countable_money(profile: Profile, settings: Settings) -> None:
    """Raise LogsInvalid where all of a column of money is unreadable: bids would be weighed by nothing."""
    for measure in ("cost", "value"):
        column, unreadable = getattr(settings, f"{measure}_column"), profile.anomalies[f"{measure}_unreadable"]
        if unreadable and not getattr(profile.totals, measure) > 0:
            raise LogsInvalid(
                f"{unreadable} of {profile.totals.rows} rows have a {measure} ({measure}_column {column!r}) that is no "
                "finite number, or too large, and the others have none: correct the column"
            )


def _require_few(lost: int, rows: int, what: str, settings: Settings) -> None:
    if lost > settings.max_lost_share * rows:
        raise LogsInvalid(
            f"{lost / rows:.1%} of {rows} rows {what}; up to {settings.max_lost_share:.1%} of the rows may be lost "
            "(max_lost_share)"
        )


def partly_absent_columns(engine: Engine, table: LogTable) -> tuple[RunWarning, ...]:
    """Return a warning for each candidate that some of the files lack: its values count as missing there.

    Raises:
        LogsInvalid: where a file lacks a column that is counted by, an anchor, or another that a run cannot go without.
    """
    required = [(key, column) for key, column in required_columns(table.settings) if column in table.types]
    candidates = [column for column in table.settings.candidate_features if column in table.types]
    lacking = engine.files_without([*(column for _, column in required), *candidates])
    absent = [
        f"{column!r} ({key}) is not in {_listed(lacking[column])}" for key, column in required if column in lacking
    ]
    if absent:
        raise LogsInvalid(f"files of the window lack columns that others have: {'; '.join(absent)}; deliver them again")
    return tuple(_partly_absent(lacking, candidates))


def _partly_absent(lacking: Mapping[str, Sequence[str]], candidates: Iterable[str]) -> Iterable[RunWarning]:
    for column in candidates:
        if column in lacking:
            yield RunWarning(
                "column_in_part",
                f"candidate {column!r} is not in {_listed(lacking[column])}: its values count as missing there; "
                "deliver these files again, or wait until the column is in all of the window",
            )


def _listed(urls: Sequence[str]) -> str:
    more = f" and {len(urls) - MAX_FILES} more files" if len(urls) > MAX_FILES else ""
    return ", ".join(urls[:MAX_FILES]) + more
