"""Defines the configuration of a run, frozen when it is created: `opt_runs.config_snapshot`."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from rtb_optimizer.core.config.key import ConfigValue


@dataclass(frozen=True, slots=True)
class RunSnapshot:
    """The configuration with its origins, the defaults of the version, and the run that was active.

    `code_version` is the release that made the run, `spelling_version` that of its canonical values; `bids` is what is
    known of the bids of the window's rows, as `BidRecord.document` stores it.
    """

    values: Mapping[str, ConfigValue]
    origins: Mapping[str, str]
    defaults: Mapping[str, ConfigValue]
    active_run_id: int | None = None
    code_version: str | None = None
    spelling_version: int | None = None
    bids: Mapping[str, Any] | None = None

    @classmethod
    def read(cls, stored: Mapping[str, Any]) -> Self:
        """Return the snapshot that a run's row holds; a run that was refused, or an earlier release, lacks parts."""
        return cls(
            values=stored.get("values") or {},
            origins=stored.get("origins") or {},
            defaults=stored.get("defaults") or {},
            active_run_id=stored.get("active_run_id"),
            code_version=stored.get("code_version"),
            spelling_version=stored.get("spelling_version"),
            bids=stored.get("bids"),
        )

    def document(self) -> dict[str, Any]:
        """Return the snapshot as the row stores it."""
        return asdict(self)
