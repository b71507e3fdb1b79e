"""What do the calls take and answer? The shapes that the OpenAPI document describes."""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Value = str | int | float | bool | list[str] | dict[str, Any] | None


class Document(BaseModel):
    """A document that may grow: fields that a later release adds are passed on."""

    model_config = ConfigDict(extra="allow")


class Problem(BaseModel):
    """A refusal: what is wrong and what to do, in one line; for values, each violation by itself too."""

    detail: str
    violations: list[str]


REFUSALS: dict[int | str, dict[str, Any]] = {
    401: {"model": Problem, "description": "Not signed in: send Airflow's token as `Authorization: Bearer ...`."},
    403: {"model": Problem, "description": "Airflow's permissions on the entity's DAG do not allow it."},
    404: {"model": Problem, "description": "The catalog has nothing of that name."},
    422: {"model": Problem, "description": "A value is not valid; `violations` has every one of them."},
    503: {"model": Problem, "description": "The catalog or S3 cannot be reached."},
}
CONFLICT: dict[int | str, dict[str, Any]] = {
    409: {
        "model": Problem,
        "description": "Not possible as things stand now, such as another active run than expected.",
    }
}


class EntityAnswer(Document):
    """An entity with its active run."""

    entity_code: str
    entity_name: str
    object_type: str
    object_id: int
    version_code: str
    status: Literal["active", "paused", "retired"]
    s3_base_path: str
    active_run_id: int | None
    active_run_code: str | None
    active_data_end: datetime | None
    valid_until: datetime | None = Field(description="After it the active run is not to be trusted: bid the default.")
    is_stale: bool


class ActiveOutput(Document):
    """Where an output lies, and what it must be."""

    s3_bucket: str
    s3_key: str
    row_count: int
    byte_size: int
    sha256: str


class ActiveAnswer(Document):
    """The active run and its outputs by type: the document that `active.json` is a copy of."""

    entity_code: str
    object_id: int
    object_type: str
    run_id: int
    run_code: str
    data_start: datetime
    data_end: datetime
    decision_number: int = Field(description="Counts the entity's decisions: a greater one is newer.")
    activated_at: datetime
    valid_until: datetime = Field(description="After it, bid the default: multiplier 1.")
    outputs: dict[str, ActiveOutput]


class RunAnswer(Document):
    """A run, with the last decision on it and the figures that lists show."""

    run_id: int
    run_code: str
    entity_code: str
    status: Literal["running", "succeeded", "failed"]
    data_start: datetime
    data_end: datetime
    triggered_by: str
    total_segments: int | None
    figures: dict[str, float | None] | None
    error_message: str | None
    started_at: datetime
    finished_at: datetime | None
    is_active: bool


class RunDetails(RunAnswer):
    """All that the catalog knows of a run."""

    features: list[dict[str, Any]]
    ad_macros: dict[str, str]
    outputs: list[dict[str, Any]]
    decisions: list[dict[str, Any]]
    config_snapshot: dict[str, Any]


class DecisionAnswer(Document):
    """What was decided on a run, by whom and why; `from_run_id` was active then."""

    decision_number: int
    decided_at: datetime
    decision: Literal["activated", "held", "superseded", "rolled_back"]
    run_id: int
    run_code: str
    from_run_id: int | None
    decided_by: str
    reasons: list[str]


class ConfigAnswer(Document):
    """A config key: its value for the entity, whether that is set or the default, and what it may be."""

    section: str
    key: str
    title: str
    value: Value
    default: str | None
    origin: Literal["default", "entity"]
    updated_by: str | None
    type: str
    required: bool
    limits: str
    choices: list[str]
    description: str


class ConfigChangeAnswer(Document):
    """A change of a key, or of the entity's status (key `status`); null stands for the default."""

    changed_at: datetime
    changed_by: str
    key: str
    old_value: str | None
    new_value: str | None


class MoveAsked(BaseModel):
    """A decision: why, and from which active run (null: none); left out, whichever is active."""

    model_config = ConfigDict(extra="forbid")

    run_id: int | None = Field(None, ge=1, lt=2**63)
    reason: str = Field(min_length=1, max_length=1000, pattern=r"\S")
    expected_active_run_id: int | None = Field(None, ge=1, lt=2**63)


class ActivationAsked(MoveAsked):
    """A decision to activate: which run, why, and from which active run (null: none); left out, whichever it is."""

    run_id: int = Field(ge=1, lt=2**63)


class MoveAnswer(BaseModel):
    """What was decided. `copy_written` false: the catalog has it, and active.json follows within 5 minutes."""

    entity_code: str
    decision: Literal["activated", "rolled_back"]
    run_id: int
    from_run_id: int | None
    reasons: list[str]
    copy_written: bool


class StatusAsked(BaseModel):
    """A status to set."""

    status: Literal["active", "paused"]
