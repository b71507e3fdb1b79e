"""Declares config keys, and reads values under their declaration, from text or already typed."""

import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

_UNSTORABLE = re.compile(r"[\x00\ud800-\udfff]")
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


def read_value(key: ConfigKey, raw: object) -> ConfigValue:
    """Read one value, as text or already typed, under its declaration.

    Raises:
        ValueError: naming the value and the limit it breaks.
    """
    blank = isinstance(raw, str) and not raw.strip()
    if raw is None or (blank and (key.required or key.data_type is not DataType.STRING)):
        if key.required:
            raise ValueError("a value is required and none is set")
        return None
    value = "" if blank else _READERS[key.data_type](key, raw)
    _check_limits(key, value)
    _check_storable(value)
    return value


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
    except (TypeError, ValueError, OverflowError):
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
        listed = [part.strip() for part in raw.split(",")]
        raw = _parsed(raw) if raw.lstrip().startswith("[") else [part for part in listed if part]
    if not isinstance(raw, list) or not all(isinstance(item, str) for item in raw):
        raise ValueError(f"{raw!r} is not a list of strings")
    if repeated := sorted({item for item in raw if raw.count(item) > 1}):
        raise ValueError(f"{', '.join(repeated)} is listed more than once")
    return raw


def _read_json(_key: ConfigKey, raw: object) -> dict[str, object]:
    if isinstance(raw, str):
        raw = _parsed(raw)
    if not isinstance(raw, dict):
        raise ValueError(f"{raw!r} is not a JSON object")
    return raw


def _parsed(text: str) -> object:
    try:
        return json.loads(text)
    except json.JSONDecodeError as problem:
        raise ValueError(f"{text!r} is not JSON: {problem}") from None
    except RecursionError:
        raise ValueError(f"{text[:40]!r}... is nested too deeply") from None


def _check_limits(key: ConfigKey, value: ConfigValue) -> None:
    measure: float
    if isinstance(value, str | list):
        measure, unit = len(value), " characters" if isinstance(value, str) else " items"
    elif isinstance(value, int | float) and not isinstance(value, bool):
        measure, unit = value, ""  # as it is: an integer may be too large for a float
    else:
        return
    if key.minimum is not None and measure < key.minimum:
        raise ValueError(f"{value!r} is below the minimum of {key.minimum:g}{unit}")
    if key.maximum is not None and measure > key.maximum:
        raise ValueError(f"{value!r} is above the maximum of {key.maximum:g}{unit}")


def _check_storable(value: object) -> None:
    """Refuse what the snapshot could not hold: the catalog's JSON has no NaN, no NUL, no lone surrogate."""
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"it contains {value!r}, which is not a finite number")
    if isinstance(value, str) and _UNSTORABLE.search(value):
        raise ValueError(f"{value!r} holds a NUL or a lone surrogate, which cannot be stored")
    parts = [*value, *value.values()] if isinstance(value, dict) else value if isinstance(value, list) else []
    for part in parts:
        _check_storable(part)


_READERS: dict[DataType, Callable[[ConfigKey, object], ConfigValue]] = {
    DataType.STRING: _read_string,
    DataType.INTEGER: _read_integer,
    DataType.FLOAT: _read_float,
    DataType.BOOLEAN: _read_boolean,
    DataType.ENUM: _read_enum,
    DataType.LIST: _read_list,
    DataType.JSON: _read_json,
}
