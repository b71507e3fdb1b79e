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
├── ManifestInvalid          an entity manifest that cannot be read
└── LocalStackError          the local stack cannot start or stop
"""

from collections.abc import Sequence


class RtbOptimizerError(Exception):
    """Base of all: `str(error)` is one line that names the thing and the fix."""


class ConfigInvalid(RtbOptimizerError):
    """Raised when a configuration breaks its declarations; carries every violation, not the first."""

    def __init__(self, violations: Sequence[str]) -> None:
        self.violations = tuple(violations)
        super().__init__("; ".join(self.violations))


class WindowInvalid(RtbOptimizerError):
    """Raised when data_start and data_end do not make a window."""


class EntityInvalid(RtbOptimizerError):
    """Raised when an entity's code, path or status does not allow what was asked."""


class NotFound(RtbOptimizerError):
    """Raised when the catalog has no row of that name."""


class RunNotRunning(RtbOptimizerError):
    """Raised when a step belongs to a run that has already ended."""


class RunIncomplete(RtbOptimizerError):
    """Raised when a run would be activated without every output present and verified."""


class PointerMoved(RtbOptimizerError):
    """Raised when the active run is no longer the one that a person looked at when they decided."""


class LogsInvalid(RtbOptimizerError):
    """Raised when logs cannot become a table: a column is missing, counts contradict each other."""


class LogsMissing(RtbOptimizerError):
    """Raised when partitions of the window did not arrive in time."""


class MayPass(RtbOptimizerError):
    """Base of what another try may mend, in a while or on another worker."""


class StoreFailed(MayPass):
    """Raised when S3 did not take or give an object, after its bounded tries."""


class ObjectAbsent(StoreFailed):
    """Raised when S3 has no object of that key."""


class EngineFull(MayPass):
    """Raised when the counting engine has no memory or disk left."""


class MacroGap(RtbOptimizerError):
    """Raised when a selected feature has no macro in a format whose gap policy is `fail`."""


class ActiveOutputsBroken(RtbOptimizerError):
    """Raised when outputs that bidders read are absent or not what was written."""


class RetentionIncomplete(RtbOptimizerError):
    """Raised when objects that are past their time could not be deleted."""


class CopiesNotReconciled(RtbOptimizerError):
    """Raised when an entity's active.json could not be made to say what the catalog says."""


class AlertsNotSent(RtbOptimizerError):
    """Raised when a channel did not take alerts; they are tried again."""


class ConnectionMissing(RtbOptimizerError):
    """Raised when a connection is not configured."""


class ManifestInvalid(RtbOptimizerError):
    """Raised when the entity manifest is absent or cannot be read."""


class LocalStackError(RtbOptimizerError):
    """Raised when the local stack cannot start, stop or be reached."""
