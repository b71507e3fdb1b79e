"""The command line: registers the commands and reports errors.

Exit codes: docs/cli.md.
"""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console
from rich.markup import escape
from sqlalchemy.exc import DataError, OperationalError, ProgrammingError

from rtb_optimizer import __version__
from rtb_optimizer.cli import (
    catalog,
    challenge,
    config,
    diff,
    doctor,
    entities,
    live,
    logs,
    macros,
    rebuild,
    runs,
    upkeep,
    what_if,
)
from rtb_optimizer.errors import RtbOptimizerError, StoreFailed
from rtb_optimizer.operations.store_faults import fault_of_store
from rtb_optimizer.store.connections import catalog_url

PROGRAM = "rtb"  # bin/rtb: shell completion needs a program name, which `python -m rtb_optimizer` is not
INTERRUPTED = 130
EXIT_CODES = {signal.SIGTERM: 143, signal.SIGHUP: 129}
_NO_SUCH_SCHEMA = ("42P01", "42703")  # undefined table, undefined column
_NO_PRIVILEGE = "42501"

app = typer.Typer(
    name="rtb_optimizer",
    help="Compile RTB logs into segment tables that bidders read, and decide which table is active.\n\n"
    "The catalog is the PostgreSQL of the Airflow connection `rtb_catalog`, the objects are in the S3 of `rtb_s3`; "
    "both can be set as AIRFLOW_CONN_RTB_CATALOG and AIRFLOW_CONN_RTB_S3.",
    epilog="A new catalog: migrate, seed, logs inspect, entities add. Tonight's bids: runs list, activate, rollback.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)
catalog.register(app)
app.add_typer(entities.app, name="entities")
app.add_typer(config.app, name="config")
app.add_typer(logs.app, name="logs")
app.add_typer(macros.app, name="macros")
app.add_typer(runs.app, name="runs")
runs.register(app)
diff.register(app)
live.register(app)
what_if.register(app)
rebuild.register(app)
challenge.register(app)
upkeep.register(app)
doctor.register(app)


@app.callback(invoke_without_command=True)
def version(show: Annotated[bool, typer.Option("--version", help="Show the version and exit.")] = False) -> None:
    """Show the version if requested."""
    if show:
        typer.echo(__version__)
        raise typer.Exit


def main() -> None:
    """Run the command line; a known error is one line on stderr and exit code 1."""
    with _raising():
        try:
            _main()
        except Ended as ended:
            _fail(f"ended: {ended}", ended.exit_code)


def _main() -> None:
    os.environ.setdefault("AIRFLOW__LOGGING__LOGGING_LEVEL", "WARNING")  # Airflow's hooks log every connection
    try:
        is_completion = any(word.startswith(("--install-completion", "--show-completion")) for word in sys.argv[1:])
        app(prog_name=PROGRAM if is_completion else None)
    except (StoreFailed, BotoCoreError, ClientError) as problem:
        _fail(fault_of_store(problem))
    except RtbOptimizerError as problem:
        _fail(str(problem))
    except OperationalError as problem:
        reason = " ".join(str(problem.orig).split())
        _fail(f"the catalog at {catalog_url().render_as_string()} cannot be used: {reason}")
    except ProgrammingError as problem:
        state = getattr(problem.orig, "sqlstate", None)  # not the text, which depends on the server's language
        if state in _NO_SUCH_SCHEMA:
            _fail("the catalog's schema is missing or out of date: run `python -m rtb_optimizer migrate`")
        if state != _NO_PRIVILEGE:
            raise
        _fail(f"the catalog denies access: {problem.orig}; grant it to the role of {catalog_url().render_as_string()}")
    except (DataError, UnicodeEncodeError):
        _fail("a value cannot be stored: it contains an invalid character, or a number is too large")
    except OSError as problem:
        _fail(str(problem))
    except KeyboardInterrupt:
        _fail("interrupted", INTERRUPTED)


def _fail(message: str, exit_code: int = 1) -> None:
    Console(stderr=True, highlight=False, soft_wrap=True).print(
        f"[red]error:[/red] {escape(' '.join(message.splitlines()))}"
    )
    sys.exit(exit_code)


class Ended(BaseException):
    """The process was told to end: raised where it is. No Exception, so that nothing recovers from it."""

    def __init__(self, number: signal.Signals) -> None:
        super().__init__(f"{number.name} was received: the process was told to end")
        self.exit_code = EXIT_CODES[number]


@contextmanager
def _raising() -> Iterator[None]:
    """Raise Ended for the signals of EXIT_CODES, for the length of a `with` block; only the first one counts."""
    before = {number: signal.signal(number, _raise) for number in EXIT_CODES}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _raise(number: int, _frame: object) -> None:
    for each in EXIT_CODES:
        signal.signal(each, signal.SIG_IGN)  # what is recorded on the way out is not cut off
    raise Ended(signal.Signals(number))
