"""Seeding is idempotent and matches the files."""

import pytest
from sqlalchemy import func, select, update

from rtb_optimizer.core.config.settings import Settings
from rtb_optimizer.core.macros.dialect import template_problem
from rtb_optimizer.errors import NotFound
from rtb_optimizer.store import configs, seeds
from rtb_optimizer.store.schema import (
    Base,
    FeatureMacro,
    Optimizer,
    Version,
    VersionConfig,
)


def counts(session):
    return {name: session.scalar(select(func.count()).select_from(t)) for name, t in Base.metadata.tables.items()}


def test_seeding_again_changes_nothing(session):
    before = counts(session)
    ids = session.scalars(select(VersionConfig.config_id).order_by(VersionConfig.config_key)).all()
    version_id = seeds.seed(session)
    assert counts(session) == before
    assert session.scalars(select(VersionConfig.config_id).order_by(VersionConfig.config_key)).all() == ids
    assert version_id == session.scalars(select(Version.version_id)).one()
    assert before["opt_master"] == before["opt_versions"] == 1
    assert before["opt_version_configs"] > 30


def test_seeding_again_brings_a_key_back_to_what_the_file_says(session):
    session.execute(update(VersionConfig).where(VersionConfig.config_key == "max_features").values(max_value=99))
    seeds.seed(session)
    query = select(VersionConfig.max_value).where(VersionConfig.config_key == "max_features")
    assert session.scalar(query) == 20


def test_the_declared_keys_are_those_the_code_reads(session):
    declared = configs.declared_keys(session, session.scalars(select(Version.version_id)).one())
    assert {key.key for key in declared} == set(Settings.__annotations__)
    assert all(key.section and key.display_name and key.description for key in declared)


def test_the_user_s_own_dialect_has_the_user_s_own_macro(session):
    templates = session.scalars(
        select(FeatureMacro.macro_template).where(
            FeatureMacro.macro_format == "adx", FeatureMacro.feature_name == "internal_adspace_id"
        )
    ).all()
    assert templates == ["[ADX_PLACEMENT_ID]"]


def test_every_seeded_template_is_written_as_its_dialect_writes_macros(session):
    rows = session.scalars(select(FeatureMacro)).all()
    assert {row.macro_format for row in rows} == {
        name for name, table in seeds._read("dialects").items() if "templates" in table
    }
    assert [
        row.macro_template for row in rows if template_problem(row.macro_template, seeds.dialect(row.macro_format))
    ] == []


def test_a_dialect_that_does_not_exist_is_reported_with_those_that_do():
    with pytest.raises(NotFound, match=r"macro format 'morse' is not one of .*adx"):
        seeds.dialect("morse")


def test_a_catalog_knows_whether_it_was_seeded(session):
    assert seeds.is_seeded(session)
    for table in (FeatureMacro, VersionConfig, Version, Optimizer):
        session.query(table).delete()
    assert not seeds.is_seeded(session)
