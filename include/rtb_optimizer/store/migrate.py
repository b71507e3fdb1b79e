"""Migrates the catalog's schema with Alembic: `python -m rtb_optimizer migrate`."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, text

MIGRATIONS = Path(__file__).with_name("migrations")


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Upgrade the schema to `revision`, with the lock and statement timeouts of migrations/env.py."""
    command.upgrade(_config(engine), revision)


def downgrade(engine: Engine, revision: str) -> None:
    """Downgrade the schema to `revision`; `base` drops it with all its data."""
    command.downgrade(_config(engine), revision)


def head() -> str:
    """Return the newest revision of this checkout."""
    return ScriptDirectory.from_config(_config(None)).get_current_head() or ""


def revisions() -> set[str]:
    """Return all revisions of this checkout."""
    return {script.revision for script in ScriptDirectory.from_config(_config(None)).walk_revisions()}


def current(engine: Engine) -> str | None:
    """Return the database's current revision, None before the first migration."""
    with engine.connect() as connection:
        if connection.scalar(text("SELECT to_regclass('alembic_version')")) is None:
            return None
        revision: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
        return revision


def _config(engine: Engine | None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["engine"] = engine
    return config
