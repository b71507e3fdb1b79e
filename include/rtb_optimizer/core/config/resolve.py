"""Resolves the configuration of a run from version defaults, entity overrides and trigger overrides.

`resolve` combines the three into one snapshot that records the origin of each value, or raises with every violation.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from rtb_optimizer.core.config.key import ConfigKey, ConfigValue, read_value
from rtb_optimizer.core.config.retired import unknown_key
from rtb_optimizer.core.decision.nearest import nearest_hint
from rtb_optimizer.errors import ConfigInvalid


class Origin(StrEnum):
    """The origin of a value of the snapshot; a later one wins."""

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
    *,
    form_only: bool = False,
) -> Snapshot:
    """Resolve defaults, entity overrides and trigger overrides, the later winning.

    A trigger value of None means "not overridden": the trigger form sends every field, filled in or not. With
    `form_only` the trigger may set the keys of the form (`ui_visible`) and no others.

    Raises:
        ConfigInvalid: with every violation, each naming key, value and limit.
    """
    declared = {key.key: key for key in keys}
    overrides = {name: value for name, value in (trigger or {}).items() if value is not None}
    violations = _unknown(declared, entity or {}, Origin.ENTITY) + _unknown(declared, overrides, Origin.TRIGGER)
    violations += _not_on_the_form(declared, overrides) if form_only else []
    values: dict[str, ConfigValue] = {}
    origins: dict[str, Origin] = {}
    for name, key in sorted(declared.items()):
        raw, origin = _latest(name, key, entity or {}, overrides)
        try:
            values[name], origins[name] = read_value(key, raw), origin
        except ValueError as problem:
            violations.append(f"{name} ({origin}): {problem}")
    if violations:
        raise ConfigInvalid(violations)
    return Snapshot(values, origins)


def _unknown(declared: Mapping[str, ConfigKey], overrides: Mapping[str, object], origin: Origin) -> list[str]:
    return [f"{name} ({origin}): {unknown_key(name, declared)}" for name in sorted(overrides) if name not in declared]


def _not_on_the_form(declared: Mapping[str, ConfigKey], overrides: Mapping[str, object]) -> list[str]:
    on_form = [key.key for key in declared.values() if key.ui_visible]
    return [
        f"{name} ({Origin.TRIGGER}): not on the trigger form, which has {', '.join(on_form)}"
        f"{nearest_hint(name, on_form)}; set it for the entity instead"
        for name in sorted(overrides)
        if name in declared and name not in on_form
    ]


def _latest(
    name: str, key: ConfigKey, entity: Mapping[str, str], trigger: Mapping[str, object]
) -> tuple[object, Origin]:
    if name in trigger:
        return trigger[name], Origin.TRIGGER
    if name in entity:
        return entity[name], Origin.ENTITY
    return key.default, Origin.DEFAULT
