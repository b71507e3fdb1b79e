"""Run by Alembic around each migration.

A migration that waits for a lock would block every reader behind it: it times out instead, and can be repeated.
The advisory lock serializes concurrent migrations; the second has nothing to do.
"""

from alembic import context
from sqlalchemy import Engine, text

from rtb_optimizer.store.schema import Base

LOCK_TIMEOUT = "4s"
STATEMENT_TIMEOUT = "60s"

engine: Engine = context.config.attributes["engine"]
with engine.connect() as connection:
    # Outside the migration's transaction and before the timeouts: waiting for another migration is not an error.
    connection.execute(text("SELECT pg_advisory_lock(hashtext('rtb_optimizer.migrate'))"))
    connection.commit()
    connection.execute(text(f"SET lock_timeout = '{LOCK_TIMEOUT}'"))
    connection.execute(text(f"SET statement_timeout = '{STATEMENT_TIMEOUT}'"))
    connection.commit()
    try:
        context.configure(connection=connection, target_metadata=Base.metadata, transaction_per_migration=True)
        with context.begin_transaction():
            context.run_migrations()
        connection.commit()
    finally:
        # The connection goes back to a pool: a lock or a timeout left on it would affect its next user.
        connection.rollback()
        connection.execute(text("SELECT pg_advisory_unlock_all()"))
        connection.execute(text("RESET lock_timeout"))
        connection.execute(text("RESET statement_timeout"))
        connection.commit()
