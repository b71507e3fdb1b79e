"""Where Spark's SQL differs from DuckDB's: spellings, and the answers that every engine gives to them."""

from datetime import date, datetime
from decimal import Decimal

NOON = datetime(2026, 3, 6, 12, 30, 15)  # noqa: DTZ001 - naive UTC
HOSTILE = [
    "a'b",
    "''",
    "\\",
    "\\N",
    "\\'",
    "a\nb",
    "%",
    "${spark.app.name}",
    "${ID}",
    '"',
    "`",
    "Ω\U0001f600",
    "a'||'b",
    "--",
    "\\u0041",
]

SUMS = "(SELECT {sum} FROM (SELECT 9223372036854775807 AS x UNION ALL SELECT 9223372036854775807) AS t)"
INSTANT = "2026-03-06 12:30:15"
PARSED = "'06/Mar/2026:14:30:15 +0200'", "%d/%b/%Y:%H:%M:%S %z"
DIFFERENCES = [
    ("a quote in a literal", lambda d: d.literal("a'b"), "a'b"),
    ("a backslash in a literal", lambda d: d.literal("\\N"), "\\N"),
    ("a macro in a literal", lambda d: d.literal("${ID}"), "${ID}"),
    ("a name", lambda d: f"(SELECT {d.identifier('v')} FROM (SELECT 5 AS v) AS t)", 5),
    ("NaN as a whole number", lambda d: d.floored("CAST('NaN' AS DOUBLE) + 0.5"), None),
    ("too large a whole number", lambda d: d.floored("1e20 + 0.5"), None),
    ("too small a whole number", lambda d: d.floored("-1e19 + 0.5"), None),
    ("a sum beyond 64 bits", lambda d: SUMS.format(sum=d.summed("x")), Decimal(2**64 - 2)),
    ("a zoned instant", lambda d: d.naive(f"CAST('{INSTANT}' AS {d.zoned_type})"), NOON),
    ("a literal of an instant", lambda d: d.instant(INSTANT), NOON),
    ("a local day", lambda d: d.local_day(d.instant("2026-03-06 23:30:00"), "Europe/Berlin"), date(2026, 3, 7)),
    ("a minute", lambda d: d.minute(d.instant(INSTANT)), NOON.replace(second=0)),
    ("a text", lambda d: d.text("CAST(5 AS BIGINT)") + " || ''", "5"),
    ("a beginning", lambda d: d.starts_with("'s3://b/a'", "s3://b/"), True),
    ("a hash of 64 bits", lambda d: f"ABS({d.row_hash('1')} / 65536.0) > 1e6", True),
    ("an epoch", lambda d: d.of_micros("CAST(1772800215000000 AS BIGINT)"), NOON),
    ("back to an epoch", lambda d: d.micros_of(d.instant(INSTANT)), 1772800215000000),
    (
        "a pattern",
        lambda d: d.naive(
            f"CAST({d.parsed(d.literal('06/Mar/2026:14:30:15 +0200'), '%d/%b/%Y:%H:%M:%S %z')} AS {d.zoned_type})"
        ),
        NOON,
    ),
]
