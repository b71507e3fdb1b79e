"""Sorts DuckDB's errors into the product's: what failed, why, and in which file."""

import tempfile
from collections.abc import Callable, Sequence

from rtb_optimizer.errors import EngineFull, LogsInvalid, RtbOptimizerError

MAX_CAUSE = 600
OUT_OF_MEMORY = "Out of Memory Error"
"""How the error begins that Arrow makes of DuckDB's, where rows are streamed."""


def classify_duckdb_error(
    what: str, problem: Exception, urls: Sequence[str], spill: str, opens: Callable[[str], bool]
) -> RtbOptimizerError:
    """Return the error to raise: its cause, and the file where DuckDB's error does not name one.

    Args:
        what: What failed, as the beginning of the message.
        problem: DuckDB's error.
        urls: The files that were read.
        spill: The folder to which the engine writes what does not fit into memory.
        opens: Whether a file can be opened by itself.
    """
    import duckdb

    cause = _cause(problem)
    is_full = isinstance(problem, duckdb.OutOfMemoryException) or OUT_OF_MEMORY in str(problem)
    if is_full or spill in str(problem):
        fix = f"free disk in {tempfile.gettempdir()}, point TMPDIR elsewhere, or raise engine_memory_mb"
        return EngineFull(f"{what}: {cause.rstrip('.')}; {fix}")
    if "source column" in cause or any(url in cause for url in urls):
        return LogsInvalid(f"{what}: {cause}")
    broken = list(urls) if len(urls) == 1 else [url for url in urls if not opens(url)]
    return LogsInvalid(f"{what}: {cause}; in {broken[0] if broken else f'one of {urls[0]} ... {urls[-1]}'}")


def _cause(problem: Exception) -> str:
    """Return the line of a DuckDB error that states the cause: below the traceback where Python read the file.

    It may quote the logs: unprintable characters are escaped, and long lines are cut.
    """
    lines = [line for line in str(problem).splitlines() if line.strip() and not line[0].isspace()]
    messages = [line for line in lines if not line.startswith(("Traceback", "LINE "))] or ["no cause was given"]
    line = messages[-1] if lines and lines[0].startswith("Traceback") else messages[0]
    text = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in line)
    return text if len(text) <= MAX_CAUSE else f"{text[:MAX_CAUSE]}..."
