"""What a run published, read back from S3: its configuration, its features, and its segment table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy.orm import Session

from rtb_optimizer.core.config.key import ConfigValue
from rtb_optimizer.core.config.settings import Settings, settings_as_stored
from rtb_optimizer.core.config.snapshot import RunSnapshot
from rtb_optimizer.core.sample.values import WILDCARD
from rtb_optimizer.core.table.published_table import Scale
from rtb_optimizer.errors import NotFound
from rtb_optimizer.outputs.documents.selection import FeaturesDocument
from rtb_optimizer.outputs.files import parquet_table
from rtb_optimizer.store import configs, runs
from rtb_optimizer.store.objects import ObjectStore
from rtb_optimizer.store.schema import Entity, Run

_EMPTIED = "none, retention deleted them"


@dataclass(frozen=True, slots=True)
class PublishedRun:
    """A run as its readers see it: `config` by key, `selection` as in its `features` output, `rows` by segment."""

    run_code: str
    config: Mapping[str, ConfigValue]
    selection: FeaturesDocument
    rows: Mapping[str, Mapping[str, Any]]

    @property
    def features(self) -> list[str]:
        """The features in the order that the table's keys have."""
        return self.selection.names

    @property
    def interactions(self) -> list[list[str]]:
        """The features of each interaction."""
        return [list(each.features) for each in self.selection.interactions]

    @property
    def settings(self) -> Settings:
        """The typed configuration, which kept the rules of the release that made the run."""
        return settings_as_stored(self.config)

    @property
    def scale(self) -> Scale:
        """On which scale its factors multiply."""
        default = next(row for row in self.rows.values() if row["is_default"])
        events = default.get("events") or default["outcomes"]
        selection = self.selection
        against = (default["exposures"] / selection.stands_for - events) / events if events > 0 else 0.0
        return Scale(selection.link, against, selection.unit, selection.slope, selection.stands_for)

    @property
    def priors(self) -> dict[frozenset[str], float]:
        """The prior of every feature's and every interaction's factors, by the features it is of."""
        alone = {frozenset([feature.name]): feature.prior for feature in self.selection.features}
        return alone | {frozenset(each.features): each.prior for each in self.selection.interactions}

    @property
    def insignificant(self) -> list[frozenset[str]]:
        """The features, as terms, whose gain is not significant by the run's own configuration."""
        return [frozenset([name]) for name in self.selection.insignificant(self.settings.min_z)]


def published(session: Session, run: Run) -> PublishedRun:
    """Return what a succeeded run published."""
    return replace(described(session, run), rows=rows_by_segment(published_output(session, run, "segments")))


def described(session: Session, run: Run) -> PublishedRun:
    """Return what a succeeded run published but its rows."""
    return PublishedRun(
        run_code=run.run_code,
        config={**configs.defaults(session, run.version_id), **RunSnapshot.read(run.config_snapshot).values},
        selection=FeaturesDocument.read(published_output(session, run, "features")),
        rows={},
    )


def published_output(session: Session, run: Run, output_type: str) -> bytes:
    """Return the bytes of one output of a succeeded run.

    Raises:
        NotFound: when the run has none of that type, as one of an earlier release.
    """
    keys = {output.output_type: output.s3_key for output in runs.outputs(session, run.run_id)}
    if output_type not in keys:
        raise NotFound(
            f"run {run.run_code} has no output {output_type!r}; it has: {', '.join(sorted(keys)) or _EMPTIED}"
        )
    return ObjectStore.of(session.get_one(Entity, run.entity_id).s3_base_path).read(keys[output_type])


def rows_by_segment(body: bytes) -> dict[str, dict[str, Any]]:
    """Return the rows of a segment table by segment, in table order."""
    return {row["segment"]: row for row in parquet_table(body).to_pylist()}


def rows_near(body: bytes, request: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Return, in table order, all rows of a segment table that match a request, by feature, and few others.

    The others are those of a value that is itself `*`, which earlier releases wrote for any value, too.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    table = parquet_table(body)
    for name, value in request.items():
        table = table.filter(pc.is_in(table[f"feature_{name}"], pa.array([None, WILDCARD, value], pa.string())))
    return {row["segment"]: row for row in table.to_pylist()}


def rows_named(body: bytes, segments: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return the rows of a table that are named, by segment."""
    import pyarrow as pa
    import pyarrow.compute as pc

    table = parquet_table(body)
    named = table.filter(pc.is_in(table["segment"], pa.array(segments, pa.string())))
    return {row["segment"]: row for row in named.to_pylist()}


def key_length(body: bytes) -> int:
    """Return how many parts the keys of a table have: the default row's, which stands first, has no other signs."""
    default: str = parquet_table(body)["segment"][0].as_py()
    return len(default.split("|"))
