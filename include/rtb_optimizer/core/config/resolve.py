"""What does a run's configuration resolve to?

A version declares its keys, an entity overrides some, a trigger overrides a few more. `resolve` turns the three
into one snapshot that records where each value came from, or raises with every violation it found.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from rtb_optimizer.core.config.key import ConfigKey, ConfigValue, read_value
from rtb_optimizer.errors import ConfigInvalid


class Origin(StrEnum):
    """Where a value of the snapshot came from; a later one wins."""

    DEFAULT = "default"
    ENTITY = "entity"
    TRIGGER = "trigger"


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
