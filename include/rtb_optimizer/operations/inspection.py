"""Inspects logs that no entity reads yet: the likely roles of their columns, and the configuration that fits."""

import json
import shlex
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

from rtb_optimizer.core.config.column_facts import ColumnFacts
from rtb_optimizer.core.config.event_logs import OUTCOMES, ROLES, WINS, EventRole
from rtb_optimizer.core.config.likely_events import (
    MixedKinds,
    counted_kinds,
    likely_event_roles,
    likely_win_cost,
    mixed_kinds,
)
from rtb_optimizer.core.config.likely_money import is_bid
from rtb_optimizer.core.config.likely_roles import LikelyRoles, likely_roles
from rtb_optimizer.core.config.resolve import resolve
from rtb_optimizer.core.config.rules import problems
from rtb_optimizer.core.config.settings import Settings, settings_as_stored
from rtb_optimizer.logs.layout import slug
from rtb_optimizer.operations.inspected_logs import ALL_ROWS, InspectedLogs, looked_into
from rtb_optimizer.store import seeds
from rtb_optimizer.store.objects import split_url

MAX_WINDOW_DAYS = 7
JOINED_NAMES = {OUTCOMES.name: ("outcome", "worth"), WINS.name: ("won", "win_cost")}
"""What the columns that events give the rows are called, as long as no column of the rows is called so."""


@dataclass(frozen=True, slots=True)
class InspectedEvents:
    """Logs of events, and the likely roles of their columns by config key."""

    logs: InspectedLogs
    roles: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Inspection:
    """What was found, and the configuration that fits as overrides by key.

    `events` are logs of events by the name of their role; `lacks` are what a person has to add before an entity can be
    added; `questions` are what the logs leave open, and what the configuration does without.
    """

    logs: InspectedLogs
    roles: LikelyRoles
    events: Mapping[str, InspectedEvents]
    values: Mapping[str, str]
    lacks: Sequence[str] = field(default_factory=tuple)
    questions: Sequence[str] = field(default_factory=tuple)

    @property
    def window(self) -> tuple[date, date] | None:
        """The last days that have logs, at most a week, as a half-open window; None where no dates are known."""
        days = self.logs.layout.days or self._days_of_rows
        if not days:
            return None
        last = days[-1]
        first = last
        while first - timedelta(days=1) in days and (last - first).days + 1 < MAX_WINDOW_DAYS:
            first -= timedelta(days=1)
        return first, last + timedelta(days=1)

    @property
    def roles_of_columns(self) -> dict[str, str]:
        """The role of each column of the rows that has one, or why it has none, in words."""
        roles = dict(self.roles.passed_over)
        roles |= dict.fromkeys(self.roles.candidate_features, "candidate")
        roles |= dict.fromkeys(self.roles.anchor_features, "candidate, anchor")
        roles |= dict.fromkeys(self.roles.row_id_columns, "row_id_columns")
        return roles | {name: key for key, name in self.roles.columns.items()}

    @property
    def _days_of_rows(self) -> Sequence[date]:
        """The days between the first and the last time of the rows."""
        name = self.roles.columns.get("timestamp_column")
        bounds = next((each.days for each in self.logs.facts if each.name == name), None)
        if bounds is None:
            return ()
        return [bounds[0] + timedelta(days=n) for n in range((bounds[1] - bounds[0]).days + 1)]

    def add_command(self, entity_code: str, s3_base_path: str) -> str:
        """Return the command that adds an entity for these logs, below its open questions as comments."""
        named = [f"--name {shlex.quote(entity_code)}", "--object-id 1", f"--s3-base-path {shlex.quote(s3_base_path)}"]
        lines = [f"rtb entities add {entity_code} {' '.join(named)}"]
        lines += [f"    --set {shlex.quote(f'{key}={value}')}" for key, value in self.values.items()]
        return "\n".join([*(f"# {question}" for question in self.questions), " \\\n".join(lines)])


def column_names(text: str) -> tuple[str, ...]:
    """Return the names of columns as a person writes them: in their order, separated by commas."""
    return tuple(name.strip() for name in text.split(",")) if text.strip() else ()


def inspect(url: str, outcomes_url: str = "", wins_url: str = "", columns: Sequence[str] = ()) -> Inspection:
    """Inspect logs, and logs of their wins and outcomes.

    Args:
        url: What lies below it is looked at: an s3:// URL of a folder or a file, or what names of files begin with.
        outcomes_url: The same of events, such as clicks; empty where the logs hold the outcomes.
        wins_url: The same of wins; empty where each row is an exposure, or the logs hold the exposures.
        columns: The names of the columns in their order, where files of text have no header.

    Raises:
        LogsMissing: when there are no files.
        LogsInvalid: when they cannot be read.
        StoreFailed: when the store denies access, does not answer, or has no such bucket.
        ConnectionMissing: when there is no connection to the store.
        EngineFull: when they need more memory or disk than there is.
    """
    settings = replace(_defaults(), csv_columns=list(columns))
    logs = looked_into(url, settings)
    roles = likely_roles(logs.facts, settings.denied_features, logs.money)
    is_whole = bool(outcomes_url) or "outcome_column" in roles.columns
    if mixed := None if is_whole else mixed_kinds(logs.facts):
        logs = looked_into(url, settings, (mixed.column, mixed.rows))
        roles = likely_roles(logs.facts, settings.denied_features, logs.money)
    values, events = _values(logs, roles), dict[str, InspectedEvents]()
    values |= {"csv_columns": _listed(columns)} if columns else {}
    questions = list(roles.questions)
    urls = {WINS.name: wins_url, OUTCOMES.name: url if mixed else outcomes_url}
    for role in (each for each in ROLES if urls[each.name]):
        of_kinds = (mixed.column, mixed.outcomes) if mixed and role == OUTCOMES else ALL_ROWS
        inspected = looked_into(urls[role.name], settings, of_kinds)
        found = likely_event_roles(inspected.facts, roles.row_id_columns, role, inspected.money)
        events[role.name] = InspectedEvents(inspected, found)
        values |= _event_values(role, roles, events[role.name], {each.name.lower() for each in logs.facts})
        if role == WINS:
            questions = _questions_of_wins(logs, events[role.name])
            values.pop("bid_column", None)
    questions += _questions_of_times(logs, roles)
    if mixed:
        values |= _of_mixed(mixed)
        questions += _questions_of_kinds(mixed)
    values = {key: value for key, value in values.items() if value or key == "completion_marker"}
    lacks = (*logs.problems, *_without_id(events), *_other_times(logs, roles, events), *_lacks(values))
    return Inspection(logs, roles, events, values, lacks, questions)


def _of_mixed(mixed: MixedKinds) -> dict[str, str]:
    """Return the overrides of a log that holds rows and their outcomes as lines of two kinds."""
    return {
        "row_filter": json.dumps({mixed.column: list(mixed.rows)}, ensure_ascii=False),
        "outcome_logs_kind_column": mixed.column,
        "outcome_kinds": json.dumps(dict.fromkeys(mixed.outcomes, 1), ensure_ascii=False),
    }


def _questions_of_kinds(mixed: MixedKinds) -> list[str]:
    """Return which other kinds of lines there are, that count neither as rows nor as outcomes."""
    if not mixed.others:
        return []
    question = (
        f"outcome_kinds: {mixed.column} also has {', '.join(mixed.others)}; {', '.join(mixed.rows)} are rows and "
        f"{', '.join(mixed.outcomes)} are outcomes: set outcome_kinds and row_filter where others are meant"
    )
    return [question]


def _time_of(logs: InspectedLogs, name: str) -> ColumnFacts | None:
    return next((each for each in logs.facts if each.name == name), None)


def _questions_of_times(logs: InspectedLogs, roles: LikelyRoles) -> list[str]:
    """Return what the times of the rows leave open: whether there are any, and which of two numbers is the month."""
    time = _time_of(logs, roles.columns.get("timestamp_column", ""))
    if time is None:
        whole = "all rows count in every window" if not logs.layout.days else "rows count by the day of their folder"
        question = (
            f"timestamp_column: no column can be read as a time, so {whole}; add --set timestamp_column=... and, where "
            "its form is another than 2026-11-20 08:15:07, --set timestamp_format=..."
        )
        return [question]
    if not time.other_format:
        return []
    question = (
        f"timestamp_format: {time.time_format} or {time.other_format}? Both read {time.name} ({time.lowest}); add "
        "--set timestamp_format=... with the one that is meant"
    )
    return [question]


def _other_times(logs: InspectedLogs, roles: LikelyRoles, events: Mapping[str, InspectedEvents]) -> list[str]:
    """Return the logs of events whose times are of another form than those of the rows, in words."""
    time = _time_of(logs, roles.columns.get("timestamp_column", ""))
    lacks = []
    for role in (each for each in ROLES if each.name in events):
        at = _time_of(events[role.name].logs, events[role.name].roles.get(role.time_key, ""))
        if time is not None and at is not None and at.time_format != time.time_format:
            lacks.append(
                f"{at.name} of the {role.words} is written as {at.time_format or 'ISO 8601 or an epoch'}, {time.name} "
                f"of the rows as {time.time_format or 'ISO 8601 or an epoch'}: timestamp_format reads one form for both"
            )
    return lacks


def entity_code_of(url: str) -> str:
    """Return a code for an entity that reads logs below a URL."""
    return slug(url)


def base_path_of(url: str, entity_code: str) -> str:
    """Return a base path for the outputs of an entity that reads logs below a URL: in the same bucket."""
    return f"s3://{split_url(url)[0]}/rtb_optimizer/{entity_code}"


def _defaults() -> Settings:
    given: dict[str, str] = {"logs_path": "s3://unknown/", "outcome_column": "unknown", "candidate_features": "unknown"}
    return settings_as_stored(resolve(seeds.config_keys(), given).values)


def _values(logs: InspectedLogs, roles: LikelyRoles) -> dict[str, str]:
    layout = logs.layout
    values = {"logs_path": layout.logs_path, "completion_marker": layout.marker, **logs.overrides, **roles.columns}
    if (time := _time_of(logs, roles.columns.get("timestamp_column", ""))) is not None:
        values["timestamp_format"] = time.time_format
    values |= {
        "row_id_columns": _listed(roles.row_id_columns),
        "anchor_features": _listed(roles.anchor_features),
        "candidate_features": _listed(roles.candidate_features),
    }
    if layout.marker == "_SUCCESS":  # the default
        del values["completion_marker"]
    return {key: value for key, value in values.items() if value or key == "completion_marker"}


def _listed(names: Sequence[str]) -> str:
    """Return names as a list is written in the configuration: as JSON where commas and blanks are of the names."""
    is_plain = all(name == name.strip() and "," not in name for name in names) and not "".join(names).startswith("[")
    return ",".join(names) if is_plain else json.dumps(list(names), ensure_ascii=False)


def _event_values(
    role: EventRole, roles: LikelyRoles, events: InspectedEvents, names: Collection[str]
) -> dict[str, str]:
    """Return the overrides that join events; what is called as in the rows is not named."""
    found, flag, amount = events.roles, *JOINED_NAMES[role.name]
    values = {role.path_key: events.logs.layout.logs_path, **found, role.flag_key: _free(flag, names)}
    if [found.get(role.id_key)] == list(roles.row_id_columns):
        del values[role.id_key]
    if found.get(role.time_key) == roles.columns.get("timestamp_column"):
        values.pop(role.time_key, None)
    if role.amount_of in found:
        values[role.amount_key] = _free(amount, names)
    elif role == OUTCOMES:
        values[role.amount_key] = ""  # a joined value of 1 an event says no more than the outcome
    if kind := found.get("outcome_logs_kind_column"):
        examples = next(each.examples for each in events.logs.facts if each.name == kind)
        values["outcome_kinds"] = json.dumps(counted_kinds(examples))
    return values


def _questions_of_wins(logs: InspectedLogs, wins: InspectedEvents) -> list[str]:
    """Return what two logs leave open: the cost is in the wins, the bid in the auctions, and no row has both."""
    cost = likely_win_cost(wins.logs.facts, wins.logs.money)
    paid = next((each for each in wins.logs.facts if each.name == cost.column), None)
    bids = [] if paid is None else [each for each in logs.facts if is_bid(each)]
    return [
        *cost.questions,
        *(
            f"bid_column: {each.name}? No row of one log has it and {cost.column} of the win logs: their means are "
            f"{each.mean:.4g} and {paid.mean:.4g}; add --set bid_column={each.name} if both are in one unit"
            for each in bids
            if paid is not None
        ),
    ]


def _free(name: str, names: Collection[str]) -> str:
    """Return a name that no column of the rows has."""
    return name if name not in names else _free(f"joined_{name}", names)


def _without_id(events: Mapping[str, InspectedEvents]) -> list[str]:
    """Return the logs of events in which no column looks like the id of a row, in words."""
    lacking = [role for role in ROLES if role.name in events and role.id_key not in events[role.name].roles]
    return [f"no column of the {role.words} looks like the id of a row; set {role.id_key}" for role in lacking]


def _lacks(values: Mapping[str, str]) -> tuple[str, ...]:
    needed = {
        "outcome_column": "no column looks like an outcome; set outcome_column, or give --outcomes with clicks",
        "candidate_features": "no column looks like a feature; set candidate_features",
    }
    lacks = [words for key, words in needed.items() if not values.get(key)]
    if lacks:
        return tuple(lacks)
    given: dict[str, str] = dict(values)
    settings = settings_as_stored(resolve(seeds.config_keys(), given).values)
    return tuple(problems(settings))
