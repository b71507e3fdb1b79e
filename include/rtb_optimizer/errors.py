"""Every error the product raises on purpose.

RtbOptimizerError
├── ConfigInvalid            a configuration with every violation it has
├── WindowInvalid            a window that cannot be run
├── EntityInvalid            an entity that cannot be stored or run
├── NotFound                 a name that the catalog does not know
├── RunNotRunning            a step of a run that has ended
├── RunIncomplete            an activation of a run whose outputs are not all there
├── PointerMoved             a decision on an active run that is no longer the active one
├── LogsInvalid              logs that cannot become a table
├── LogsMissing              partitions that did not arrive
├── MayPass                  what another try may mend: the only ones that Airflow tries again
│   ├── StoreFailed          an object that S3 did not take or give
│   │   └── ObjectAbsent     one that is not there
│   └── EngineFull           no memory or disk left to count in
├── MacroGap                 a selected feature without a macro in a required format
├── ActiveOutputsBroken      outputs of active runs that are gone or changed
├── RetentionIncomplete      objects that should have been deleted and could not be
├── CopiesNotReconciled      copies of the active pointers that could not be repaired
├── AlertsNotSent            alerts that a channel did not take
├── ConnectionMissing        a connection that is not configured
├── DagListInvalid           a DAG list that cannot be read
└── LocalStackError          the local stack cannot start or stop
"""

from collections.abc import Sequence


class RtbOptimizerError(Exception):
    """Base of all: `str(error)` is one line that names the thing and the fix."""


class ConfigInvalid(RtbOptimizerError):
    """Raised when a configuration breaks its declarations; carries every violation, not the first.

    Fix: set each value that is named within the limits it names: `rtb config set ENTITY KEY=VALUE ...`.
    """

    def __init__(self, violations: Sequence[str]) -> None:
        self.violations = tuple(violations)
        super().__init__("; ".join(self.violations))


class WindowInvalid(RtbOptimizerError):
    """Raised when data_start and data_end do not make a window.

    Fix: give `data_start` before `data_end`, both or neither, in the past and within `max_window_days`.
    """


class EntityInvalid(RtbOptimizerError):
    """Raised when an entity's code, path or status does not allow what was asked.

    Fix: write the code or path as the message says, or resume or unpause the entity.
    """


class NotFound(RtbOptimizerError):
    """Raised when the catalog has no row of that name.

    Fix: use one of the names that the message lists; `rtb entities list` and `rtb runs list` show all.
    """


class RunNotRunning(RtbOptimizerError):
    """Raised when a step belongs to a run that has already ended.

    Fix: start a new run, or clear the whole dag run: a run that has ended is not gone on with.
    """


class RunIncomplete(RtbOptimizerError):
    """Raised when a run would be activated without every output present and verified.

    Fix: run again, or choose another run: outputs that are gone or changed have no second copy.
    """


class PointerMoved(RtbOptimizerError):
    """Raised when the active run is no longer the one that a person looked at when they decided.

    Fix: look at what is active now (`rtb entities list`), and decide again.
    """


class LogsInvalid(RtbOptimizerError):
    """Raised when logs cannot become a table: a column is missing, counts contradict each other.

    Fix: mend the logs or the column names of the configuration; the message names file or column.
    """


class LogsMissing(RtbOptimizerError):
    """Raised when partitions of the window did not arrive in time.

    Fix: deliver the partitions that are listed, or lower `min_partition_share`; then start a new run.
    """


class MayPass(RtbOptimizerError):
    """Base of what another try may mend, in a while or on another worker.

    Fix: wait: Airflow tries again. If it stays, as below.
    """


class StoreFailed(MayPass):
    """Raised when S3 did not take or give an object, after its bounded tries.

    Fix: `rtb doctor` says which right, key or bucket is wrong; if none is, try again.
    """


class ObjectAbsent(StoreFailed):
    """Raised when S3 has no object of that key.

    Fix: find out who deleted it (lifecycle rules, another catalog on the same base path); run again.
    """


class EngineFull(MayPass):
    """Raised when the counting engine has no memory or disk left.

    Fix: raise `engine_memory_mb`, free the disk, or point `TMPDIR` at a larger one.
    """


class MacroGap(RtbOptimizerError):
    """Raised when a selected feature has no macro in a format whose gap policy is `fail`.

    Fix: give the feature a macro in that format, or another gap policy: `store/seeds/dialects.toml`.
    """


class ActiveOutputsBroken(RtbOptimizerError):
    """Raised when outputs that bidders read are absent or not what was written.

    Fix: roll back to a run that is whole, then run again: docs/how-to/roll-back.md.
    """


class RetentionIncomplete(RtbOptimizerError):
    """Raised when objects that are past their time could not be deleted.

    Fix: grant s3:DeleteObject below the base path; then `rtb retention`, which is safe to repeat.
    """


class CopiesNotReconciled(RtbOptimizerError):
    """Raised when an entity's active.json could not be made to say what the catalog says.

    Fix: mend what is named of each entity; then `rtb reconcile`, or wait five minutes.
    """


class AlertsNotSent(RtbOptimizerError):
    """Raised when a channel did not take alerts; they are tried again.

    Fix: mend the connection that is named; the maintenance DAG sends them within five minutes.
    """


class ConnectionMissing(RtbOptimizerError):
    """Raised when a connection, the catalog's, S3's or that of alerts, is not configured.

    Fix: set AIRFLOW_CONN_RTB_CATALOG and AIRFLOW_CONN_RTB_S3 (`. .local/env`), or add them to Airflow.
    """


class DagListInvalid(RtbOptimizerError):
    """Raised when the DAG list is absent or cannot be read.

    Fix: `rtb manifest` writes it from the catalog; RTB_MANIFEST must name the same file everywhere.
    """


class LocalStackError(RtbOptimizerError):
    """Raised when the local stack cannot start, stop or be reached.

    Fix: as the message says; `make down`, then `make up`, where it says nothing else.
    """
