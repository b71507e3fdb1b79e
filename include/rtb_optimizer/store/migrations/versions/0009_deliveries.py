"""Deliveries: which exports were copied to which folder after which decision."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "opt_deliveries",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("entity_id", sa.BigInteger(), nullable=False),
        sa.Column("decision_number", sa.BigInteger(), nullable=False),
        sa.Column("run_id", sa.BigInteger(), nullable=True),
        sa.Column("export", sa.Text(), nullable=False),
        sa.Column("destination", sa.Text(), nullable=False),
        sa.Column("connection", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("tries", sa.BigInteger(), nullable=False),
        sa.Column("files", sa.BigInteger(), nullable=False),
        sa.Column("byte_size", sa.BigInteger(), nullable=False),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.Column("tried_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("delivered_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("status IN ('waiting', 'delivered', 'failed')", name=op.f("ck_opt_deliveries_status")),
        sa.CheckConstraint(
            "(status = 'delivered') = (delivered_at IS NOT NULL AND problem IS NULL)",
            name=op.f("ck_opt_deliveries_delivered_at"),
        ),
        sa.ForeignKeyConstraint(
            ["entity_id", "decision_number"],
            ["opt_run_decisions.entity_id", "opt_run_decisions.decision_number"],
            name=op.f("fk_opt_deliveries_entity_id_decision_number"),
        ),
        sa.ForeignKeyConstraint(
            ["entity_id", "run_id"],
            ["opt_runs.entity_id", "opt_runs.run_id"],
            name=op.f("fk_opt_deliveries_entity_id_run_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_opt_deliveries")),
        sa.UniqueConstraint(
            *("entity_id", "decision_number", "export", "destination"),
            name=op.f("uq_opt_deliveries_entity_id_decision_number_export_destination"),
        ),
    )


def downgrade() -> None:
    op.drop_table("opt_deliveries")
