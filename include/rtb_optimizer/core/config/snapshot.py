"""Defines the configuration of a run, frozen when it is created: `opt_runs.config_snapshot`."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

from rtb_optimizer.core.config.key import ConfigValue

OF_SOME_RUNS = frozenset({"what_if", "challenge", "carried_out_with", "siblings"})
"""Parts that most runs lack: their snapshots do not name them."""


@dataclass(frozen=True, slots=True)
class WhatIf:
    """What a what-if run tries: overrides that are not saved, as typed, and the active run that it is compared with."""

    overrides: Mapping[str, str]
    compared_run_id: int


@dataclass(frozen=True, slots=True)
class Challenge:
    """Which challenger a run was made for: its share of the requests, and the run that was active then."""

    challenger_id: int
    share: float
    beside_run_id: int


@dataclass(frozen=True, slots=True)
class RunSnapshot:
    """The configuration with its origins, the defaults of the version, and the run that its bids move from.

    That is the run that was active (`active_run_id`); for a what-if run, the one that the active run moved from, and
    for a challenger's run its last one.
    `code_version` is the release that made the run, `spelling_version` that of its canonical values; `bids` is what is
    known of the bids of the window's rows, as `BidRecord.document` stores it; `siblings` are the runs of other entities
    whose tables it learns from. `carried_out_with` has the settings by which a run that is made again is carried out
    otherwise, as its threads: the configuration that it publishes is the one above.
    """

    values: Mapping[str, ConfigValue]
    origins: Mapping[str, str]
    defaults: Mapping[str, ConfigValue]
    active_run_id: int | None = None
    code_version: str | None = None
    spelling_version: int | None = None
    bids: Mapping[str, Any] | None = None
    what_if: WhatIf | None = None
    challenge: Challenge | None = None
    carried_out_with: Mapping[str, ConfigValue] | None = None
    siblings: tuple[int, ...] = ()

    @property
    def compared_run_id(self) -> int | None:
        """The run that this one is compared with: the one that was active when it began."""
        return self.active_run_id if self.what_if is None else self.what_if.compared_run_id

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
            what_if=WhatIf(**stored["what_if"]) if stored.get("what_if") else None,
            challenge=Challenge(**stored["challenge"]) if stored.get("challenge") else None,
            carried_out_with=stored.get("carried_out_with"),
            siblings=tuple(stored.get("siblings") or ()),
        )

    def document(self) -> dict[str, Any]:
        """Return the snapshot as the row stores it."""
        stored = asdict(replace(self, carried_out_with=None))
        return {key: each for key, each in stored.items() if each or key not in OF_SOME_RUNS}
