"""The history of configuration changes, and the figures of a run that lists show."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("opt_runs", sa.Column("figures", postgresql.JSONB(), nullable=True))
    op.create_table(
        "opt_entity_config_changes",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("entity_id", sa.BigInteger(), nullable=False),
        sa.Column("config_key", sa.Text(), nullable=False),
        sa.Column("old_value", sa.Text(), nullable=True),
        sa.Column("new_value", sa.Text(), nullable=True),
        sa.Column("changed_by", sa.Text(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["entity_id"], ["opt_entities.entity_id"], name=op.f("fk_opt_entity_config_changes_entity_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_opt_entity_config_changes")),
    )
    op.create_index(op.f("ix_opt_entity_config_changes_entity_id"), "opt_entity_config_changes", ["entity_id"])


def downgrade() -> None:
    op.drop_table("opt_entity_config_changes")
    op.drop_column("opt_runs", "figures")
