"""RTB Optimizer: every night, an entity's RTB logs become a segment table that bidders read.

dag/         what Airflow loads beside the graph: params, sensors, callbacks, notifier, listener
steps/       the nightly run, one module a task, named as the task
run/         the parts of the steps: workspace, documents, tables, warnings, report
outputs/     what a run leaves, written and read back
operations/  maintenance, retention, metrics, alerts, doctor, rebuilds
exports/     one module an ad platform
engines/     where the logs are counted
logs/        which objects are a window's logs, and whether they are complete
store/       what is remembered: catalog and objects
core/        decisions, pure
live/        what bidders read, seen from the logs: bids of rows, results, policies that stand down
web/         pages and API
cli/         commands
local/       the local stack
demo/        the demonstration
errors       the errors that the product raises

`read_run`, `read_segments` and `read_history` return runs, tables and decisions as pandas DataFrames: docs/pandas.md.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rtb_optimizer.outputs.frames import RunFrames, read_history, read_run, read_segments

__all__ = ["RunFrames", "__version__", "read_history", "read_run", "read_segments"]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:  # noqa: ANN401 - typed above
    """Import what reads DataFrames when it is used: DAG files, which are parsed all day, import this package."""
    if name in __all__:
        from rtb_optimizer.outputs import frames

        return getattr(frames, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
