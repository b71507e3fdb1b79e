"""What-if runs: runs of a configuration that is not saved, at which no entity can point."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

POINTER = "fk_opt_entities_active_run"
BEFORE, AFTER = "uq_opt_runs_entity_id_run_id_status", "uq_opt_runs_entity_id_run_id_status_is_sandbox"
KEY = ["entity_id", "run_id", "status"]
REFERRING = ["entity_id", "active_run_id", "active_run_status"]


def upgrade() -> None:
    op.add_column("opt_runs", sa.Column("is_sandbox", sa.Boolean(), server_default=sa.text("false"), nullable=False))
    op.add_column(
        "opt_entities",
        sa.Column(
            "active_run_is_sandbox",
            sa.Boolean(),
            sa.Computed("CASE WHEN active_run_id IS NULL THEN NULL ELSE false END", persisted=True),
            nullable=True,
        ),
    )
    op.drop_constraint(op.f(POINTER), "opt_entities", type_="foreignkey")
    op.drop_constraint(op.f(BEFORE), "opt_runs", type_="unique")
    op.create_unique_constraint(op.f(AFTER), "opt_runs", [*KEY, "is_sandbox"])
    op.create_foreign_key(
        op.f(POINTER), "opt_entities", "opt_runs", [*REFERRING, "active_run_is_sandbox"], [*KEY, "is_sandbox"]
    )


def downgrade() -> None:
    op.drop_constraint(op.f(POINTER), "opt_entities", type_="foreignkey")
    op.drop_constraint(op.f(AFTER), "opt_runs", type_="unique")
    op.create_unique_constraint(op.f(BEFORE), "opt_runs", KEY)
    op.create_foreign_key(op.f(POINTER), "opt_entities", "opt_runs", REFERRING, KEY)
    op.drop_column("opt_entities", "active_run_is_sandbox")
    op.drop_column("opt_runs", "is_sandbox")
