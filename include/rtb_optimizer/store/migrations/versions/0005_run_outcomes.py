"""Outcomes of runs after they went live, by day and arm; policies that stood down."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

DECISIONS, NAME = "opt_run_decisions", "ck_opt_run_decisions_decision"
ALERTS, ALERT_NAME = "opt_run_alerts", "ck_opt_run_alerts_kind"
BEFORE = ("activated", "held", "superseded", "rolled_back")
KINDS_BEFORE = ("failed", "held", "stale", "broken", "missing_macro", "drift", "leak")


def upgrade() -> None:
    op.create_table(
        "opt_run_outcomes",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("entity_id", sa.BigInteger(), nullable=False),
        sa.Column("run_id", sa.BigInteger(), nullable=False),
        sa.Column("log_day", sa.Date(), nullable=False),
        sa.Column("arm", sa.Text(), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        *(
            sa.Column(name, sa.Float(), nullable=False)
            for name in ("exposures", "outcomes", "value", "cost", "predicted", "predicted_error")
        ),
        sa.Column("buckets", postgresql.JSONB(), nullable=False),
        sa.Column("measured_by", sa.BigInteger(), nullable=False),
        sa.Column("measured_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("arm IN ('treated', 'control')", name=op.f("ck_opt_run_outcomes_arm")),
        sa.CheckConstraint("rows > 0", name=op.f("ck_opt_run_outcomes_rows")),
        sa.ForeignKeyConstraint(
            ["entity_id", "run_id"],
            ["opt_runs.entity_id", "opt_runs.run_id"],
            name=op.f("fk_opt_run_outcomes_entity_id_run_id"),
        ),
        sa.ForeignKeyConstraint(
            ["entity_id", "measured_by"],
            ["opt_runs.entity_id", "opt_runs.run_id"],
            name=op.f("fk_opt_run_outcomes_entity_id_measured_by"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_opt_run_outcomes")),
        sa.UniqueConstraint(
            "entity_id", "log_day", "run_id", "arm", name=op.f("uq_opt_run_outcomes_entity_id_log_day_run_id_arm")
        ),
    )
    op.add_column(DECISIONS, sa.Column("harmful_policy", sa.Text(), nullable=True))
    op.add_column(DECISIONS, sa.Column("to_run_id", sa.BigInteger(), nullable=True))
    op.create_foreign_key(
        op.f("fk_opt_run_decisions_entity_id_to_run_id"),
        DECISIONS,
        "opt_runs",
        ["entity_id", "to_run_id"],
        ["entity_id", "run_id"],
    )
    _allow(DECISIONS, NAME, "decision", *BEFORE, "stood_down")
    _allow(ALERTS, ALERT_NAME, "kind", *KINDS_BEFORE, "stood_down", "not_live")


def downgrade() -> None:
    op.execute(f"DELETE FROM {ALERTS} WHERE kind IN ('stood_down', 'not_live')")
    _allow(ALERTS, ALERT_NAME, "kind", *KINDS_BEFORE)
    op.execute(f"DELETE FROM {DECISIONS} WHERE decision = 'stood_down'")
    _allow(DECISIONS, NAME, "decision", *BEFORE)
    op.drop_constraint(op.f("fk_opt_run_decisions_entity_id_to_run_id"), DECISIONS, type_="foreignkey")
    op.drop_column(DECISIONS, "to_run_id")
    op.drop_column(DECISIONS, "harmful_policy")
    op.drop_table("opt_run_outcomes")


def _allow(table: str, name: str, column: str, *values: str) -> None:
    op.drop_constraint(op.f(name), table, type_="check")
    op.create_check_constraint(op.f(name), table, f"{column} IN ({', '.join(map(repr, values))})")
