"""The local stack from the command line: `python -m rtb_optimizer.local up|down|status|env|supervise`."""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from rtb_optimizer.errors import RtbOptimizerError
from rtb_optimizer.local import daemon, stack
from rtb_optimizer.local.environment import shell_exports, write_env_file
from rtb_optimizer.local.settings import LocalSettings, local_settings
from rtb_optimizer.local.startup import SERVICES
from rtb_optimizer.local.status import describe, stack_status


def up(settings: LocalSettings, options: argparse.Namespace) -> int:
    """Start the stack in the background and leave it running."""
    live, started = stack.start(settings, options.services, on_step=lambda step: print(step, flush=True))
    if started is None:
        print("The local stack is already running.")
    print(welcome(live, options.services))
    if started is not None:
        # It outlives this process on purpose: without this, Python warns about it at exit.
        started.returncode = 0
    return 0


def down(settings: LocalSettings, _options: argparse.Namespace) -> int:
    """Stop the stack."""
    print("The local stack is down." if stack.stop(settings) else "The local stack was not running.")
    return 0


def status(settings: LocalSettings, options: argparse.Namespace) -> int:
    """Print the status; the exit code is 0 only if every service answers."""
    current = stack_status(settings)
    print(json.dumps(current, indent=2) if options.json else describe(current))
    return 0 if current["ready"] else 1


def env(settings: LocalSettings, _options: argparse.Namespace) -> int:
    """Print the exports of `<root>/env`, and write that file."""
    write_env_file(settings)
    print(shell_exports(settings), end="")
    return 0


def supervise(settings: LocalSettings, options: argparse.Namespace) -> int:
    """Run the stack in the foreground until a signal arrives."""
    daemon.supervise(settings, options.services, options.owner)
    return 0


def welcome(settings: LocalSettings, services: Sequence[str]) -> str:
    """Return the URLs, the login and the next commands."""
    folder = settings.root
    short = Path(folder.name) if folder.parent == Path.cwd() else folder
    lines = []
    if "airflow" in services:
        password = settings.credentials.airflow_admin_password
        lines += [f"Airflow   {settings.airflow_url}", "login     admin", f"password  {password}"]
    lines += [f"To use it: . {short}/env && .venv/bin/python -m rtb_optimizer --help", "To end it: make down"]
    return "\n".join(lines)


_COMMANDS: dict[str, Callable[[LocalSettings, argparse.Namespace], int]] = {
    "up": up,
    "down": down,
    "status": status,
    "env": env,
    "supervise": supervise,
}


def _service_list(text: str) -> tuple[str, ...]:
    services = tuple(part.strip() for part in text.split(",") if part.strip())
    if not services or not set(services) <= set(SERVICES):
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of {', '.join(SERVICES)}")
    if "airflow" in services and "postgres" not in services:
        raise argparse.ArgumentTypeError("airflow keeps its state in postgres: select both")
    return services


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m rtb_optimizer.local", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, function in _COMMANDS.items():
        command = commands.add_parser(name, help=function.__doc__, description=function.__doc__)
        if name in {"up", "supervise"}:
            command.add_argument("--services", type=_service_list, default=SERVICES, metavar="A,B")
        if name == "supervise":
            command.add_argument("--owner", type=int, metavar="PID", help="stop when this process ends")
        if name == "status":
            command.add_argument("--json", action="store_true", help="for programs")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; an error is one line on standard error and exit code 1."""
    options = _parser().parse_args(arguments)
    try:
        return _COMMANDS[options.command](local_settings(), options)
    except RtbOptimizerError as error:
        print(f"error: {error}", file=sys.stderr)
    except OSError as error:
        print(f"error: {error}", file=sys.stderr)
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130
    return 1


if __name__ == "__main__":
    sys.exit(main())
