"""Reads and writes the macro templates of features, which all entities of an optimizer share.

An entity's config key macro_templates takes precedence over them. A feature of store/seeds/dialects.toml has the
template of that file until it is set otherwise.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import TypedDict

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from rtb_optimizer.core.macros.dialect import template_problem
from rtb_optimizer.core.macros.lint import probable_macro
from rtb_optimizer.core.sample.values import WILDCARD
from rtb_optimizer.errors import ConfigInvalid, NotFound
from rtb_optimizer.store.schema import FeatureMacro, Optimizer
from rtb_optimizer.store.seeds import OPT_CODE, dialect, seeded_templates


class MacroOrigin(StrEnum):
    """Where a template comes from: the product's file, a person who set it for all entities, or an entity's own key."""

    SEEDED = "seeded"
    SET = "set"
    ENTITY = "entity"


class TemplateRow(TypedDict):
    """A template as lists show it."""

    feature: str
    format: str
    template: str
    origin: MacroOrigin


def templates_of(session: Session, opt_id: int, macro_format: str, own: Mapping[str, object]) -> dict[str, str]:
    """Return the template of each feature in a format; `own` is an entity's macro_templates, "" removes one."""
    of_format = FeatureMacro.opt_id == opt_id, FeatureMacro.macro_format == macro_format
    rows = session.execute(select(FeatureMacro.feature_name, FeatureMacro.macro_template).where(*of_format))
    shared = {name: template for name, template in rows}  # noqa: C416 - rows are no pairs to dict()'s type
    overriding = own.get(macro_format)
    named = overriding if isinstance(overriding, dict) else {}
    return {name: template for name, template in {**shared, **named}.items() if template}


def template_rows(session: Session, own: Mapping[str, object]) -> list[TemplateRow]:
    """Return every template, by format and feature; `own` is an entity's macro_templates, empty for none."""
    opt_id = _opt_id(session)
    formats = set(session.scalars(select(FeatureMacro.macro_format).where(FeatureMacro.opt_id == opt_id))) | set(own)
    rows = list[TemplateRow]()
    for name in sorted(formats):
        shared, of_entity = templates_of(session, opt_id, name, {}), templates_of(session, opt_id, name, own)
        seeded = seeded_templates(name)
        for feature, template in sorted(of_entity.items()):
            origin = MacroOrigin.SEEDED if template == seeded.get(feature) else MacroOrigin.SET
            is_own = shared.get(feature) != template
            entry = MacroOrigin.ENTITY if is_own else origin
            rows.append({"feature": feature, "format": name, "template": template, "origin": entry})
    return rows


def set_template(session: Session, feature: str, macro_format: str, template: str) -> str | None:
    """Give a feature its template in a format, for all entities; return the known macro that it may misspell.

    Raises:
        NotFound: when there is no such format.
        ConfigInvalid: when the template is no macro of the format, or the name of the feature is blank.
    """
    of_format = dialect(macro_format)
    problem = template_problem(template, of_format)
    meant = probable_macro(template, of_format)
    if problem:
        raise ConfigInvalid([f"{problem}; was {meant!r} meant?" if meant else problem])
    if not feature.strip() or feature == WILDCARD:
        raise ConfigInvalid([f"{feature!r} is not the name of a column"])
    _write(session, feature, macro_format, template)
    return meant


def unset_template(session: Session, feature: str, macro_format: str) -> str | None:
    """Remove the template that was set for a feature; return the seeded one, which then applies again.

    Raises:
        NotFound: when there is no such format, or no template was set.
    """
    dialect(macro_format)
    seeded = seeded_templates(macro_format).get(feature)
    stored = templates_of(session, _opt_id(session), macro_format, {}).get(feature)
    if stored is None or stored == seeded:
        whose = f"has its seeded template {seeded}" if seeded else "has no template"
        raise NotFound(
            f"{feature} {whose} in {macro_format}, and none was set; to leave it open for one entity: "
            f'macro_templates={{"{macro_format}": {{"{feature}": ""}}}}'
        )
    if seeded:
        _write(session, feature, macro_format, seeded)
    else:
        own = FeatureMacro.feature_name == feature, FeatureMacro.macro_format == macro_format
        session.execute(delete(FeatureMacro).where(FeatureMacro.opt_id == _opt_id(session), *own))
    return seeded


def macro_template_problems(own: Mapping[str, object]) -> list[str]:
    """Return what is wrong with an entity's macro_templates; formats that there are not are told elsewhere."""
    problems = []
    for name, templates in sorted(own.items()):
        if not isinstance(templates, dict) or not all(isinstance(each, str) for each in templates.values()):
            problems.append(f'macro_templates: {name!r} needs a template by feature, as {{"slot": "${{TAG_ID}}"}}')
            continue
        try:
            of_format = dialect(name)
        except NotFound:
            continue
        found = {feature: template and template_problem(template, of_format) for feature, template in templates.items()}
        problems += [f"macro_templates: {feature}: {problem}" for feature, problem in sorted(found.items()) if problem]
    return problems


def _write(session: Session, feature: str, macro_format: str, template: str) -> None:
    named = {"opt_id": _opt_id(session), "feature_name": feature, "macro_format": macro_format}
    row = insert(FeatureMacro).values(**named, macro_template=template)
    session.execute(row.on_conflict_do_update(index_elements=list(named), set_={"macro_template": template}))


def _opt_id(session: Session) -> int:
    opt_id = session.scalar(select(Optimizer.opt_id).where(Optimizer.opt_code == OPT_CODE))
    if opt_id is None:
        raise NotFound("the catalog is empty: run `python -m rtb_optimizer seed`")
    return opt_id
