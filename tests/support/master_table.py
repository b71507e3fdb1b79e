"""The master table of a fitted model, as a run builds it: rows decided, bids bounded, segments built."""

from rtb_optimizer.core.table.rows import RowsBefore, codes_to_publish, table_rows
from rtb_optimizer.core.table.segments import build_segments, countable


def rows_of(model, sample, exact, rules, previous=None):
    """The rows by factor that a run would publish; `previous` are the active run's multipliers by pattern."""
    before = None if previous is None else RowsBefore(previous)
    codes = codes_to_publish(model, sample, rules, before)
    return table_rows(model, sample, countable(codes, sample, exact, rules.min_exposures), rules.bids, before)


def master_table(model, sample, exact, totals, rules, previous=None):
    """The segments, the default row first."""
    return build_segments(model, sample, rows_of(model, sample, exact, rules, previous), exact, totals, rules.bids)
