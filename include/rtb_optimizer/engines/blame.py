"""Who is to blame for an error of DuckDB, this machine or the logs, and which file?"""

import tempfile
from collections.abc import Callable, Sequence

from rtb_optimizer.errors import EngineFull, LogsInvalid, RtbOptimizerError

MAX_CAUSE = 600


def blamed(
    what: str, problem: Exception, urls: Sequence[str], spill: str, opens: Callable[[str], bool]
) -> RtbOptimizerError:
    """Return what to raise: its cause, and the file where the error does not name one.

    Args:
        what: What failed, as the beginning of the message.
        problem: DuckDB's error.
        urls: The files that were read.
        spill: The folder to which the engine writes what does not fit into memory.
        opens: Whether a file can be opened by itself.
    """
    import duckdb

    cause = _cause(problem)
    if isinstance(problem, duckdb.OutOfMemoryException) or spill in str(problem):
        fix = f"free disk in {tempfile.gettempdir()}, point TMPDIR elsewhere, or raise engine_memory_mb"
        return EngineFull(f"{what}: {cause.rstrip('.')}; {fix}")
    if "source column" in cause or any(url in cause for url in urls):
        return LogsInvalid(f"{what}: {cause}")
    broken = list(urls) if len(urls) == 1 else [url for url in urls if not opens(url)]
    return LogsInvalid(f"{what}: {cause}; in {broken[0] if broken else f'one of {urls[0]} ... {urls[-1]}'}")


def _cause(problem: Exception) -> str:
    """Return the line of a DuckDB error that says what is wrong: below the traceback where Python read the file.

    It may quote the logs: what is not printable is escaped, and what is long is cut.
    """
    lines = [line for line in str(problem).splitlines() if line.strip() and not line[0].isspace()]
    said = [line for line in lines if not line.startswith(("Traceback", "LINE "))] or ["it does not say why"]
    line = said[-1] if lines and lines[0].startswith("Traceback") else said[0]
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in line)
    return shown if len(shown) <= MAX_CAUSE else f"{shown[:MAX_CAUSE]}..."
