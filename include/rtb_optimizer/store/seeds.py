"""What does a fresh catalog hold? The optimizer, its version, its config keys and the macro table.

The content is data: seeds/v3.toml and seeds/dialects.toml. Seeding twice changes nothing; a key that was changed
in the file is changed in the catalog. seeds/exports.toml is read at run time.
"""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

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
from rtb_optimizer.store.schema import FeatureMacro, Optimizer, Version, VersionConfig

SEEDS = Path(__file__).with_name("seeds")
OPT_CODE, OPT_NAME = "rtb_optimizer", "RTB Optimizer"


@cache
def dialects() -> dict[str, Dialect]:
    """Return the macro dialects by format."""
    return {name: _dialect(name, table) for name, table in _read("dialects").items()}


def dialect(macro_format: str) -> Dialect:
    """Return one dialect.

    Raises:
        NotFound: naming the formats there are.
    """
    if macro_format not in dialects():
        raise NotFound(f"macro format {macro_format!r} is not one of {', '.join(dialects())}")
    return dialects()[macro_format]


@dataclass(frozen=True, slots=True)
class PlatformFields:
    """Which field of a platform a feature is; `every_feature`: the others go by their own name."""

    fields: Mapping[str, str]
    every_feature: bool


@cache
def platform_fields() -> dict[str, PlatformFields]:
    """Return, by platform, the fields that it has."""
    tables = _read("exports").items()
    return {name: PlatformFields(t.get("fields", {}), t.get("every_feature", False)) for name, t in tables}


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
        _upsert(session, FeatureMacro, ["opt_id", "feature_name", "macro_format"], row, FeatureMacro.id)
    return version_id


def seeded(session: Session) -> bool:
    """Whether the catalog has an optimizer at all."""
    return bool(session.scalar(select(func.count()).select_from(Optimizer)))


def lacking(session: Session) -> tuple[list[str], list[str]]:
    """Name what the files declare and the catalog has not, then the config keys that it declares otherwise.

    A macro template that differs counts as neither: it may be somebody's own.
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
    named = select(FeatureMacro.macro_format, FeatureMacro.feature_name).where(FeatureMacro.opt_id == version.opt_id)
    macros = {tuple(row) for row in session.execute(named)}
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


def _read(name: str) -> dict[str, Any]:
    with (SEEDS / f"{name}.toml").open("rb") as file:
        return tomllib.load(file)


def _dialect(name: str, table: dict[str, Any]) -> Dialect:
    given = table | {"templates": table.get("templates", {})}
    derived = {feature: Derivation(each["macro"], Derived(each["of"])) for feature, each in _of(given, "derived")}
    written = [*given.pop("templates").values(), *(each.macro for each in derived.values()), *given.get("known", [])]
    return Dialect(
        **given
        | {
            "macro_format": name,
            "brackets": tuple(given["brackets"]),
            "gap_policy": GapPolicy(given["gap_policy"]),
            "name_case": NameCase(given["name_case"]),
            "evidence": Evidence(given["evidence"]),
            "missing": tuple(given["missing"]),
            "derived": derived,
            "known": tuple(dict.fromkeys(written)),
            "own_values": frozenset(given.get("own_values", ())),
            "secondary": frozenset(given.get("secondary", ())),
        }
    )


def _of(table: dict[str, Any], name: str) -> Iterable[tuple[str, Any]]:
    found: dict[str, Any] = table.get(name, {})
    return found.items()


def _macro_rows(opt_id: int) -> list[dict[str, Any]]:
    rows = [
        {"opt_id": opt_id, "feature_name": feature, "macro_template": template, "macro_format": name}
        for name, table in _read("dialects").items()
        for feature, template in _of(table, "templates")
    ]
    problems = [template_problem(row["macro_template"], dialect(row["macro_format"])) for row in rows]
    if any(problems):
        raise ConfigInvalid([problem for problem in problems if problem])
    return rows


def _key_row(version_id: int, key: dict[str, Any]) -> dict[str, Any]:
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


def _upsert(session: Session, model: Any, natural_key: list[str], row: dict[str, Any], identity: Any) -> int:  # noqa: ANN401 - any mapped class
    statement = insert(model).values(**row)
    # A status that a person changed stays: seeding again must not bring a retired version back.
    changed = {name: statement.excluded[name] for name in row if name not in (*natural_key, "status")}
    written: int = session.execute(
        statement.on_conflict_do_update(
            index_elements=natural_key, set_=changed or {natural_key[0]: row[natural_key[0]]}
        ).returning(identity)
    ).scalar_one()
    return written
