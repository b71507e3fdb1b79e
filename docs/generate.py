"""Writes docs/reference/ from the code: `make docs`. A test compares the committed pages with its output.

Config keys from store/seeds/v3.toml, commands from cli/, tables from store/schema.py, errors from errors.py.
"""

import inspect
import re
import sys
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import typer.main
from sqlalchemy import CheckConstraint, ForeignKeyConstraint, UniqueConstraint
from sqlalchemy.dialects import postgresql

from rtb_optimizer import errors
from rtb_optimizer.cli.app import app
from rtb_optimizer.store.schema import Base
from rtb_optimizer.store.seeds import SEEDS

REFERENCE = Path(__file__).with_name("reference")
CONFIG_INTRODUCTION = (
    "Set for an entity with `rtb config set ENTITY KEY=VALUE ...`, for one run with `rtb run ENTITY --set KEY=VALUE` "
    "or, where a key is marked *form*, in the trigger form of the Airflow UI. `rtb config show ENTITY` shows the "
    "values with their origin. Limits apply to a number's value, a string's length and a list's count, inclusively."
)
CATALOG_INTRODUCTION = (
    "PostgreSQL, migrated with `rtb migrate`. Rules are constraints of the database, which names them when it rejects "
    "a row."
)
ERRORS_INTRODUCTION = (
    "Each is one line that names the problem and the fix; `opt_runs.error_message` begins with the step and the class. "
    "Only those below `TransientError` are retried.\n"
)


def main() -> int:
    """Write every page."""
    REFERENCE.mkdir(exist_ok=True)
    for name, text in pages().items():
        (REFERENCE / name).write_text(text)
    print(f"{len(pages())} pages in {REFERENCE}")
    return 0


def pages() -> dict[str, str]:
    """Return the text of each page by its file name."""
    made = {
        "config.md": config_page(),
        "commands.md": commands_page(),
        "catalog.md": catalog_page(),
        "errors.md": errors_page(),
    }
    return {name: f"<!-- Made by docs/generate.py: `make docs` -->\n{text.rstrip()}\n" for name, text in made.items()}


def config_page() -> str:
    """Every config key, by section."""
    declared = tomllib.loads((SEEDS / "v3.toml").read_text())
    parts = [
        f"# Config keys of {declared['version_code']}\n",
        CONFIG_INTRODUCTION,
    ]
    for section, keys in groupby(declared["keys"], key=lambda key: key["section"]):
        parts.append(f"\n## {section}\n")
        parts += _table(("key", "type", "default", "limits", "what"), (_key(key) for key in keys))
    return "\n".join(parts)


def _key(key: dict[str, Any]) -> Sequence[str]:
    name = f"`{key['key']}`" + (" *form*" if key.get("ui") else "")
    default = "*required*" if key.get("required") else f"`{key['default']}`" if key.get("default") else "none"
    limits = " ".join(f"`{choice}`" for choice in key.get("choices", []))
    bounds = [f"{word} {key[side]:g}" for word, side in (("from", "min"), ("to", "max")) if side in key]
    return name, key["type"], default, limits or " ".join(bounds), key["description"]


def commands_page() -> str:
    """Every command with its arguments and options."""
    root = typer.main.get_command(app)
    parts = ["# Commands\n", "Exit codes, JSON and completion: [cli.md](../cli.md).\n", *_command("rtb", root)]
    return "\n".join(parts)


def _command(words: str, command: Any) -> Iterator[str]:
    children = getattr(command, "commands", {})
    if not children:
        given = [p for p in command.params if p.name != "help"]
        called = [_called(p) for p in given if p.param_type_name == "argument"]
        yield f"\n## {' '.join([words, *called])}\n"
        yield _paragraphs(command.help)
        if given:
            yield ""
            yield from _table(("word", "default", "what"), (_parameter(p) for p in given))
    for word, child in children.items():
        yield from _command(f"{words} {word}", child)


def _called(parameter: Any) -> str:
    name = parameter.metavar or parameter.name.upper()
    return name if parameter.required or name.startswith("[") else f"[{name}]"


def _parameter(parameter: Any) -> Sequence[str]:
    if parameter.param_type_name == "argument":
        word = f"`{_called(parameter)}`"
    else:
        takes = "" if parameter.is_flag else f" {parameter.name.strip('_').upper()}"
        word = f"`{parameter.opts[0]}{takes}`"
    value = parameter.default
    if parameter.required:
        default = "*required*"
    elif callable(value):
        default = "your user name"
    else:
        default = "" if value in (None, "", False) else f"`{value}`"
    return word, default, parameter.help


def catalog_page() -> str:
    """Every table with its columns and rules."""
    parts = [
        "# The catalog\n",
        CATALOG_INTRODUCTION,
    ]
    models = {mapper.local_table.name: mapper.class_ for mapper in Base.registry.mappers}
    for table in Base.metadata.tables.values():
        parts += [f"\n## {table.name}\n", _paragraphs(inspect.getdoc(models[table.name])), ""]
        parts += _table(("column", "type", "default", "refers to"), (_column(column) for column in table.columns))
        rules = sorted(filter(None, (_rule(constraint) for constraint in table.constraints)))
        parts += ["", *rules] if rules else []
    return "\n".join(parts)


def _column(column: Any) -> Sequence[str]:
    kind = column.type.compile(dialect=postgresql.dialect()) + ("" if not column.nullable else ", may be null")
    if column.computed is not None:
        default = f"always `{_one_line(column.computed.sqltext)}`"
    elif column.identity is not None:
        default = "counted"
    else:
        default = "" if column.server_default is None else f"`{_default(column.server_default.arg)}`"
    alone = (key for key in column.foreign_keys if len(key.constraint.column_keys) == 1)  # others stand below as rules
    refers = ", ".join(sorted(f"`{key.target_fullname}`" for key in alone))
    return f"`{column.name}`" + (" (key)" if column.primary_key else ""), kind, default, refers


def _default(value: Any) -> str:
    return f"{value}" if not isinstance(value, str) else value or "''"


def _rule(constraint: Any) -> str:
    if isinstance(constraint, CheckConstraint):
        return f"- `{constraint.name}`: `{_one_line(constraint.sqltext)}`"
    names = ", ".join(column.name for column in constraint.columns)
    if isinstance(constraint, UniqueConstraint):
        return f"- `{constraint.name}`: one row for each {names}"
    if isinstance(constraint, ForeignKeyConstraint) and len(constraint.column_keys) > 1:
        others = ", ".join(element.target_fullname for element in constraint.elements)
        return f"- `{constraint.name}`: ({names}) is a row of ({others})"
    return ""


def errors_page() -> str:
    """Every error class with what to do."""
    family = inspect.getdoc(errors).split("\n\n", 1)[1]
    known = [each for _, each in inspect.getmembers(errors, inspect.isclass) if issubclass(each, Exception)]
    known.sort(key=lambda each: inspect.getsourcelines(each)[1])
    rows = ((f"`{each.__name__}`", *_raised_and_fix(each)) for each in known if each is not errors.RtbOptimizerError)
    parts = [
        "# Errors\n",
        ERRORS_INTRODUCTION,
        f"```\n{family}\n```\n",
        *_table(("error", "when", "what to do"), rows),
    ]
    return "\n".join(parts)


def _raised_and_fix(error: type[Exception]) -> tuple[str, str]:
    told, _, fix = _one_line(inspect.getdoc(error)).partition(" Fix: ")
    return told.removeprefix("Raised ").removeprefix("Base of ").rstrip("."), fix.rstrip(".")


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(header)} |"
    yield "|" + "---|" * len(header)
    for row in rows:
        yield f"| {' | '.join(_one_line(cell).replace('|', '&#124;') for cell in row)} |"


def _paragraphs(text: Any) -> str:
    return re.sub(r"(?<!\n)\n(?!\n)", " ", str(text).strip())


def _one_line(text: Any) -> str:
    return " ".join(str(text).split())


if __name__ == "__main__":
    sys.exit(main())
