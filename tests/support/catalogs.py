"""A catalog for one test at a time: the next test gets the same database, with the rows of the last one deleted.

Copying a database costs a small test most of its processor time. Only a database whose definitions, rights, settings
and seeded rows are untouched, that is still small and that nobody is connected to is used again; any other is dropped,
and the next test gets a new copy of the template.
"""

from contextlib import contextmanager
from time import monotonic, sleep

import psycopg
from psycopg import sql

# Whatever is defined, altered or granted is a new row in one of these; the server's own rows have lower identifiers.
DEFINITIONS = (
    *("pg_class", "pg_attrdef", "pg_constraint", "pg_trigger", "pg_rewrite", "pg_policy", "pg_proc", "pg_type"),
    *("pg_namespace", "pg_default_acl", "pg_extension", "pg_statistic_ext", "pg_publication"),
)
OWNERS = {"pg_attribute": "attrelid", "pg_index": "indexrelid"}
OWN = 16384
SCHEMA = "SELECT nspacl::text FROM pg_namespace WHERE nspname = 'public'"
DATABASE = """
SELECT count(*) FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase
WHERE d.datname = current_database()
"""
SMALL = """
SELECT max(pg_relation_size(oid)) < 1000000 FROM pg_class
WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
"""
OTHERS = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
"""
# A server process ends some milliseconds after its client has closed the connection.
PATIENCE_S = 1


class Catalogs:
    """Databases with the content of a template, one at a time; `copied` is how many copies were made."""

    def __init__(self, url_of, template, prefix="test"):
        """Read what an untouched database is; `url_of` gives the URL of a database by its name."""
        self._url_of, self._template, self._prefix, self._spare, self.copied = url_of, template, prefix, None, 0
        with psycopg.connect(url_of(template)) as database:
            names = [row[0] for row in database.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
            rows = {name: database.execute(_counted("public", name)).fetchone()[0] for name in names}
            self._seeded = [name for name in names if rows[name][0]]
            self._emptied = [name for name in names if not rows[name][0]]
            self._untouched = database.execute(self._state()).fetchone()
            self._sequences = database.execute("SELECT sequencename, last_value FROM pg_sequences").fetchall()

    @contextmanager
    def one(self):
        """Yield the name of a database for one test."""
        name, self._spare = self._spare or self._new(), None
        try:
            yield name
        finally:
            if self._cleared(name):
                self._spare = name
            else:
                self._on_server(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def _new(self):
        self.copied += 1
        name = f"{self._prefix}_{self.copied}"
        copy = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY wal_log")
        self._on_server(copy.format(sql.Identifier(name), sql.Identifier(self._template)))
        return name

    def _on_server(self, statement):
        with psycopg.connect(self._url_of("postgres"), autocommit=True) as server:
            server.execute(statement)

    def _cleared(self, name):
        """Delete the rows of a test; False, with the database as it is, where that is not all that has changed."""
        try:
            with psycopg.connect(self._url_of(name), autocommit=True) as database:
                if not _alone(database) or database.execute(self._state()).fetchone() != self._untouched:
                    return False
                database.execute(self._clearing())
        except psycopg.Error:
            return False
        return True

    def _state(self):
        identified = dict.fromkeys(DEFINITIONS, "oid") | OWNERS
        counted = [
            sql.SQL("{} WHERE {} >= {}").format(_counted("pg_catalog", name), sql.Identifier(column), OWN)
            for name, column in identified.items()
        ]
        counted += [_counted("public", name) for name in self._seeded]
        parts = [sql.SQL("({})").format(each) for each in (*counted, *map(sql.SQL, (SCHEMA, DATABASE, SMALL)))]
        return sql.SQL("SELECT {}").format(sql.SQL(", ").join(parts))

    def _clearing(self):
        """Return one transaction: without triggers, for the history of decisions lets nobody delete it."""
        deleted = [sql.SQL("DELETE FROM public.{}").format(sql.Identifier(name)) for name in self._emptied]
        reset = [
            sql.SQL("SELECT setval({}, {}, {})").format(
                sql.Literal(f"public.{name}"), sql.Literal(last or 1), sql.Literal(last is not None)
            )
            for name, last in self._sequences
        ]
        begin = [sql.SQL("BEGIN"), sql.SQL("SET LOCAL session_replication_role = replica")]
        return sql.SQL("; ").join([*begin, *deleted, *reset, sql.SQL("COMMIT")])


def _counted(schema, table):
    """Count the rows of a table, and name the last transaction that has written one of them."""
    return sql.SQL("SELECT ARRAY[count(*), max(xmin::text::bigint)] FROM {}").format(sql.Identifier(schema, table))


def _alone(database):
    until = monotonic() + PATIENCE_S
    while others := database.execute(OTHERS).fetchone()[0]:
        if monotonic() > until:
            break
        sleep(0.005)
    return not others
