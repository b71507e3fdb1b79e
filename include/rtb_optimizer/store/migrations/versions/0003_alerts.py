"""Alerts of runs, and whether they were sent."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "opt_run_alerts",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("run_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("fix", sa.Text(), nullable=False),
        sa.Column("raised_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "kind IN ('failed', 'held', 'stale', 'broken', 'missing_macro', 'drift')",
            name=op.f("ck_opt_run_alerts_kind"),
        ),
        sa.ForeignKeyConstraint(["run_id"], ["opt_runs.run_id"], name=op.f("fk_opt_run_alerts_run_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_opt_run_alerts")),
        sa.UniqueConstraint("run_id", "kind", name=op.f("uq_opt_run_alerts_run_id_kind")),
    )
    op.create_index(op.f("ix_opt_run_alerts_raised_at"), "opt_run_alerts", ["raised_at"])


def downgrade() -> None:
    op.drop_table("opt_run_alerts")
