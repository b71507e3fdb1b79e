"""The tables of the catalog: the ten opt_* tables, the histories and the alerts, with their constraints.

PostgreSQL only. Every constraint has a name (see NAMING), by which tests and messages refer to it.
"""

from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    DDL,
    BigInteger,
    CheckConstraint,
    Computed,
    DateTime,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    MetaData,
    Text,
    UniqueConstraint,
    event,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, ExcludeConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

NAMING = {
    "pk": "pk_%(table_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
}
ENTITY_CODE_PATTERN = "^[a-z0-9][a-z0-9_]{0,62}$"
S3_PATH_PATTERN = "^s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[A-Za-z0-9_=.-]+)*$"


JsonObject = dict[str, Any]  # the content of a JSONB column


class Base(DeclarativeBase):
    """Base of all models: text is TEXT, instants carry their time zone, dictionaries are JSONB."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy reads it as a class attribute
        str: Text(),
        int: BigInteger(),
        datetime: DateTime(timezone=True),
        JsonObject: JSONB(),
        list[str]: JSONB(),
    }


# The keys below a path: `/` and `0` are neighbours in the C collation.
event.listen(
    Base.metadata,
    "before_create",
    DDL('CREATE TYPE opt_path_range AS RANGE (subtype = text, collation = "C")'),  # type: ignore[no-untyped-call] # SQLAlchemy's
)


def _one_of(column: str, *allowed: str) -> CheckConstraint:
    listed = ", ".join(f"'{value}'" for value in allowed)
    return CheckConstraint(f"{column} IN ({listed})", name=column)


def _created_at() -> Mapped[datetime]:
    return mapped_column(server_default=func.now())


class Optimizer(Base):
    """An optimizer, such as `rtb_optimizer`."""

    __tablename__ = "opt_master"
    __table_args__ = (_one_of("status", "active", "paused", "retired"), UniqueConstraint("opt_code"))

    opt_id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    opt_code: Mapped[str]
    opt_name: Mapped[str]
    status: Mapped[str] = mapped_column(server_default="active")
    created_at: Mapped[datetime] = _created_at()


class Version(Base):
    """A release of an optimizer's rules, such as `v3`."""

    __tablename__ = "opt_versions"
    __table_args__ = (
        _one_of("status", "draft", "active", "retired"),
        UniqueConstraint("opt_id", "version_code"),
        UniqueConstraint("opt_id", "version_id"),  # lets an entity point only at a version of its own optimizer
    )

    version_id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    opt_id: Mapped[int] = mapped_column(ForeignKey("opt_master.opt_id"))
    version_code: Mapped[str]
    version_name: Mapped[str]
    release_date: Mapped[date | None]
    status: Mapped[str] = mapped_column(server_default="draft")
    created_at: Mapped[datetime] = _created_at()


class VersionConfig(Base):
    """A config key that a version declares."""

    __tablename__ = "opt_version_configs"
    __table_args__ = (
        _one_of("data_type", "string", "integer", "float", "boolean", "enum", "list", "json"),
        CheckConstraint("min_value <= max_value", name="range"),
        UniqueConstraint("version_id", "config_key"),
    )

    config_id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    version_id: Mapped[int] = mapped_column(ForeignKey("opt_versions.version_id"))
    config_key: Mapped[str]
    config_section: Mapped[str]
    display_name: Mapped[str]
    data_type: Mapped[str]
    default_value: Mapped[str | None]
    min_value: Mapped[float | None]
    max_value: Mapped[float | None]
    is_required: Mapped[bool] = mapped_column(server_default="false")
    is_ui_visible: Mapped[bool] = mapped_column(server_default="false")
    allowed_values: Mapped[list[str]] = mapped_column(server_default="[]")
    description: Mapped[str] = mapped_column(server_default="")


class Entity(Base):
    """The subject of optimization: an SSP, a publisher. Bidders read its `active_run_id`."""

    __tablename__ = "opt_entities"
    __table_args__ = (
        _one_of("status", "active", "paused", "retired"),
        CheckConstraint(f"entity_code ~ '{ENTITY_CODE_PATTERN}'", name="entity_code"),
        CheckConstraint(
            f"s3_base_path ~ '{S3_PATH_PATTERN}' AND s3_base_path !~ '\\.\\.' AND s3_base_path !~ '/\\.(/|$)'",
            name="s3_base_path",
        ),
        # No two are equal, and none is inside another: what is below one would be overwritten, or deleted, by both.
        ExcludeConstraint(
            (text("opt_path_range(s3_base_path || '/', s3_base_path || '0')"), "&&"),
            using="gist",
            name="ex_opt_entities_s3_base_path",
        ),
        UniqueConstraint("opt_id", "entity_code"),
        ForeignKeyConstraint(
            ["opt_id", "current_version_id"],
            ["opt_versions.opt_id", "opt_versions.version_id"],
            name="fk_opt_entities_current_version",
        ),
        # Only its own run, a succeeded one, no what-if run and none of a challenger that was not promoted: the key
        # includes constants that the run must have.
        ForeignKeyConstraint(
            [
                *("entity_id", "active_run_id", "active_run_status", "active_run_is_sandbox"),
                "active_run_is_challenger",
            ],
            [
                *("opt_runs.entity_id", "opt_runs.run_id", "opt_runs.status", "opt_runs.is_sandbox"),
                "opt_runs.is_challenger",
            ],
            name="fk_opt_entities_active_run",
            use_alter=True,
        ),
    )

    entity_id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    opt_id: Mapped[int] = mapped_column(ForeignKey("opt_master.opt_id"))
    entity_code: Mapped[str]
    entity_name: Mapped[str]
    object_id: Mapped[int]
    object_type: Mapped[str]
    current_version_id: Mapped[int]
    active_run_id: Mapped[int | None]
    active_run_status: Mapped[str | None] = mapped_column(
        Computed("CASE WHEN active_run_id IS NULL THEN NULL ELSE 'succeeded' END", persisted=True)
    )
    active_run_is_sandbox: Mapped[bool | None] = mapped_column(
        Computed("CASE WHEN active_run_id IS NULL THEN NULL ELSE false END", persisted=True)
    )
    active_run_is_challenger: Mapped[bool | None] = mapped_column(
        Computed("CASE WHEN active_run_id IS NULL THEN NULL ELSE false END", persisted=True)
    )
    s3_base_path: Mapped[str]
    status: Mapped[str] = mapped_column(server_default="active")
    created_at: Mapped[datetime] = _created_at()
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())


class EntityConfig(Base):
    """A config key that an entity overrides."""

    __tablename__ = "opt_entity_configs"
    __table_args__ = (UniqueConstraint("entity_id", "config_key"),)

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    entity_id: Mapped[int] = mapped_column(ForeignKey("opt_entities.entity_id"))
    config_key: Mapped[str]
    config_value: Mapped[str]
    updated_by: Mapped[str]
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())


class EntityConfigChange(Base):
    """A change of an entity's override (NULL stands for the default) or of its `status`."""

    __tablename__ = "opt_entity_config_changes"

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    entity_id: Mapped[int] = mapped_column(ForeignKey("opt_entities.entity_id"), index=True)
    config_key: Mapped[str]
    old_value: Mapped[str | None]
    new_value: Mapped[str | None]
    changed_by: Mapped[str]
    changed_at: Mapped[datetime] = _created_at()


class Run(Base):
    """One run. (airflow_dag_id, airflow_run_id, clear_number) is the attempt that it belongs to.

    A run that `is_sandbox` is a what-if run: it tries a configuration that is not saved, and is never activated. A run
    that `is_challenger` was made for the challenger `challenger_id`, beside the entity's own run of the same attempt:
    it is active only after it was promoted, when it is a run of the entity like any other.
    """

    __tablename__ = "opt_runs"
    __table_args__ = (
        _one_of("status", "running", "succeeded", "failed"),
        CheckConstraint("data_start < data_end", name="window"),
        CheckConstraint("(status = 'running') = (finished_at IS NULL)", name="finished_at"),
        CheckConstraint("total_segments >= 0", name="total_segments"),
        CheckConstraint("NOT is_challenger OR (challenger_id IS NOT NULL AND NOT is_sandbox)", name="is_challenger"),
        UniqueConstraint("run_code"),
        Index(  # an attempt has one run of the entity, and one of its challenger
            "ix_opt_runs_attempt",
            *("airflow_dag_id", "airflow_run_id", "clear_number", text("coalesce(challenger_id, 0)")),
            unique=True,
        ),
        UniqueConstraint("entity_id", "run_id"),  # the target of a decision's foreign key
        # The targets of an entity's pointer, and of a challenger's.
        UniqueConstraint("entity_id", "run_id", "status", "is_sandbox", "is_challenger"),
        UniqueConstraint("entity_id", "challenger_id", "run_id", "status"),
        ForeignKeyConstraint(
            ["entity_id", "challenger_id"], ["opt_challengers.entity_id", "opt_challengers.challenger_id"]
        ),
    )

    run_id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    entity_id: Mapped[int] = mapped_column(ForeignKey("opt_entities.entity_id"), index=True)
    version_id: Mapped[int] = mapped_column(ForeignKey("opt_versions.version_id"))
    run_code: Mapped[str]
    status: Mapped[str] = mapped_column(server_default="running", index=True)
    is_sandbox: Mapped[bool] = mapped_column(server_default="false")
    challenger_id: Mapped[int | None]
    is_challenger: Mapped[bool] = mapped_column(server_default="false")
    triggered_by: Mapped[str]
    data_start: Mapped[datetime]
    data_end: Mapped[datetime]
    config_snapshot: Mapped[JsonObject]
    total_segments: Mapped[int | None]
    figures: Mapped[JsonObject | None]  # the figures of its report that lists of runs show and plot
    error_message: Mapped[str | None]
    airflow_dag_id: Mapped[str]  # `cli` for a run of the command line
    airflow_run_id: Mapped[str]
    clear_number: Mapped[int] = mapped_column(server_default="0")
    started_at: Mapped[datetime] = mapped_column(server_default=func.now())
    finished_at: Mapped[datetime | None]


class RunFeature(Base):
    """A feature that a run selected."""

    __tablename__ = "opt_run_features"
    __table_args__ = (
        CheckConstraint("feature_order >= 1", name="feature_order"),
        UniqueConstraint("run_id", "feature_order"),
        UniqueConstraint("run_id", "feature_name"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    run_id: Mapped[int] = mapped_column(ForeignKey("opt_runs.run_id"))
    feature_name: Mapped[str]
    feature_order: Mapped[int]
    is_anchor: Mapped[bool]
    signal_score: Mapped[float]


class RunOutput(Base):
    """An immutable S3 object that a run published."""

    __tablename__ = "opt_run_outputs"
    __table_args__ = (
        CheckConstraint("row_count >= 0", name="row_count"),
        CheckConstraint("byte_size > 0", name="byte_size"),
        CheckConstraint("sha256 ~ '^[0-9a-f]{64}$'", name="sha256"),
        UniqueConstraint("run_id", "output_type"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    run_id: Mapped[int] = mapped_column(ForeignKey("opt_runs.run_id"))
    output_type: Mapped[str]
    s3_bucket: Mapped[str]
    s3_key: Mapped[str]
    row_count: Mapped[int]
    byte_size: Mapped[int]
    sha256: Mapped[str]
    created_at: Mapped[datetime] = _created_at()


class RunFeatureMacro(Base):
    """The macro combo of a run in one format."""

    __tablename__ = "opt_run_feature_macros"
    __table_args__ = (UniqueConstraint("run_id", "macro_format"),)

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    run_id: Mapped[int] = mapped_column(ForeignKey("opt_runs.run_id"))
    macro_combo: Mapped[str]
    macro_format: Mapped[str]


class RunAlert(Base):
    """An alert of a run, one per kind. While `told_at` is NULL it was not sent; `problem` has the reason."""

    __tablename__ = "opt_run_alerts"
    __table_args__ = (
        _one_of(
            *("kind", "failed", "held", "stale", "broken", "missing_macro", "drift", "leak", "stood_down", "not_live"),
            "challenger",
        ),
        UniqueConstraint("run_id", "kind"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    run_id: Mapped[int] = mapped_column(ForeignKey("opt_runs.run_id"))
    kind: Mapped[str]
    what: Mapped[str]
    reason: Mapped[str]
    fix: Mapped[str]
    raised_at: Mapped[datetime] = mapped_column(server_default=func.now(), index=True)
    sent_at: Mapped[datetime | None] = mapped_column("told_at")
    problem: Mapped[str | None]


class FeatureMacro(Base):
    """The macro template of a feature in one format."""

    __tablename__ = "opt_feature_macros"
    __table_args__ = (UniqueConstraint("opt_id", "feature_name", "macro_format"),)

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    opt_id: Mapped[int] = mapped_column(ForeignKey("opt_master.opt_id"))
    feature_name: Mapped[str]
    macro_template: Mapped[str]
    macro_format: Mapped[str]


class RunDecision(Base):
    """A decision on a run, with its author and reasons. `decision_number` counts per entity, without gaps.

    When a policy stands down, `harmful_policy` is that policy, `run_id` its run that was active, and `to_run_id` the
    run that the pointer moved to, NULL where there is none.
    """

    __tablename__ = "opt_run_decisions"
    __table_args__ = (
        _one_of(
            *("decision", "activated", "held", "superseded", "rolled_back", "stood_down"),
            *("challenging", "promoted", "dropped"),
        ),
        UniqueConstraint("entity_id", "decision_number"),
        ForeignKeyConstraint(["entity_id", "run_id"], ["opt_runs.entity_id", "opt_runs.run_id"]),
        ForeignKeyConstraint(["entity_id", "from_run_id"], ["opt_runs.entity_id", "opt_runs.run_id"]),
        ForeignKeyConstraint(["entity_id", "to_run_id"], ["opt_runs.entity_id", "opt_runs.run_id"]),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    entity_id: Mapped[int] = mapped_column(ForeignKey("opt_entities.entity_id"))
    decision_number: Mapped[int]
    run_id: Mapped[int] = mapped_column(index=True)
    decision: Mapped[str]
    from_run_id: Mapped[int | None]
    decided_by: Mapped[str]
    reasons: Mapped[list[str]]
    harmful_policy: Mapped[str | None]
    to_run_id: Mapped[int | None]
    decided_at: Mapped[datetime] = _created_at()


class Delivery(Base):
    """An export of what was active after a decision, delivered to a folder, or not yet; see store/deliveries.py.

    `run_id` is NULL where no run was active, `problem` says why it waits or has failed.
    """

    __tablename__ = "opt_deliveries"
    __table_args__ = (
        _one_of("status", "waiting", "delivered", "failed"),
        CheckConstraint("(status = 'delivered') = (delivered_at IS NOT NULL AND problem IS NULL)", name="delivered_at"),
        UniqueConstraint("entity_id", "decision_number", "export", "destination"),
        ForeignKeyConstraint(
            ["entity_id", "decision_number"], ["opt_run_decisions.entity_id", "opt_run_decisions.decision_number"]
        ),
        ForeignKeyConstraint(["entity_id", "run_id"], ["opt_runs.entity_id", "opt_runs.run_id"]),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    entity_id: Mapped[int]
    decision_number: Mapped[int]
    run_id: Mapped[int | None]
    export: Mapped[str]
    destination: Mapped[str]
    connection: Mapped[str]
    status: Mapped[str]
    tries: Mapped[int]
    files: Mapped[int]
    byte_size: Mapped[int]
    problem: Mapped[str | None]
    tried_at: Mapped[datetime]
    delivered_at: Mapped[datetime | None]


class RunOutcome(Base):
    """The outcomes of one run's table on one day in one arm, and those that the run predicted for these rows.

    The sums of a day over its runs and arms are exact, their split is that of the sample (`engines.passes.arms`).
    `buckets` has the sums of parts of the ids, for the variance; `measured_by` is the run that read these logs.
    """

    __tablename__ = "opt_run_outcomes"
    __table_args__ = (
        _one_of("arm", "treated", "control", "challenger"),
        CheckConstraint("rows > 0", name="rows"),
        UniqueConstraint("entity_id", "log_day", "run_id", "arm"),
        ForeignKeyConstraint(["entity_id", "run_id"], ["opt_runs.entity_id", "opt_runs.run_id"]),
        ForeignKeyConstraint(["entity_id", "measured_by"], ["opt_runs.entity_id", "opt_runs.run_id"]),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    entity_id: Mapped[int]
    run_id: Mapped[int]
    log_day: Mapped[date]
    arm: Mapped[str]
    rows: Mapped[int]
    exposures: Mapped[float]
    outcomes: Mapped[float]
    value: Mapped[float]
    cost: Mapped[float]
    predicted: Mapped[float]
    predicted_error: Mapped[float]
    buckets: Mapped[JsonObject]
    measured_by: Mapped[int]
    measured_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Challenger(Base):
    """A set of overrides of an entity that is tried on a share of its requests, until it is promoted or dropped.

    `run_id` is its live run, held by the database as an entity's active run is: its own run, a succeeded one.
    """

    __tablename__ = "opt_challengers"
    __table_args__ = (
        _one_of("result", "promoted", "dropped"),
        CheckConstraint("share > 0 AND share < 1", name="share"),
        CheckConstraint("jsonb_typeof(overrides) = 'object' AND overrides <> '{}'", name="overrides"),
        CheckConstraint("(ended_at IS NULL) = (result IS NULL)", name="ended_at"),
        CheckConstraint("(ended_at IS NULL) = (ended_by IS NULL)", name="ended_by"),
        Index("ix_opt_challengers_open", "entity_id", unique=True, postgresql_where=text("ended_at IS NULL")),
        UniqueConstraint("entity_id", "challenger_id"),  # the target of its runs' foreign key
        ForeignKeyConstraint(
            ["entity_id", "challenger_id", "run_id", "run_status"],
            ["opt_runs.entity_id", "opt_runs.challenger_id", "opt_runs.run_id", "opt_runs.status"],
            name="fk_opt_challengers_run",
            use_alter=True,
        ),
    )

    challenger_id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    entity_id: Mapped[int] = mapped_column(ForeignKey("opt_entities.entity_id"))
    share: Mapped[float]
    overrides: Mapped[JsonObject]
    run_id: Mapped[int | None]
    run_status: Mapped[str | None] = mapped_column(
        Computed("CASE WHEN run_id IS NULL THEN NULL ELSE 'succeeded' END", persisted=True)
    )
    created_by: Mapped[str]
    created_at: Mapped[datetime] = _created_at()
    ended_by: Mapped[str | None]
    ended_at: Mapped[datetime | None]
    result: Mapped[str | None]
    reasons: Mapped[list[str]] = mapped_column(server_default="[]")
