"""A base path, with all that is below it, is of one entity: two would overwrite each other's active.json.

The range of a path holds every key below it: `/` and `0` are neighbours in the C collation.
"""

import sqlalchemy as sa
from alembic import op

from rtb_optimizer.errors import EntityInvalid

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

TABLE, SPELLED, ALONE = "opt_entities", "ck_opt_entities_s3_base_path", "ex_opt_entities_s3_base_path"
PATTERN = "s3_base_path ~ '^s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[A-Za-z0-9_=.-]+)*$' AND s3_base_path !~ '\\.\\.'"
NO_DOTS = "s3_base_path !~ '/\\.(/|$)'"
OVERLAPPING = """
SELECT a.entity_code, a.s3_base_path, a.status, b.entity_code, b.s3_base_path, b.status
FROM opt_entities a JOIN opt_entities b ON starts_with(b.s3_base_path || '/', a.s3_base_path || '/')
    AND (a.s3_base_path <> b.s3_base_path OR a.entity_id < b.entity_id) AND a.entity_id <> b.entity_id
ORDER BY a.entity_code, b.entity_code
"""
DOTTED = "SELECT entity_code, s3_base_path, status FROM opt_entities WHERE s3_base_path ~ '/\\.(/|$)' ORDER BY 1"


def upgrade() -> None:
    _require_none()
    op.execute('CREATE TYPE opt_path_range AS RANGE (subtype = text, collation = "C")')
    op.execute(
        f"ALTER TABLE {TABLE} ADD CONSTRAINT {ALONE} EXCLUDE USING gist "
        "(opt_path_range(s3_base_path || '/', s3_base_path || '0') WITH &&)"
    )
    op.drop_constraint(op.f(SPELLED), TABLE, type_="check")
    op.create_check_constraint(op.f(SPELLED), TABLE, f"{PATTERN} AND {NO_DOTS}")


def downgrade() -> None:
    op.drop_constraint(op.f(SPELLED), TABLE, type_="check")
    op.create_check_constraint(op.f(SPELLED), TABLE, PATTERN)
    op.execute(f"ALTER TABLE {TABLE} DROP CONSTRAINT {ALONE}")
    op.execute("DROP TYPE opt_path_range")


def _require_none() -> None:
    connection = op.get_bind()
    shared = [f"{_named(*row[:3])} and {_named(*row[3:])}" for row in connection.execute(sa.text(OVERLAPPING))]
    dotted = [_named(*row) for row in connection.execute(sa.text(DOTTED))]
    problems = [f"one base path, or one inside the other: {'; '.join(shared)}"] if shared else []
    problems += [f"a base path with the folder `.`: {'; '.join(dotted)}"] if dotted else []
    if problems:
        raise EntityInvalid(
            f"the schema was not changed, since entities have {', and '.join(problems)}. They overwrite each other's "
            "active.json. Give each a path of its own in the same bucket, UPDATE opt_entities SET s3_base_path = "
            "'s3://BUCKET/PATH' WHERE entity_code = 'ENTITY', point its readers there, run `rtb reconcile`, and migrate "
            "again; outputs that were written stay where they are, and are found by their rows"
        )


def _named(entity_code: str, path: str, status: str) -> str:
    return f"{entity_code} ({path}{', removed' if status == 'retired' else ''})"
