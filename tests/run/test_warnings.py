"""A platform that cannot address a feature is warned of once, and again when the gap is new."""

import pytest

from rtb_optimizer.core.macros.combo import GapPolicy, map_ad_macros
from rtb_optimizer.core.sample.counts import Counts
from rtb_optimizer.outputs.documents.logs import LogsDocument
from rtb_optimizer.outputs.documents.macros import MacrosDocument
from rtb_optimizer.outputs.documents.report import Report
from rtb_optimizer.outputs.documents.selection import SelectionDocument
from rtb_optimizer.outputs.documents.tables import TablesDocument
from rtb_optimizer.run.macro_combos import macros_document
from rtb_optimizer.run.warnings import run_warnings
from rtb_optimizer.store.seeds import dialect
from v3_settings import v3_settings

FEATURES = ("site", "hour", "carrier")
LOGS = LogsDocument(
    totals=Counts(1, 1, 0, 0, 0),
    design_effect=1.0,
    positive_rows=0,
    rows_by_day={},
    anomalies={},
    worst_days={},
    partitions=(),
    partitions_expected=1,
    missing=(),
)
SELECTION = SelectionDocument.model_construct(logs=LOGS, chosen=(), warnings=())
TABLES = TablesDocument.model_construct(warnings=(), predicted_changes={})


def macros(policy, *addressed):
    """The result of map_ad_macros for adx, where some of the features have a macro."""
    templates = {name: f"[ADX_{name.upper()}]" for name in addressed}
    combo = map_ad_macros(FEATURES, templates, dialect("adx"), GapPolicy(policy))
    return macros_document(FEATURES, [combo], v3_settings())


def warned(now, before=None):
    active = Report() if before is None else Report(ad_macros=before)
    warnings = run_warnings(SELECTION, TABLES, now, v3_settings(), active)
    return [(warning.code, warning.message) for warning in warnings]


FIX = "if the platform has one, `rtb macros set {} adx TEMPLATE`, or macro_templates on the entity's page"
GAP = "adx has no macro for {}: bids there cannot depend on it; " + FIX
SKIPPED = "adx has no macro for {}: it has no macro combo at all; " + FIX


def test_the_command_of_a_gap_can_be_pasted_into_a_shell():
    combo = map_ad_macros(["site id|x"], {}, dialect("adx"), GapPolicy.WILDCARD)
    (warning,) = warned(macros_document(["site id|x"], [combo], v3_settings()))

    assert warning == ("macro_missing", SKIPPED.format("site id|x", "'site id|x'"))


@pytest.mark.parametrize(
    ("now", "before", "messages"),
    [
        (macros("wildcard", *FEATURES), None, []),
        (macros("wildcard", "site", "hour"), None, [GAP.format("carrier", "carrier")]),
        (macros("wildcard", "site"), None, [GAP.format("hour, carrier", "hour")]),
        (macros("wildcard", "site", "hour"), macros("wildcard", "site", "hour"), []),
        (macros("wildcard", "site"), macros("wildcard", "site", "hour"), [GAP.format("hour", "hour")]),
        (macros("wildcard", "site", "hour"), macros("wildcard", *FEATURES), [GAP.format("carrier", "carrier")]),
        (macros("skip_format", "site", "hour"), None, [SKIPPED.format("carrier", "carrier")]),
        (macros("wildcard", "site", "hour"), MacrosDocument(), [GAP.format("carrier", "carrier")]),
    ],
)
def test_a_gap_is_warned_of_until_it_is_one_that_the_active_run_had(now, before, messages):
    assert warned(now, before) == [("macro_missing", message) for message in messages]


@pytest.mark.parametrize(
    ("config", "is_checked"),
    [
        ({"logs_path": "s3://lake/rows.parquet"}, False),
        ({"logs_path": "s3://lake/rows.parquet", "timestamp_column": "at"}, True),
        ({"logs_path": "s3://lake/date={date}/"}, True),
    ],
)
def test_logs_without_times_accept_any_window_and_say_so(config, is_checked):
    found = run_warnings(SELECTION, TABLES, macros("wildcard"), v3_settings(**config), Report())

    unchecked = [w.message for w in found if w.code == "window_unchecked"]
    what = "the rows of s3://lake/rows.parquet have no time: all of them count for any window"
    fix = "set timestamp_column, or deliver a folder a day with {date} in logs_path"
    assert unchecked == ([] if is_checked else [f"{what}; {fix}"])
