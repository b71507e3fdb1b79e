"""The types of the API's requests, answers and errors, which the OpenAPI document describes."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Value = str | int | float | bool | list[str] | dict[str, object] | None
RunId = Annotated[int, Field(strict=True, ge=1, lt=2**63)]
"""The id of a run, a number: neither `true` nor text stands for one."""
Decided = Literal["activated", "held", "superseded", "rolled_back", "stood_down", "challenging", "promoted", "dropped"]
Responses = dict[int | str, dict[str, Any]]
"""FastAPI's descriptions of responses by status code."""


class Document(BaseModel):
    """A document that may grow: fields added by a later release are passed on."""

    model_config = ConfigDict(extra="allow")


class Problem(BaseModel):
    """An error: the problem and the fix in one line; for invalid values also each violation."""

    detail: str
    violations: list[str]


ERRORS: Responses = {
    400: {"model": Problem, "description": "The body is no JSON in UTF-8."},
    401: {"model": Problem, "description": "Not signed in: send Airflow's token as `Authorization: Bearer ...`."},
    403: {"model": Problem, "description": "Airflow's permissions on the entity's DAG do not allow it."},
    404: {"model": Problem, "description": "The catalog has no object of that name."},
    422: {"model": Problem, "description": "A value is not valid; `violations` lists every problem."},
    503: {"model": Problem, "description": "The catalog or S3 cannot be reached."},
}
CONFLICT: Responses = {
    409: {
        "model": Problem,
        "description": "Not possible in the current state, for example because another run is active than expected.",
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
    valid_until: datetime | None = Field(description="After it the active run is stale: bid the default.")
    is_stale: bool


class DeliveryAnswer(Document):
    """Where an export of what is active is delivered, and how that stands."""

    export: str
    destination: str
    connection: str
    run: str | None
    status: Literal["waiting", "delivered", "failed"]
    files: int
    bytes: int
    tries: int
    delivered_at: datetime | None
    problem: str | None


class ActiveOutput(Document):
    """The location of an output, and its expected size and content."""

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
    run_id: int | None = Field(description="None: a policy stood down, and no other is trusted; bid multiplier 1.")
    run_code: str | None
    data_start: datetime | None = None
    data_end: datetime | None = None
    decision_number: int = Field(description="Counts the entity's decisions: a greater one is newer.")
    activated_at: datetime
    valid_until: datetime | None = Field(None, description="After it, bid the default: multiplier 1.")
    holdback: dict[str, object] | None = Field(None, description="Requests to bid 1.0 on purpose: see docs/outputs.md.")
    challenger: dict[str, object] | None = Field(
        None, description="A second table, and the rule of the requests to bid by it: see docs/outputs.md."
    )
    outputs: dict[str, ActiveOutput]


class RunAnswer(Document):
    """A run, with the last decision on it and its main figures."""

    run_id: int
    run_code: str
    entity_code: str
    status: Literal["running", "succeeded", "failed"]
    is_sandbox: bool = Field(description="Whether it is a what-if run, which is never activated.")
    is_challenger: bool = Field(description="Whether it is a challenger's run, which is active only once promoted.")
    challenger_id: int | None = Field(description="The challenger that it was made for.")
    data_start: datetime
    data_end: datetime
    triggered_by: str
    total_segments: int | None
    figures: dict[str, float | None] | None
    error_message: str | None
    started_at: datetime
    finished_at: datetime | None
    is_active: bool


class RunFeatureAnswer(Document):
    """A feature of a run, in the order of the table's keys."""

    order: int
    feature: str
    anchor: bool
    signal_score: float


class RunOutputAnswer(Document):
    """An output of a run."""

    type: str
    url: str
    rows: int
    bytes: int


class RunDecisionAnswer(Document):
    """A decision on a run."""

    decision: Decided
    from_run_id: int | None
    by: str
    reasons: list[str]
    decided_at: datetime


class RunDetails(RunAnswer):
    """Everything that the catalog records about a run."""

    features: list[RunFeatureAnswer]
    ad_macros: dict[str, str]
    outputs: list[RunOutputAnswer]
    decisions: list[RunDecisionAnswer]
    config_snapshot: dict[str, object]


class DecisionAnswer(Document):
    """A decision on a run, with author and reasons; `from_run_id` was active before it."""

    decision_number: int
    decided_at: datetime
    decision: Decided
    run_id: int
    run_code: str
    from_run_id: int | None
    decided_by: str
    reasons: list[str]


class ConfigAnswer(Document):
    """A config key: its value for the entity, the origin of the value, and its limits."""

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


class MoveRequest(BaseModel):
    """A decision: its reason, and the expected active run (null: none); omitted, any run may be active."""

    model_config = ConfigDict(extra="forbid")

    run_id: RunId | None = None
    reason: str = Field(min_length=1, max_length=1000, pattern=r"\S")
    expected_active_run_id: RunId | None = None


class ActivationRequest(MoveRequest):
    """A decision to activate a run: its reason, and the expected active run, as in a roll back."""

    run_id: RunId


class MoveAnswer(BaseModel):
    """The decision. `copy_written` is false when active.json is not updated yet: it is within 5 minutes."""

    entity_code: str
    decision: Literal["activated", "rolled_back"]
    run_id: int
    from_run_id: int | None
    reasons: list[str]
    copy_written: bool


class StatusRequest(BaseModel):
    """The status of an entity."""

    model_config = ConfigDict(extra="forbid")

    status: Literal["active", "paused"]


class ChallengeRequest(BaseModel):
    """A challenger to open: its share of the requests, and the values that it tries, as JSON values or their text."""

    model_config = ConfigDict(extra="forbid")

    share: float = Field(gt=0, lt=1, strict=True)
    values: dict[str, str | int | float | bool | list[str] | dict[str, object]] = Field(min_length=1)


class ChallengeAnswer(BaseModel):
    """An open challenger."""

    entity_code: str
    challenger_id: int
    share: float
    values: dict[str, str]


class EndRequest(BaseModel):
    """The end of a challenger: its reason, and the expected challenger; omitted, whichever is open."""

    model_config = ConfigDict(extra="forbid")

    reason: str = Field(min_length=1, max_length=1000, pattern=r"\S")
    expected_challenger_id: RunId | None = None


class EndAnswer(BaseModel):
    """The decision on a challenger and its live run, null where it had none yet; `copy_written` as in `MoveAnswer`."""

    entity_code: str
    decision: Literal["promoted", "dropped"]
    run_id: int | None
    reasons: list[str]
    copy_written: bool
