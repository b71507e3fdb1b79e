"""Builds the trigger form of the Airflow UI: the window, and the config keys that a version shows there.

Every field is empty by default: the form sends all fields, and an empty one keeps the entity's own setting.
"""

from collections.abc import Iterable
from typing import Any

from airflow.sdk import Param, ParamsDict

from rtb_optimizer.store.dag_list import FormField


def trigger_form(fields: Iterable[FormField]) -> ParamsDict:
    """Return the window's fields and one for each declared key, validated once by Airflow's rules."""
    form = ParamsDict(_window_params() | {field.key: _param(field) for field in fields})
    form.validate()
    return form


def _window_params() -> dict[str, Param]:
    text = "Both dates or neither; empty: the schedule's interval, else the last complete days."
    return {
        name: Param(None, type=["null", "string"], format="date", title=title, section="Window", description=text)
        for name, title in (("data_start", "Data start (inclusive)"), ("data_end", "Data end (exclusive)"))
    }


_JSON_TYPES = {"integer": "integer", "float": "number", "boolean": "boolean", "list": "array", "json": "object"}


def _param(field: FormField) -> Param:
    """Return a form field that is empty by default: the form sends every field, and empty means inherit."""
    bounds = {"minimum": field.minimum, "maximum": field.maximum}
    limits: dict[str, Any] = {name: limit for name, limit in bounds.items() if limit is not None}
    if field.type not in ("integer", "float"):
        suffix = "Items" if field.type == "list" else "Length"
        limits = {f"{name[:3]}{suffix}": int(limit) for name, limit in limits.items()}
    if field.choices:
        limits["enum"] = [None, *field.choices]
    return Param(
        None,
        type=["null", _JSON_TYPES.get(field.type, "string")],
        title=field.title,
        section=field.section,
        description=_help(field),
        **limits,
    )


def _help(field: FormField) -> str:
    """Return a field's description with its limits: the form silently clamps a number to its limits."""
    sides = (("at least", field.minimum), ("at most", field.maximum))
    bounds = [f"{side} {limit:,.12g}" for side, limit in sides if limit is not None]
    limits = f" {', '.join(bounds).capitalize()}." if bounds and field.type in ("integer", "float") else ""
    return f"{field.description}{limits} Empty: the entity's own setting (default {field.default})."
