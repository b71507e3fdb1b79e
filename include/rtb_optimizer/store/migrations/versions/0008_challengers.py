"""Challengers: overrides of an entity that are tried on a share of its requests, with runs of their own."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

POINTER = "fk_opt_entities_active_run"
TARGET_BEFORE = "uq_opt_runs_entity_id_run_id_status_is_sandbox"
TARGET = "uq_opt_runs_entity_id_run_id_status_is_sandbox_is_challenger"
KEY = ["entity_id", "run_id", "status", "is_sandbox"]
REFERRING = ["entity_id", "active_run_id", "active_run_status", "active_run_is_sandbox"]
ATTEMPT_BEFORE = "uq_opt_runs_airflow_dag_id_airflow_run_id_clear_number"
ATTEMPT = ["airflow_dag_id", "airflow_run_id", "clear_number"]
DECISIONS = ("activated", "held", "superseded", "rolled_back", "stood_down")
NEW_DECISIONS = ("challenging", "promoted", "dropped")
KINDS = ("failed", "held", "stale", "broken", "missing_macro", "drift", "leak", "stood_down", "not_live")


def upgrade() -> None:
    op.create_table(
        "opt_challengers",
        sa.Column("challenger_id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("entity_id", sa.BigInteger(), nullable=False),
        sa.Column("share", sa.Float(), nullable=False),
        sa.Column("overrides", postgresql.JSONB(), nullable=False),
        sa.Column("run_id", sa.BigInteger(), nullable=True),
        sa.Column(
            "run_status",
            sa.Text(),
            sa.Computed("CASE WHEN run_id IS NULL THEN NULL ELSE 'succeeded' END", persisted=True),
            nullable=True,
        ),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("ended_by", sa.Text(), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("result", sa.Text(), nullable=True),
        sa.Column("reasons", postgresql.JSONB(), server_default="[]", nullable=False),
        sa.CheckConstraint("result IN ('promoted', 'dropped')", name=op.f("ck_opt_challengers_result")),
        sa.CheckConstraint("share > 0 AND share < 1", name=op.f("ck_opt_challengers_share")),
        sa.CheckConstraint(
            "jsonb_typeof(overrides) = 'object' AND overrides <> '{}'", name=op.f("ck_opt_challengers_overrides")
        ),
        sa.CheckConstraint("(ended_at IS NULL) = (result IS NULL)", name=op.f("ck_opt_challengers_ended_at")),
        sa.CheckConstraint("(ended_at IS NULL) = (ended_by IS NULL)", name=op.f("ck_opt_challengers_ended_by")),
        sa.ForeignKeyConstraint(["entity_id"], ["opt_entities.entity_id"], name=op.f("fk_opt_challengers_entity_id")),
        sa.PrimaryKeyConstraint("challenger_id", name=op.f("pk_opt_challengers")),
        sa.UniqueConstraint("entity_id", "challenger_id", name=op.f("uq_opt_challengers_entity_id_challenger_id")),
    )
    op.create_index(
        "ix_opt_challengers_open",
        "opt_challengers",
        ["entity_id"],
        unique=True,
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    _runs()
    _allow("opt_run_decisions", "decision", *DECISIONS, *NEW_DECISIONS)
    _allow("opt_run_alerts", "kind", *KINDS, "challenger")
    _allow("opt_run_outcomes", "arm", "treated", "control", "challenger")


def _runs() -> None:
    op.add_column("opt_runs", sa.Column("challenger_id", sa.BigInteger(), nullable=True))
    op.add_column("opt_runs", sa.Column("is_challenger", sa.Boolean(), server_default=sa.text("false"), nullable=False))
    op.create_check_constraint(
        op.f("ck_opt_runs_is_challenger"),
        "opt_runs",
        "NOT is_challenger OR (challenger_id IS NOT NULL AND NOT is_sandbox)",
    )
    op.create_foreign_key(
        op.f("fk_opt_runs_entity_id_challenger_id"),
        "opt_runs",
        "opt_challengers",
        ["entity_id", "challenger_id"],
        ["entity_id", "challenger_id"],
    )
    op.drop_constraint(op.f(ATTEMPT_BEFORE), "opt_runs", type_="unique")
    op.create_index("ix_opt_runs_attempt", "opt_runs", [*ATTEMPT, sa.text("coalesce(challenger_id, 0)")], unique=True)
    own = ["entity_id", "challenger_id", "run_id", "status"]
    op.create_unique_constraint(op.f("uq_opt_runs_entity_id_challenger_id_run_id_status"), "opt_runs", own)
    op.create_foreign_key(
        op.f("fk_opt_challengers_run"),
        "opt_challengers",
        "opt_runs",
        ["entity_id", "challenger_id", "run_id", "run_status"],
        own,
    )
    op.add_column(
        "opt_entities",
        sa.Column(
            "active_run_is_challenger",
            sa.Boolean(),
            sa.Computed("CASE WHEN active_run_id IS NULL THEN NULL ELSE false END", persisted=True),
            nullable=True,
        ),
    )
    op.drop_constraint(op.f(POINTER), "opt_entities", type_="foreignkey")
    op.drop_constraint(op.f(TARGET_BEFORE), "opt_runs", type_="unique")
    op.create_unique_constraint(op.f(TARGET), "opt_runs", [*KEY, "is_challenger"])
    op.create_foreign_key(
        op.f(POINTER),
        "opt_entities",
        "opt_runs",
        [*REFERRING, "active_run_is_challenger"],
        [*KEY, "is_challenger"],
    )


def downgrade() -> None:
    op.execute("DELETE FROM opt_run_outcomes WHERE arm = 'challenger'")
    _allow("opt_run_outcomes", "arm", "treated", "control")
    op.execute("DELETE FROM opt_run_alerts WHERE kind = 'challenger'")
    _allow("opt_run_alerts", "kind", *KINDS)
    op.execute("UPDATE opt_run_decisions SET decision = 'activated' WHERE decision = 'promoted'")
    op.execute("UPDATE opt_run_decisions SET decision = 'held' WHERE decision IN ('challenging', 'dropped')")
    _allow("opt_run_decisions", "decision", *DECISIONS)
    op.drop_constraint(op.f(POINTER), "opt_entities", type_="foreignkey")
    op.drop_constraint(op.f(TARGET), "opt_runs", type_="unique")
    op.create_unique_constraint(op.f(TARGET_BEFORE), "opt_runs", KEY)
    op.create_foreign_key(op.f(POINTER), "opt_entities", "opt_runs", REFERRING, KEY)
    op.drop_column("opt_entities", "active_run_is_challenger")
    op.drop_constraint(op.f("fk_opt_challengers_run"), "opt_challengers", type_="foreignkey")
    op.drop_constraint(op.f("uq_opt_runs_entity_id_challenger_id_run_id_status"), "opt_runs", type_="unique")
    op.drop_index("ix_opt_runs_attempt", "opt_runs")
    # Without challengers an attempt has one run: those of challengers, one each, count as attempts of their own.
    op.execute("UPDATE opt_runs SET airflow_run_id = airflow_run_id || ':' || run_id WHERE challenger_id IS NOT NULL")
    op.create_unique_constraint(op.f(ATTEMPT_BEFORE), "opt_runs", ATTEMPT)
    op.drop_constraint(op.f("fk_opt_runs_entity_id_challenger_id"), "opt_runs", type_="foreignkey")
    op.drop_constraint(op.f("ck_opt_runs_is_challenger"), "opt_runs", type_="check")
    op.drop_column("opt_runs", "is_challenger")
    op.drop_column("opt_runs", "challenger_id")
    op.drop_table("opt_challengers")


def _allow(table: str, column: str, *values: str) -> None:
    name = f"ck_{table}_{column}"
    op.drop_constraint(op.f(name), table, type_="check")
    op.create_check_constraint(op.f(name), table, f"{column} IN ({', '.join(map(repr, values))})")
