"""The segment table: rows, bids, its evaluation, and the comparison of two tables.

rows             which values get a row
bidding          from a factor and its interval to a bid multiplier
segments         the master table
joint            the table for platforms that look up one joint key
evidence         which joint cells stand on enough rows and people to be published
lookup           which rows match a request, and the bid that follows
pooled           what published tables have in common
published_table  a table read back, independent of the order of its features
evaluation       gain, calibration and lift on the hold-out
replay           policies replayed on the hold-out; predicted changes of spend and outcomes
second_price     policies replayed by logged bids and second prices
changes, causes  what differs between two tables, and by which cause
kpis             key figures of a window
warnings         Simpson's paradox, and rates that stop, spike, or cost what others do not
contradictions   days on which a feature says the opposite of the other days
day_levels       values whose money, or exposures, are of another magnitude on some days
moved_levels     values whose money, or exposures, are of another magnitude than in the active run
day_rates        values whose rate stops or jumps, or whose price stops, on some days
"""
