"""The errors that the product raises.

RtbOptimizerError
├── ConfigInvalid            an invalid configuration, with all violations
├── WindowInvalid            an invalid window
├── EntityInvalid            an entity that cannot be stored or run
├── NotFound                 a name that is not in the catalog
├── RunNotRunning            a step of a run that has ended
├── RunIncomplete            an activation of a run with missing or changed outputs
├── PointerMoved             a decision based on a run that is no longer active
├── LogsInvalid              logs that cannot be processed
├── LogsMissing              partitions that did not arrive in time
├── TransientError           errors that may pass: the only ones that Airflow retries
│   ├── CatalogBusy          a row of the catalog that another session has locked
│   ├── StoreFailed          an S3 operation that failed
│   │   ├── ObjectAbsent     an object that does not exist
│   │   └── BucketAbsent     a bucket that does not exist
│   ├── EngineFull           not enough memory or disk for the counting engine
│   └── EngineLost           a cluster that does not answer, or lost a part of its work
├── MacroGap                 a selected feature without a macro in a required format
├── ActiveOutputsBroken      outputs of active runs that are gone or changed
├── RetentionIncomplete      expired objects that could not be deleted
├── DeliveryFailed           exports that could not be delivered
├── CopiesNotReconciled      active.json copies that could not be repaired
├── AlertsNotSent            alerts that a channel did not accept
├── ConnectionMissing        a connection that is not configured
├── DagListInvalid           a DAG list that cannot be read
└── LocalStackError          the local stack cannot start or stop
"""

from collections.abc import Sequence


class RtbOptimizerError(Exception):
    """Base class: `str(error)` is one line that names the problem and the fix."""


class ConfigInvalid(RtbOptimizerError):
    """Raised when a configuration violates its declarations; carries every violation, not only the first.

    Fix: set each named value within the named limits: `rtb config set ENTITY KEY=VALUE ...`.
    """

    def __init__(self, violations: Sequence[str]) -> None:
        self.violations = tuple(violations)
        super().__init__("; ".join(self.violations))


class WindowInvalid(RtbOptimizerError):
    """Raised when data_start and data_end are not a valid window.

    Fix: pass `data_start` before `data_end`, both or neither, in the past and within `max_window_days`.
    """


class EntityInvalid(RtbOptimizerError):
    """Raised when an entity's code, path or status does not allow the operation.

    Fix: correct the code or path as the message says, or resume the entity.
    """


class NotFound(RtbOptimizerError):
    """Raised when the catalog has no row of that name.

    Fix: use one of the names in the message; `rtb entities list` and `rtb runs list` show all.
    """


class RunNotRunning(RtbOptimizerError):
    """Raised when a step belongs to a run that has already ended.

    Fix: start a new run, or clear the whole dag run: a run that has ended is never resumed.
    """


class RunIncomplete(RtbOptimizerError):
    """Raised when a run with missing or changed outputs would be activated.

    Fix: run again, or choose another run: there is no second copy of the outputs.
    """


class PointerMoved(RtbOptimizerError):
    """Raised when the active run has changed since the user decided.

    Fix: check the active run (`rtb entities list`), and decide again.
    """


class LogsInvalid(RtbOptimizerError):
    """Raised when logs cannot be processed: a column is missing, counts contradict each other.

    Fix: correct the logs or the column names of the configuration; the message names file or column.
    """


class LogsMissing(RtbOptimizerError):
    """Raised when partitions of the window did not arrive in time.

    Fix: deliver the listed partitions, or lower `min_partition_share`; then start a new run.
    """


class TransientError(RtbOptimizerError):
    """Base class of errors that may pass with time or on another worker.

    Fix: wait for Airflow's retries. If the error persists, see the subclass.
    """


class CatalogBusy(TransientError):
    """Raised when another session holds the lock of an entity or a run for too long.

    Fix: wait and repeat; if the session that the message names does not end by itself, end it.
    """


class StoreFailed(TransientError):
    """Raised when an S3 operation failed after a limited number of tries.

    Fix: `rtb doctor` reports the missing right or wrong key or bucket; if there is none, retry.
    """


class DeliveryFailed(RtbOptimizerError):
    """Raised when exports of the active run could not be delivered to a folder of `export_deliveries`.

    Fix: do what the message says; `rtb deliveries ENTITY --now` tries again, and so does maintenance.
    """


class ObjectAbsent(StoreFailed):
    """Raised when S3 has no object of that key.

    Fix: find out what deleted it (lifecycle rules, another catalog with the same base path); run again.
    """


class BucketAbsent(StoreFailed):
    """Raised when S3 has no bucket of that name.

    Fix: create the bucket, or correct the path; `rtb doctor` names those that entities use.
    """


class EngineFull(TransientError):
    """Raised when the counting engine runs out of memory or disk space.

    Fix: raise `engine_memory_mb`, free disk space, or set `TMPDIR` to a larger disk.
    """


class EngineLost(TransientError):
    """Raised when the cluster of the counting engine does not answer, or has lost a worker's part of a statement.

    Fix: retry; `rtb doctor` reads the logs through connection `rtb_engine`, and says what the cluster answers.
    """


class MacroGap(RtbOptimizerError):
    """Raised when a selected feature has no macro in a format whose gap policy is `fail`.

    Fix: add a macro for the feature in that format, or change the gap policy: `store/seeds/dialects.toml`.
    """


class ActiveOutputsBroken(RtbOptimizerError):
    """Raised when outputs of active runs are missing or not what was written.

    Fix: roll back to a run with intact outputs, then run again: docs/how-to/roll-back.md.
    """


class RetentionIncomplete(RtbOptimizerError):
    """Raised when expired objects could not be deleted.

    Fix: grant s3:DeleteObject below the base path; then run `rtb retention`, which is safe to repeat.
    """


class CopiesNotReconciled(RtbOptimizerError):
    """Raised when an entity's active.json could not be brought into line with the catalog.

    Fix: correct the problem named for each entity; then run `rtb reconcile`, or wait five minutes.
    """


class AlertsNotSent(RtbOptimizerError):
    """Raised when a channel did not accept alerts; sending is retried.

    Fix: correct the named connection; the maintenance DAG sends the alerts within five minutes.
    """


class ConnectionMissing(RtbOptimizerError):
    """Raised when the connection of the catalog, S3 or alerts is not configured.

    Fix: set AIRFLOW_CONN_RTB_CATALOG and AIRFLOW_CONN_RTB_S3 (`. .local/env`), or add them to Airflow.
    """


class DagListInvalid(RtbOptimizerError):
    """Raised when the DAG list is missing or cannot be read.

    Fix: write it with `rtb manifest`; RTB_MANIFEST must name the same file everywhere.
    """


class LocalStackError(RtbOptimizerError):
    """Raised when the local stack cannot start, stop or be reached.

    Fix: as the message says; otherwise `make down`, then `make up`.
    """


NO_MEMORY = (
    "Cannot allocate memory",  # the operating system's ENOMEM
    "Unable to allocate",  # numpy
    "can't start new thread",  # Python: no room for a stack, or a limit of processes
    "malloc of size",  # Arrow, and `realloc of size`
    "realloc of size",
    "std::bad_alloc",  # C++ libraries
)
"""How errors read that a process without memory raises, whatever library meets it first."""


def described(problem: BaseException) -> str:
    """Return the class and message of an error in one text, with the fix where the process had no memory left."""
    text = f"{type(problem).__name__}: {problem}".removesuffix(": ")
    if isinstance(problem, MemoryError) or any(words in str(problem) for words in NO_MEMORY):
        text += (
            "; the process has no memory left, or may start no more threads: give the task's container more memory,"
            " or less to the engine by engine_memory_mb"
        )
    return text
