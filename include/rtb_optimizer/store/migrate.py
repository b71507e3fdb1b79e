"""Migrates the catalog's schema with Alembic: `python -m rtb_optimizer migrate`.

Alembic is imported where it is used, since most commands of the command line do not need it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Engine, text

from rtb_optimizer.errors import NotFound

if TYPE_CHECKING:
    from alembic.config import Config
    from alembic.script import ScriptDirectory

MIGRATIONS = Path(__file__).with_name("migrations")


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Upgrade the schema to `revision`, with the lock and statement timeouts of migrations/env.py.

    Raises:
        NotFound: when this checkout has no such revision, or not that of the catalog.
    """
    from alembic import command

    with _known():
        command.upgrade(_config(engine), revision)


def downgrade(engine: Engine, revision: str) -> None:
    """Downgrade the schema to `revision`; `base` drops it with all its data.

    Raises:
        NotFound: as `upgrade` does.
    """
    from alembic import command

    with _known():
        command.downgrade(_config(engine), revision)


def head() -> str:
    """Return the newest revision of this checkout."""
    return _scripts().get_current_head() or ""


def revisions() -> set[str]:
    """Return all revisions of this checkout."""
    return {script.revision for script in _scripts().walk_revisions()}


def current(engine: Engine) -> str | None:
    """Return the database's current revision, None before the first migration."""
    with engine.connect() as connection:
        if connection.scalar(text("SELECT to_regclass('alembic_version')")) is None:
            return None
        revision: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
        return revision


@contextmanager
def _known() -> Iterator[None]:
    """Turn Alembic's complaint of a revision into an error that names those there are."""
    from alembic.util import CommandError

    try:
        yield
    except CommandError as problem:
        reason = " ".join(str(problem).split())
        raise NotFound(f"{reason}; the revisions of this checkout: {', '.join(sorted(revisions()))}") from problem


def _scripts() -> "ScriptDirectory":
    from alembic.script import ScriptDirectory

    return ScriptDirectory.from_config(_config(None))


def _config(engine: Engine | None) -> "Config":
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["engine"] = engine
    return config
