"""What may a config key hold, and what does a run's configuration resolve to?

A version declares its keys, an entity overrides some, a trigger overrides a few more. `resolve` turns the three
into one snapshot that records where each value came from, or raises with every violation it found.
"""

import json
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from rtb_optimizer.errors import ConfigInvalid

ConfigValue = str | int | float | bool | list[str] | dict[str, object] | None


class DataType(StrEnum):
    """How the text of a config value is read."""

    STRING = "string"
    INTEGER = "integer"
    FLOAT = "float"
    BOOLEAN = "boolean"
    ENUM = "enum"
    LIST = "list"
    JSON = "json"


class Origin(StrEnum):
    """Where a value of the snapshot came from; a later one wins."""

    DEFAULT = "default"
    ENTITY = "entity"
    TRIGGER = "trigger"


@dataclass(frozen=True, slots=True)
class ConfigKey:
    """One declaration of a version (a row of opt_version_configs).

    `minimum` and `maximum` bound a number's value, a string's length and a list's count; both are inclusive.
    """

    key: str
    data_type: DataType
    default: str | None = None
    minimum: float | None = None
    maximum: float | None = None
    required: bool = False
    choices: tuple[str, ...] = ()
    section: str = ""
    display_name: str = ""
    description: str = ""
    ui_visible: bool = False


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The typed configuration of one run, frozen: value and origin by key, every declared key present."""

    values: Mapping[str, ConfigValue]
    origins: Mapping[str, Origin]


def resolve(
    keys: Iterable[ConfigKey],
    entity: Mapping[str, str] | None = None,
    trigger: Mapping[str, object] | None = None,
) -> Snapshot:
    """Resolve defaults, entity overrides and trigger overrides, the later winning.

    A trigger value of None means "not overridden": the trigger form sends every field, filled in or not.

    Raises:
        ConfigInvalid: with every violation, each naming key, value and limit.
    """
    declared = {key.key: key for key in keys}
    given = {name: value for name, value in (trigger or {}).items() if value is not None}
    violations = _unknown(declared, entity or {}, Origin.ENTITY) + _unknown(declared, given, Origin.TRIGGER)
    values: dict[str, ConfigValue] = {}
    origins: dict[str, Origin] = {}
    for name, key in sorted(declared.items()):
        raw, origin = _latest(name, key, entity or {}, given)
        try:
            values[name], origins[name] = read_value(key, raw), origin
        except ValueError as problem:
            violations.append(f"{name} ({origin}): {problem}")
    if violations:
        raise ConfigInvalid(violations)
    return Snapshot(values, origins)


def read_value(key: ConfigKey, raw: object) -> ConfigValue:
    """Read one value, as text or already typed, under its declaration.

    Raises:
        ValueError: naming the value and the limit it breaks.
    """
    if raw is None or (isinstance(raw, str) and not raw.strip() and key.data_type is not DataType.STRING):
        raw = None
    if raw is None or (key.data_type is DataType.STRING and raw == "" and key.required):
        if key.required:
            raise ValueError("a value is required and none is set")
        return None
    value = _READERS[key.data_type](key, raw)
    _check_limits(key, value)
    return value


def _unknown(declared: Mapping[str, ConfigKey], given: Mapping[str, object], origin: Origin) -> list[str]:
    return [f"{name} ({origin}): unknown config key" for name in sorted(given) if name not in declared]


def _latest(
    name: str, key: ConfigKey, entity: Mapping[str, str], trigger: Mapping[str, object]
) -> tuple[object, Origin]:
    if name in trigger:
        return trigger[name], Origin.TRIGGER
    if name in entity:
        return entity[name], Origin.ENTITY
    return key.default, Origin.DEFAULT


def _read_string(_key: ConfigKey, raw: object) -> str:
    if not isinstance(raw, str):
        raise ValueError(f"{raw!r} is not a string")
    return raw


def _read_integer(_key: ConfigKey, raw: object) -> int:
    if isinstance(raw, bool) or not isinstance(raw, int | str):
        raise ValueError(f"{raw!r} is not an integer")
    try:
        return int(raw)
    except ValueError:
        raise ValueError(f"{raw!r} is not an integer") from None


def _read_float(_key: ConfigKey, raw: object) -> float:
    try:
        value = math.nan if isinstance(raw, bool) else float(raw)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        value = math.nan
    if not math.isfinite(value):
        raise ValueError(f"{raw!r} is not a finite number")
    return value


def _read_boolean(_key: ConfigKey, raw: object) -> bool:
    named = {"true": True, "false": False}.get(str(raw).strip().lower())
    if named is None:
        raise ValueError(f"{raw!r} is not true or false")
    return named


def _read_enum(key: ConfigKey, raw: object) -> str:
    if raw not in key.choices:
        raise ValueError(f"{raw!r} is not one of {', '.join(key.choices)}")
    return str(raw)


def _read_list(_key: ConfigKey, raw: object) -> list[str]:
    if isinstance(raw, str):
        raw = json.loads(raw) if raw.lstrip().startswith("[") else [part.strip() for part in raw.split(",")]
    if not isinstance(raw, list) or not all(isinstance(item, str) for item in raw):
        raise ValueError(f"{raw!r} is not a list of strings")
    if repeated := sorted({item for item in raw if raw.count(item) > 1}):
        raise ValueError(f"{', '.join(repeated)} stands more than once")
    return raw


def _read_json(_key: ConfigKey, raw: object) -> dict[str, object]:
    if isinstance(raw, str):
        try:
            raw = json.loads(raw)
        except json.JSONDecodeError as problem:
            raise ValueError(f"{raw!r} is not JSON: {problem}") from None
    if not isinstance(raw, dict):
        raise ValueError(f"{raw!r} is not a JSON object")
    return raw


def _check_limits(key: ConfigKey, value: ConfigValue) -> None:
    if isinstance(value, str | list):
        measure, unit = float(len(value)), " characters" if isinstance(value, str) else " items"
    elif isinstance(value, int | float) and not isinstance(value, bool):
        measure, unit = float(value), ""
    else:
        return
    if key.minimum is not None and measure < key.minimum:
        raise ValueError(f"{value!r} is below the minimum of {key.minimum:g}{unit}")
    if key.maximum is not None and measure > key.maximum:
        raise ValueError(f"{value!r} is above the maximum of {key.maximum:g}{unit}")


_READERS: dict[DataType, Callable[[ConfigKey, object], ConfigValue]] = {
    DataType.STRING: _read_string,
    DataType.INTEGER: _read_integer,
    DataType.FLOAT: _read_float,
    DataType.BOOLEAN: _read_boolean,
    DataType.ENUM: _read_enum,
    DataType.LIST: _read_list,
    DataType.JSON: _read_json,
}
