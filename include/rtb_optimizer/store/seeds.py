"""Seeds a catalog with the optimizer, its version, its config keys and the macro table.

The content is data: seeds/v3.toml and seeds/dialects.toml. Seeding is idempotent; a key that was changed in the file
is changed in the catalog, a macro template in the catalog stays: it may have been set by a person. seeds/exports.toml
is read at run time.
"""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypedDict

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from rtb_optimizer.core.config.key import ConfigKey, DataType
from rtb_optimizer.core.macros.dialect import (
    Derivation,
    Derived,
    Dialect,
    Evidence,
    GapPolicy,
    NameCase,
    template_problem,
)
from rtb_optimizer.errors import ConfigInvalid, NotFound
from rtb_optimizer.store.schema import (
    FeatureMacro,
    Optimizer,
    Version,
    VersionConfig,
)

SEEDS = Path(__file__).with_name("seeds")
OPT_CODE, OPT_NAME = "rtb_optimizer", "RTB Optimizer"

TomlTable = dict[str, Any]
Row = dict[str, object]  # column values of a row to insert


@cache
def dialects() -> dict[str, Dialect]:
    """Return the macro dialects by format."""
    return {name: _dialect(name, table) for name, table in _read("dialects").items()}


def dialect(macro_format: str) -> Dialect:
    """Return one dialect.

    Raises:
        NotFound: listing the formats.
    """
    if macro_format not in dialects():
        raise NotFound(f"macro format {macro_format!r} is not one of {', '.join(dialects())}")
    return dialects()[macro_format]


@dataclass(frozen=True, slots=True)
class PlatformFields:
    """A platform's field of each feature; with `every_feature`, other features keep their own names."""

    fields: Mapping[str, str]
    every_feature: bool


@cache
def platform_fields() -> dict[str, PlatformFields]:
    """Return the fields of each platform, by platform."""
    tables = _read("exports").items()
    return {name: PlatformFields(t.get("fields", {}), t.get("every_feature", False)) for name, t in tables}


def seeded_templates(macro_format: str) -> Mapping[str, str]:
    """Return the macro of each feature in a format, as seeds/dialects.toml has it; empty where it has none."""
    return dict(_of(_read("dialects").get(macro_format, {}), "templates"))


class MacroRow(TypedDict):
    """The column values of a macro template."""

    opt_id: int
    feature_name: str
    macro_template: str
    macro_format: str


def config_keys() -> list[ConfigKey]:
    """Return the config keys that a seeded catalog declares, for what has no catalog yet."""
    return [
        ConfigKey(
            key=key["key"],
            data_type=DataType(key["type"]),
            default=key.get("default"),
            minimum=key.get("min"),
            maximum=key.get("max"),
            required=key.get("required", False),
            choices=tuple(key.get("choices", ())),
            section=key["section"],
            display_name=key["title"],
            description=key["description"],
        )
        for key in _read("v3")["keys"]
    ]


def seed(session: Session) -> int:
    """Write the optimizer, version v3 with its keys, and the macro templates; return the version's id."""
    opt_id = _upsert(session, Optimizer, ["opt_code"], {"opt_code": OPT_CODE, "opt_name": OPT_NAME}, Optimizer.opt_id)
    table = _read("v3")
    version = {
        "opt_id": opt_id,
        "version_code": table["version_code"],
        "version_name": table["version_name"],
        "release_date": table["release_date"],
        "status": "active",
    }
    version_id = _upsert(session, Version, ["opt_id", "version_code"], version, Version.version_id)
    for key in table["keys"]:
        _upsert(
            session,
            VersionConfig,
            ["version_id", "config_key"],
            _key_row(version_id, key),
            VersionConfig.config_id,
        )
    for row in _macro_rows(opt_id):
        natural_key = ["opt_id", "feature_name", "macro_format"]
        session.execute(insert(FeatureMacro).values(**row).on_conflict_do_nothing(index_elements=natural_key))
    return version_id


def is_seeded(session: Session) -> bool:
    """Whether the catalog contains an optimizer."""
    return bool(session.scalar(select(func.count()).select_from(Optimizer)))


def differences(session: Session) -> tuple[list[str], list[str]]:
    """Return the declarations that the catalog lacks, then the config keys that it declares differently.

    A macro template that differs counts as neither: it may be customized.
    """
    table = _read("v3")
    version = session.scalars(
        select(Version)
        .join(Optimizer, Optimizer.opt_id == Version.opt_id)
        .where(Optimizer.opt_code == OPT_CODE, Version.version_code == table["version_code"])
    ).one_or_none()
    if version is None:
        return [f"version {table['version_code']} of {OPT_CODE}"], []
    keys = session.scalars(select(VersionConfig).where(VersionConfig.version_id == version.version_id))
    stored = {row.config_key: row for row in keys}
    declared = {key["key"]: _key_row(version.version_id, key) for key in table["keys"]}
    templates = select(FeatureMacro.macro_format, FeatureMacro.feature_name).where(
        FeatureMacro.opt_id == version.opt_id
    )
    macros = {tuple(row) for row in session.execute(templates)}
    missing = [f"config key {key}" for key in declared if key not in stored]
    missing += [
        f"{row['macro_format']} macro of {row['feature_name']}"
        for row in _macro_rows(version.opt_id)
        if (row["macro_format"], row["feature_name"]) not in macros
    ]
    differing = [
        f"config key {key}"
        for key, row in declared.items()
        if key in stored and any(getattr(stored[key], name) != value for name, value in row.items())
    ]
    return missing, differing


def _read(name: str) -> TomlTable:
    with (SEEDS / f"{name}.toml").open("rb") as file:
        return tomllib.load(file)


def _dialect(name: str, table: TomlTable) -> Dialect:
    values = table | {"templates": table.get("templates", {})}
    derived = {feature: Derivation(each["macro"], Derived(each["of"])) for feature, each in _of(values, "derived")}
    macros = [*values.pop("templates").values(), *(each.macro for each in derived.values()), *values.get("known", [])]
    return Dialect(
        **values
        | {
            "macro_format": name,
            "brackets": tuple(values["brackets"]),
            "gap_policy": GapPolicy(values["gap_policy"]),
            "name_case": NameCase(values["name_case"]),
            "evidence": Evidence(values["evidence"]),
            "missing": tuple(values["missing"]),
            "missing_by": {macro: tuple(spellings) for macro, spellings in _of(values, "missing_by")},
            "derived": derived,
            "known": tuple(dict.fromkeys(macros)),
            "own_values": frozenset(values.get("own_values", ())),
            "secondary": frozenset(values.get("secondary", ())),
        }
    )


def _of(table: TomlTable, name: str) -> Iterable[tuple[str, Any]]:
    inner: TomlTable = table.get(name, {})
    return inner.items()


def _macro_rows(opt_id: int) -> list[MacroRow]:
    rows: list[MacroRow] = [
        {"opt_id": opt_id, "feature_name": feature, "macro_template": template, "macro_format": name}
        for name, table in _read("dialects").items()
        for feature, template in _of(table, "templates")
    ]
    problems = [template_problem(row["macro_template"], dialect(row["macro_format"])) for row in rows]
    if any(problems):
        raise ConfigInvalid([problem for problem in problems if problem])
    return rows


def _key_row(version_id: int, key: TomlTable) -> Row:
    return {
        "version_id": version_id,
        "config_key": key["key"],
        "config_section": key["section"],
        "display_name": key["title"],
        "data_type": key["type"],
        "default_value": key.get("default"),
        "min_value": key.get("min"),
        "max_value": key.get("max"),
        "is_required": key.get("required", False),
        "is_ui_visible": key.get("ui", False),
        "allowed_values": key.get("choices", []),
        "description": key["description"],
    }


def _upsert(session: Session, model: Any, natural_key: list[str], row: Mapping[str, object], identity: Any) -> int:  # noqa: ANN401 - any mapped class
    statement = insert(model).values(**row)
    # Seeding again keeps a status that was changed: it must not restore a retired version.
    changed: Row = {name: statement.excluded[name] for name in row if name not in (*natural_key, "status")}
    row_id: int = session.execute(
        statement.on_conflict_do_update(
            index_elements=natural_key, set_=changed or {natural_key[0]: row[natural_key[0]]}
        ).returning(identity)
    ).scalar_one()
    return row_id
