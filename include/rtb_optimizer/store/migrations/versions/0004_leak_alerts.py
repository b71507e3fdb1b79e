"""Alerts of columns that are suspected to leak the outcome."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

TABLE, NAME = "opt_run_alerts", "ck_opt_run_alerts_kind"
BEFORE = ("failed", "held", "stale", "broken", "missing_macro", "drift")


def upgrade() -> None:
    _allow(*BEFORE, "leak")


def downgrade() -> None:
    op.execute("DELETE FROM opt_run_alerts WHERE kind = 'leak'")
    _allow(*BEFORE)


def _allow(*kinds: str) -> None:
    op.drop_constraint(op.f(NAME), TABLE, type_="check")
    op.create_check_constraint(op.f(NAME), TABLE, f"kind IN ({', '.join(map(repr, kinds))})")
