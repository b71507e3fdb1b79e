"""The SQL of Spark, for a session with the settings of session.py: ANSI, UTC, names with their case."""

from rtb_optimizer.core.config.spark import java_pattern
from rtb_optimizer.engines.sql.dialect import HASH_BUCKET, SAMPLE_BUCKETS, Dialect

_SIGN = 2**63


class SparkDialect(Dialect):
    """The SQL of Spark where it differs from DuckDB's, by its spelling or by its result."""

    text_type = "STRING"
    naive_type = "TIMESTAMP_NTZ"
    zoned_type = "TIMESTAMP"

    def identifier(self, name: str) -> str:
        """See Dialect. A name in double quotes would be a text, without an error."""
        return "`" + name.replace("`", "``") + "`"

    def literal(self, text: str) -> str:
        """See Dialect. Two quotes would end one literal and begin another, which is joined to it."""
        return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"

    def number(self, text: str) -> str:
        """See Dialect. Java reads `1.5d` and `0x1p3` as numbers."""
        is_java = f"CAST({text} AS STRING) RLIKE '[0-9.][dDfF] *$|[xX]'"
        return f"CASE WHEN NOT {is_java} THEN TRY_CAST({text} AS DOUBLE) END"

    def floored(self, number: str) -> str:
        """See Dialect. FLOOR is a whole number here, 0 of NaN and the largest one of more."""
        double = f"CAST({number} AS DOUBLE)"
        is_whole = f"{double} >= -{_SIGN}D AND {double} < {_SIGN}D"
        return f"CASE WHEN {is_whole} THEN CAST(FLOOR({number}) AS BIGINT) END"

    def summed(self, whole: str) -> str:
        """See Dialect. A sum of 64 bits overflows, which is an error or, on other servers, another number."""
        return f"SUM(CAST({whole} AS DECIMAL(38,0)))"

    def naive(self, zoned: str) -> str:
        """See Dialect."""
        return f"CAST({zoned} AS TIMESTAMP_NTZ)"

    def zoned_of_text(self, text: str) -> str:
        """See Dialect. A cast takes a year alone, and a time without a date."""
        is_date = f"{text} RLIKE '^ *[0-9]{{4}}-[0-9]{{1,2}}-[0-9]{{1,2}}'"
        return f"CASE WHEN {is_date} THEN TRY_CAST({text} AS TIMESTAMP) END"

    def parsed(self, text: str, pattern: str) -> str:
        """See Dialect. Patterns are Java's; the rules of the configuration refuse one that has no counterpart."""
        return f"CAST(try_to_timestamp({text}, {self.literal(java_pattern(pattern) or '')}) AS TIMESTAMP_NTZ)"

    def of_micros(self, micros: str) -> str:
        """See Dialect."""
        return f"CAST(timestamp_micros({micros}) AS TIMESTAMP_NTZ)"

    def micros_of(self, instant: str) -> str:
        """See Dialect."""
        return f"unix_micros(CAST({instant} AS TIMESTAMP))"

    def local_day(self, instant: str, zone: str) -> str:
        """See Dialect."""
        return f"CAST(convert_timezone('UTC', {self.literal(zone)}, {instant}) AS DATE)"

    def minute(self, instant: str) -> str:
        """See Dialect. The result would be zoned on one server, and naive on another."""
        return f"CAST(date_trunc('minute', {instant}) AS TIMESTAMP_NTZ)"

    def starts_with(self, text: str, beginning: str) -> str:
        """See Dialect."""
        return f"startswith({text}, {self.literal(beginning)})"

    def row_hash(self, *values: str) -> str:
        """See Dialect. `hash` has 32 bits."""
        return f"xxhash64({', '.join(values)})"

    def is_below(self, share: float) -> str:
        """See Dialect. The hash is signed."""
        return f"row_hash < {round(share * SAMPLE_BUCKETS) * HASH_BUCKET - _SIGN}"
