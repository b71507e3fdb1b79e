"""Compares the volume of a run's logs between its days, by the hour, and with the active run's."""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from statistics import median
from zoneinfo import ZoneInfo

import numpy as np

from rtb_optimizer.core.config.key import ConfigValue
from rtb_optimizer.core.config.settings import Settings
from rtb_optimizer.core.config.window import Window, dates_of, midnight, zone
from rtb_optimizer.core.decision.late_outcomes import late_outcomes
from rtb_optimizer.core.decision.silent_hours import ENOUGH_POSITIVES, Hour, Silence, silences, unjudged
from rtb_optimizer.core.decision.volume import (
    ENOUGH_OUTCOMES,
    Outlier,
    against,
    between_days,
    latest_days,
    prices_between_days,
    unusual_day,
)
from rtb_optimizer.core.decision.warning import RunWarning
from rtb_optimizer.core.sample.counts import NO_ROWS, Counts
from rtb_optimizer.engines.passes.profile import Profile
from rtb_optimizer.outputs.documents.logs import LogsDocument

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
HOURS_OF_DAY = 24
COMMON = 0.8
"""Clicks and conversions are seldom; videos that were seen to their end are not."""
COUNTED_BY = (
    *("row_filter", "drop_duplicates", "outcome_column", "exposure_column", "weight_column", "cost_column"),
    *("bid_column", "currency_column", "currency_rates", "win_logs_path", "win_logs_cost_column"),
    *("outcome_logs_path", "outcome_logs_kind_column", "outcome_kinds"),
)
"""Keys whose change makes other rows, or other amounts, of the same logs: volumes do not compare then."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """What of a window its logs should hold: the window, the entity's zone, and days of folders that are absent.

    Logs that are not delivered in folders by day, `is_dated`, are one file or folder that ends when it ends.
    """

    window: Window
    timezone: ZoneInfo
    folder_zone: ZoneInfo
    absent: Collection[date] = ()
    is_dated: bool = True

    @property
    def hours(self) -> set[Hour]:
        """The hours that are covered, on the entity's clock."""
        count = int((self.window.end - self.window.start) / HOUR)
        starts = (self.window.start + n * HOUR for n in range(count))
        local = (
            at.astimezone(self.timezone) for at in starts if at.astimezone(self.folder_zone).date() not in self.absent
        )
        return {(at.date(), at.hour) for at in local}

    @property
    def days(self) -> list[date]:
        """The days that are covered as a whole, on the entity's clock."""
        return [day for day in dates_of(self.window, self.timezone) if not self._touches_absent(day)]

    def _touches_absent(self, day: date) -> bool:
        start, end = midnight(day, self.timezone), midnight(day + DAY, self.timezone)
        return any(at.astimezone(self.folder_zone).date() in self.absent for at in (start, end - HOUR))


@dataclass(frozen=True, slots=True)
class VolumeFindings:
    """The facts of the volume gates, what a person should look into, and what the next run is compared with.

    `rows_by_hour` are the rows of a mean day by hour of the entity's clock: 24, or none for logs without times;
    `known_days` the last whole days that this run and those before it read.
    """

    facts: Mapping[str, float] = field(default_factory=dict)
    warnings: Sequence[RunWarning] = ()
    rows_by_hour: Sequence[float] = ()
    known_days: Mapping[date, Counts] = field(default_factory=dict)


def volume_findings(
    profile: Profile, covered: Coverage, settings: Settings, active: LogsDocument | None, *, is_first: bool
) -> VolumeFindings:
    """Judge the volume of a window.

    Args:
        profile: The window as a whole.
        covered: What of it should be there.
        settings: The configuration.
        active: The logs of the active run, None where there is none, or its rows were counted otherwise.
        is_first: Whether no run is active: the logs may begin within the window then.
    """
    hours = _by_hour(profile.rows_by_minute, covered.timezone)
    days, whole = _volumes(profile, covered, is_first=is_first), covered.days
    usual = active.rows_by_hour if active else ()
    begins_late, ends_early = is_first, is_first and not covered.is_dated
    silent = silences(hours, covered.hours, usual, begins_late=begins_late, ends_early=ends_early) if hours else []
    days = {
        day: each
        for day, each in days.items()
        if not _is_edge(day, hours, begins_late=begins_late, ends_early=ends_early)
    }
    before, of_active = (_by_date(of) for of in ((active.known_days, active.by_day) if active else ({}, {})))
    volume, price, unusual = between_days(days), prices_between_days(days), unusual_day(days, before)
    facts = _facts(days, of_active, before)
    new = unjudged(silent, days, before)
    facts |= {"silent_share": max((each.share for each in new), default=0.0)} if hours else {}
    by_hour = [sum(hours.get((day, hour), 0) for day in whole) / len(whole) for hour in range(HOURS_OF_DAY)]
    warnings = _warnings(volume, price, unusual, silent, settings)
    warnings += _common_outcomes(profile) if is_first else []
    warnings += _without_outcomes(profile, covered, hours, settings) or _late_outcomes(profile, covered, hours)
    return VolumeFindings(facts, warnings, by_hour if hours and whole else (), latest_days(days, before))


def _by_date(by_day: Mapping[str, Counts]) -> dict[date, Counts]:
    return {date.fromisoformat(day): counts for day, counts in by_day.items()}


def _facts(
    days: Mapping[date, Counts], active: Mapping[date, Counts], known: Mapping[date, Counts]
) -> dict[str, float]:
    """Return the facts of the gates on volume: between the days, and against the active run's and the days known."""
    volume, price = between_days(days, known), prices_between_days(days, known)
    others = {day: counts for day, counts in known.items() if day not in days}
    factors = against(days.values(), active, others) if days else {}
    facts = {f"{name}_factor": factor for name, factor in factors.items()}
    facts |= {"day_volume_factor": volume.factor} if volume else {}
    return facts | ({"day_price_factor": price.factor} if price else {})


def counted_alike(values: Mapping[str, ConfigValue], before: Mapping[str, ConfigValue]) -> bool:
    """Whether two configurations count the rows and amounts of the same logs alike."""
    return all((values.get(key) or None) == (before.get(key) or None) for key in COUNTED_BY)  # older runs lack keys


def same_clock(values: Mapping[str, ConfigValue], before: Mapping[str, ConfigValue]) -> bool:
    """Whether two configurations cut days and hours by the same clock."""
    return values.get("timezone") == before.get("timezone")


def comparable_logs(
    logs: LogsDocument | None, values: Mapping[str, ConfigValue], before: Mapping[str, ConfigValue]
) -> LogsDocument | None:
    """Return the logs of an earlier run as far as they are a measure of this one's.

    None where it counted the same logs otherwise; without hours and single days where its clock is another.
    """
    if logs is None or not counted_alike(values, before):
        return None
    return logs if same_clock(values, before) else logs.model_copy(update={"rows_by_hour": (), "known_days": {}})


def _volumes(profile: Profile, covered: Coverage, *, is_first: bool) -> dict[date, Counts]:
    """Return the volume of each day that is covered as a whole; of a first run, from the first day with rows on."""
    first = min(profile.by_day, default=None) if is_first else None
    return {day: profile.by_day.get(day, NO_ROWS) for day in covered.days if first is None or day >= first}


def _is_edge(day: date, hours: Mapping[Hour, int], *, begins_late: bool, ends_early: bool) -> bool:
    """Whether the logs begin, or end, within a day, where they may."""
    if not hours:
        return False
    first, last = min(hours), max(hours)
    return (begins_late and (day, 0) < first and day == first[0]) or (ends_early and last < (day, HOURS_OF_DAY - 1))


def _by_hour(rows_by_minute: Mapping[np.datetime64, int], timezone: ZoneInfo) -> dict[Hour, int]:
    """Return the rows of each hour of the entity's clock."""
    if not rows_by_minute:
        return {}
    minutes = np.array(list(rows_by_minute), dtype="datetime64[h]")
    instants, place = np.unique(minutes, return_inverse=True)
    counts = np.bincount(place, np.fromiter(rows_by_minute.values(), np.float64, len(rows_by_minute)))
    rows: dict[Hour, int] = {}
    for at, count in zip(instants.astype("datetime64[us]").tolist(), counts.tolist(), strict=True):
        local = at.replace(tzinfo=zone("UTC")).astimezone(timezone)
        hour = (local.date(), local.hour)
        rows[hour] = rows.get(hour, 0) + int(count)
    return rows


def _warnings(
    volume: Outlier | None,
    price: Outlier | None,
    unusual: Outlier | None,
    silent: Sequence[Silence],
    settings: Settings,
) -> list[RunWarning]:
    warnings = []
    if volume and not 1 / settings.max_volume_factor <= volume.factor <= settings.max_volume_factor:
        message = (
            f"{volume.measure} of {volume.day} are {volume.factor:.3g} times those of the other days "
            f"({volume.found:,.6g} of {volume.usual:,.6g}): look into what delivers the logs of that day"
        )
        warnings.append(RunWarning("day_volume", message))
    elif unusual:
        message = (
            f"{unusual.measure} of {unusual.day} are {unusual.factor:.3g} times those of the most similar day "
            f"({unusual.found:,.6g} and {unusual.usual:,.6g}), farther than days before were from each other: a "
            "holiday, or logs that are not whole, or delivered twice?"
        )
        warnings.append(RunWarning("day_unusual", message))
    if price and not 1 / settings.max_price_factor <= price.factor <= settings.max_price_factor:
        message = (
            f"{price.measure} per row of {price.day} is {price.factor:.3g} times that of the other days: micros for "
            "units, or another currency?"
        )
        warnings.append(RunWarning("day_price", message))
    if silent:
        listed = "; ".join(f"{each.day} {_spans(each.hours)} ({each.share:.0%} of its rows)" for each in silent)
        message = f"hours without rows, in which other days or the active run have rows: {listed}"
        warnings.append(RunWarning("silent_hours", message, share=max(each.share for each in silent)))
    return warnings


def _without_outcomes(
    profile: Profile, covered: Coverage, rows: Mapping[Hour, int], settings: Settings
) -> list[RunWarning]:
    """Return a warning of hours with rows and without outcomes, where the same hours of other days have some.

    A day without any outcome is told by its volume; of money, there is no volume.
    """
    is_money = settings.objective == "value"
    positives, by_day = _by_hour(profile.positives_by_minute, covered.timezone), Counter[date]()
    for (day, _), n in positives.items():
        by_day[day] += n
    of_hour = defaultdict[int, list[int]](list)
    for (_, hour), n in rows.items():
        of_hour[hour].append(n)
    usual = {hour: median(counts) for hour, counts in of_hour.items()}
    # An hour with few rows has few outcomes: that is told by its rows.
    looked_at = [each for each, n in rows.items() if each[0] in by_day and n >= usual[each[1]] / 2]
    found = silences(positives, looked_at, (), enough=ENOUGH_POSITIVES)
    if is_money and by_day and median(by_day.values()) >= ENOUGH_OUTCOMES:
        bare = sorted({day for day, _ in rows} - by_day.keys())
        found += [Silence(day, tuple(sorted(hour for at, hour in rows if at == day)), 1.0) for day in bare]
    if not found:
        return []
    what = f"money in {settings.value_column}" if is_money else "outcomes"
    listed = "; ".join(f"{each.day} {_spans(each.hours)} ({each.share:.0%} of its {what})" for each in found)
    message = (
        f"hours with rows and without {what}, in which other days have some: {listed}: is it tracked, joined, or still "
        "to come (maturity_lag_hours)? the table takes these rows for worse than they are; have the day delivered "
        "with it, or leave it out of the window"
    )
    return [RunWarning("outcomes_silent", message, share=max(each.share for each in found))]


def _common_outcomes(profile: Profile) -> list[RunWarning]:
    """Return a warning of a first run nearly all of whose exposures have the outcome; later ones have a measure."""
    share = profile.totals.outcome / profile.totals.exposure
    if share < COMMON:
        return []
    message = (
        f"{share:.0%} of the exposures have the outcome: if it is seldom, 0 and 1 are the other way round in the logs"
    )
    return [RunWarning("outcomes_common", message, share=share)]


def _late_outcomes(profile: Profile, covered: Coverage, rows: Mapping[Hour, int]) -> list[RunWarning]:
    """Return a warning of the last hours of the window, where a part of their outcomes is still to come."""
    late = late_outcomes(rows, _by_hour(profile.positives_by_minute, covered.timezone))
    if late is None:
        return []
    message = (
        f"from {late.first:02d}:00 on, {late.day} has {late.found} rows with an outcome, where {late.expected:.0f} are "
        "expected by its other hours and the other days: do outcomes still come, or were they joined too early? the "
        "table takes these rows for worse than they are; raise maturity_lag_hours, or have the day delivered again"
    )
    return [RunWarning("outcomes_late", message, share=1 - late.found / late.expected)]


def _spans(hours: Sequence[int]) -> str:
    """Return hours as spans: 00-05, 23."""
    spans: list[list[int]] = []
    for hour in hours:
        if spans and hour == spans[-1][-1] + 1:
            spans[-1].append(hour)
        else:
            spans.append([hour])
    return ", ".join(f"{span[0]:02d}-{span[-1]:02d}" if len(span) > 1 else f"{span[0]:02d}" for span in spans)
