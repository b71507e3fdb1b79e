"""How does the catalog's schema move? Alembic, configured here: `python -m rtb_optimizer migrate`.

It is imported where it is used: most commands of the command line never do, and each start would pay for it.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Engine, text

if TYPE_CHECKING:
    from alembic.config import Config
    from alembic.script import ScriptDirectory

MIGRATIONS = Path(__file__).with_name("migrations")


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Move the schema up to `revision`. Waits for nobody: lock and statement timeouts are in migrations/env.py."""
    from alembic import command

    command.upgrade(_config(engine), revision)


def downgrade(engine: Engine, revision: str) -> None:
    """Move the schema down to `revision`; `base` drops it with all its data."""
    from alembic import command

    command.downgrade(_config(engine), revision)


def head() -> str:
    """Return the newest revision of this checkout."""
    return _scripts().get_current_head() or ""


def known() -> set[str]:
    """Return all revisions of this checkout."""
    return {script.revision for script in _scripts().walk_revisions()}


def current(engine: Engine) -> str | None:
    """Return the revision that the database is at, None before the first migration."""
    with engine.connect() as connection:
        if connection.scalar(text("SELECT to_regclass('alembic_version')")) is None:
            return None
        revision: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
        return revision


def _scripts() -> "ScriptDirectory":
    from alembic.script import ScriptDirectory

    return ScriptDirectory.from_config(_config(None))


def _config(engine: Engine | None) -> "Config":
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["engine"] = engine
    return config
