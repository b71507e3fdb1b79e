"""The page of the configuration: shown by section, edited in place, validated, and every change recorded."""

import pytest
from sqlalchemy import select, update

from rtb_optimizer.store import configs, connections, queries
from rtb_optimizer.store.schema import Entity, EntityConfig, EntityConfigChange, Run, VersionConfig

CONFIG = "/rtb/entities/drugs_com/config"
HOSTILE = '"><script>alert(1)</script>'


@pytest.fixture
def entity(add_entity):
    return add_entity()


@pytest.fixture
def stored(session, entity):
    """Return an entity's overrides as they stand now."""

    def now():
        session.rollback()
        return configs.overrides(session, entity.entity_id)

    return now


@pytest.fixture
def override(entity):
    """Override keys as somebody else does meanwhile."""

    def change(by="ben", **values):
        with connections.session() as own:
            configs.set_overrides(own, own.get_one(Entity, entity.entity_id), values, by)
            own.commit()

    return change


def form_of(page, key):
    """What a browser would send of the section that has a key, as the page shows it."""
    form = page.select_one(f"#key-{key}").find_parent("form")
    return {field["name"]: value_of(field) for field in form.select("[name]")}


def value_of(field):
    if field.name == "select":
        return field.select_one("option[selected]")["value"]
    return field.text.removeprefix("\n") if field.name == "textarea" else field.get("value", "")


def why(page, key):
    return [found.text for found in page.select(f'[id^="key-{key}-why"]')]


def test_every_key_is_shown_in_its_section_with_value_limits_help_and_default(browser, read, entity, session):
    page = read(browser.get(CONFIG))
    rows = queries.config_rows(session, session.get_one(Entity, entity.entity_id))
    assert [section.h2.text for section in page.select("section")] == list(
        dict.fromkeys(row["section"] for row in rows)
    )
    assert page.select("details[open]") == []
    assert len(page.select(".field")) == len(rows)
    for row in rows:
        field = page.select_one(f"#key-{row['key']}").find_parent(class_="field")
        assert value_of(field.select_one(f"#key-{row['key']}")) == (row["text"] or "")
        assert field.select_one("label")["for"] == f"key-{row['key']}"
        assert row["description"] in field.text
        assert row["limits"] in field.text
        assert ("set by tester" in field.text) == (row["origin"] == "entity") == ("set" in field["class"])


@pytest.mark.parametrize(
    ("query", "keys"),
    [
        ("q=maximum+FEATURES+selection", ["max_features", "max_interactions"]),
        ("q=max_missing_share", ["max_missing_share"]),
        ("only=set&q=device_type", ["candidate_features"]),
        ("q=no+such+words", []),
    ],
    ids=["words of the title", "a key", "a value, of what is set", "nothing"],
)
def test_a_search_shows_the_keys_that_hold_all_its_words(browser, read, entity, query, keys):
    assert entity
    page = read(browser.get(f"{CONFIG}?{query}"))
    assert [field.select_one(".name code").text for field in page.select(".field")] == keys
    assert len(page.select("details:not([open])")) == 0
    assert ("No key has these words" in page.text) == (not keys)


def test_what_is_set_alone_can_be_shown(browser, read, entity, session):
    rows = queries.config_rows(session, session.get_one(Entity, entity.entity_id))
    page = read(browser.get(f"{CONFIG}?only=set"))
    shown = [field.select_one(".name code").text for field in page.select(".field")]
    assert shown == [row["key"] for row in rows if row["origin"] == "entity"]
    assert page.select_one("input[name=only]").has_attr("checked")


def test_a_section_with_a_refused_value_is_unfolded(browser, read, entity):
    assert entity
    fields = form_of(read(browser.get(CONFIG)), "max_features") | {"value:max_features": "99"}
    page = read(browser.post(CONFIG, data=fields))
    assert [section.h2.text for section in page.select("section") if section.select("details[open]")] == ["Selection"]


def test_a_section_stays_unfolded_when_its_keys_were_saved_or_unset(browser, read, entity):
    assert entity
    fields = form_of(read(browser.get(CONFIG)), "max_features") | {"value:max_features": "7"}
    for page in (read(browser.post(CONFIG, data=fields)), read(browser.post(f"{CONFIG}/max_features/unset"))):
        unfolded = [section.h2.text for section in page.select("section") if section.select("details[open]")]
        assert unfolded == ["Selection"]


def test_a_page_sent_as_it_is_changes_nothing(browser, read, entity, stored, session):
    before, lines = stored(), len(configs.changes(session, entity.entity_id))
    page = read(browser.get(CONFIG))
    for section in page.select("section"):
        key = section.select_one(".field [id^=key-]")["id"].removeprefix("key-")
        answer = read(browser.post(CONFIG, data=form_of(page, key)))
        assert "Nothing was changed" in answer.select_one("[role=status]").text
    assert stored() == before
    assert len(configs.changes(session, entity.entity_id)) == lines


def test_a_good_value_is_stored_with_the_reader_s_name_and_airflow_is_told(browser, read, entity, session, tmp_path):
    data = form_of(read(browser.get(CONFIG)), "schedule") | {"value:schedule": "0 5 * * *"}
    page = read(browser.post(CONFIG, data=data))
    assert "Saved" in page.select_one("[role=status]").text
    row = session.scalars(select(EntityConfig).where(EntityConfig.config_key == "schedule")).one()
    assert (row.config_value, row.updated_by) == ("0 5 * * *", "admin")
    line = session.scalars(select(EntityConfigChange).order_by(EntityConfigChange.id.desc()).limit(1)).one()
    assert (line.config_key, line.old_value, line.new_value, line.changed_by) == (
        "schedule",
        None,
        "0 5 * * *",
        "admin",
    )
    assert "0 5 * * *" in (tmp_path / "entities.json").read_text()
    assert "set by admin" in page.select_one("#key-schedule").find_parent(class_="field").text
    assert entity


@pytest.mark.parametrize(
    ("key", "typed", "said"),
    [
        ("max_features", "21", "above the maximum of 20"),
        ("max_features", "many", "is not an integer"),
        ("max_features", "", "a value is needed"),
        ("timezone", "Mars/Olympus", "Mars/Olympus"),
        ("schedule", HOSTILE, "is not a cron expression"),
        ("outcome_column", " ", "a value is required"),
        ("objective", "fame", "is not one of outcome, value"),
        ("row_filter", '{"site": ', "is not JSON"),
        ("row_filter", '{"site": "x"}', "each column needs a list"),
        ("candidate_features", "browser, browser", "is listed more than once"),
    ],
)
def test_a_bad_value_is_told_at_its_field_kept_there_and_nothing_is_stored(browser, read, stored, key, typed, said):
    before = stored()
    data = form_of(read(browser.get(CONFIG)), key)
    other = next(name for name in data if name.startswith("value:") and name != f"value:{key}")
    answer = browser.post(CONFIG, data=data | {f"value:{key}": typed, other: data[other] or "x"})
    assert answer.status_code == 422
    page = read(answer)
    assert len(why(page, key)) == 1
    assert said in why(page, key)[0]
    field = page.select_one(f"#key-{key}")
    assert field["aria-invalid"] == "true"
    assert field.name == "select" or value_of(field) == typed
    assert "Nothing was saved" in page.select_one("[role=alert]").text
    assert page.select("script:not([src])") == []
    assert stored() == before


def test_what_was_refused_can_be_mended_and_sent_again(browser, read, stored):
    data = form_of(read(browser.get(CONFIG)), "max_features")
    refused = read(browser.post(CONFIG, data=data | {"value:max_features": "0", "value:min_z": "2.5"}))
    again = form_of(refused, "max_features")
    assert (again["value:max_features"], again["value:min_z"]) == ("0", "2.5")
    browser.post(CONFIG, data=again | {"value:max_features": "3"})
    assert stored().items() >= {"max_features": "3", "min_z": "2.5"}.items()


def test_a_rule_between_keys_of_two_sections_is_told_where_it_hurts(browser, read, stored):
    data = form_of(read(browser.get(CONFIG)), "anchor_features")
    page = read(browser.post(CONFIG, data=data | {"value:anchor_features": "user_id"}))
    assert "user_id is also in denied_features" in why(page, "anchor_features")[0]
    assert "user_id" not in stored()["anchor_features"]


def test_a_value_that_somebody_changed_meanwhile_is_not_overwritten_unseen(browser, read, stored, override):
    data = form_of(read(browser.get(CONFIG)), "min_z")
    override(min_z="4", dead_band="0.3")
    answer = browser.post(CONFIG, data=data | {"value:min_z": "2.5"})
    assert answer.status_code == 422
    page = read(answer)
    assert why(page, "min_z") == ["ben has changed this value: save again to overwrite it"]
    assert stored()["min_z"] == "4"
    browser.post(CONFIG, data=form_of(page, "min_z"))
    assert stored()["min_z"] == "2.5"


def test_a_value_that_only_others_changed_stays_theirs(browser, read, stored, override):
    data = form_of(read(browser.get(CONFIG)), "min_z")
    override(max_features="4")
    browser.post(CONFIG, data=data | {"value:min_z": "2.5"})
    assert stored().items() >= {"min_z": "2.5", "max_features": "4"}.items()


def test_an_override_is_set_back_to_the_default(browser, read, stored, override, session, entity):
    override(min_z="4")
    page = read(browser.get(CONFIG))
    button = page.select_one("#key-min_z").find_parent(class_="field").button
    told = read(browser.post(button["formaction"], data=form_of(page, "min_z") | {"value:min_z": "not read"}))
    assert "The default applies again" in told.select_one("[role=status]").text
    assert "min_z" not in stored()
    line = configs.changes(session, entity.entity_id)[0]
    assert (line.config_key, line.old_value, line.new_value, line.changed_by) == ("min_z", "4", None, "admin")
    assert browser.post(button["formaction"]).status_code == 404


@pytest.mark.parametrize(
    ("overridden", "key", "said"),
    [
        ({}, "logs_path", "a value is required and the key has no default"),
        ({"objective": "value"}, "value_column", "required when objective is value"),
    ],
)
def test_a_key_that_other_keys_need_is_not_set_back(browser, read, stored, override, overridden, key, said):
    override(**overridden)
    before = stored()
    answer = browser.post(f"{CONFIG}/{key}/unset")
    assert answer.status_code == 422
    assert said in why(read(answer), key)[0]
    assert stored() == before


def test_the_enter_key_saves_and_sets_nothing_back(browser, read, entity):
    """A browser that sends a form without a button pressed presses the first one."""
    assert entity
    for form in read(browser.get(CONFIG)).select("form.config"):
        assert form.button.get("formaction") is None


def test_an_override_that_the_version_no_longer_declares_is_shown_and_can_be_unset(
    browser, read, override, stored, session
):
    override(min_z="2")
    session.execute(update(VersionConfig).where(VersionConfig.config_key == "min_z").values(config_key="least_z"))
    session.commit()
    page = read(browser.get(CONFIG))
    assert page.select("section")[-1].h2.text == "not declared by the version: unset it"
    read(browser.post(page.select("section")[-1].select_one("[formaction]")["formaction"]))
    assert "min_z" not in stored()


@pytest.mark.parametrize("value", [HOSTILE, "{{ 7 * 7 }}", "\n\nb", "a\u202eb", "</textarea><b>", "\u0000"])
def test_a_hostile_value_is_shown_as_it_is_or_refused(browser, read, stored, value):
    data = form_of(read(browser.get(CONFIG)), "denied_features")
    answer = browser.post(CONFIG, data=data | {"value:denied_features": value})
    if "\u0000" in value:
        assert answer.status_code == 422
        assert "denied_features" not in stored()
        return
    assert stored()["denied_features"] == value
    page = read(browser.get(CONFIG))
    assert form_of(page, "denied_features")["value:denied_features"] == value
    assert page.select("main script, main b") == []
    unchanged = browser.post(CONFIG, data=form_of(page, "denied_features"))
    assert "Nothing was changed" in unchanged.text


RETIRED_KEY = ("max_spike", "no config key any more: rate_spike warns from ten times the earlier rate on; leave it out")


@pytest.mark.parametrize("route", ["config", "what-if", "challenge"])
def test_a_form_of_before_an_update_says_which_of_its_values_has_no_key_any_more(browser, read, entity, stored, route):
    key, why = RETIRED_KEY
    assert entity
    before, form = stored(), form_of(read(browser.get(CONFIG)), "max_features")
    for changed in ({}, {"value:max_features": "7"}):
        answer = browser.post(
            f"/rtb/entities/drugs_com/{route}", data=form | {f"value:{key}": "4", f"was:{key}": "10"} | changed
        )
        assert answer.status_code == 422
        assert f"{key}: {why}" in " ".join(read(answer).select_one(".notice.bad").text.split())
    untouched = browser.post(CONFIG, data=form | {f"value:{key}": "10", f"was:{key}": "10"}, follow_redirects=False)
    assert untouched.status_code == 303
    assert stored() == before


def test_a_what_if_run_of_an_earlier_release_fills_in_what_there_still_is_and_says_what_not(
    browser, read, entity, make_run, session
):
    key, why = RETIRED_KEY
    run_id = make_run(entity, is_sandbox=True).run_id
    tried = {"overrides": {key: "4", "max_features": "7"}, "compared_run_id": run_id}
    session.get_one(Run, run_id).config_snapshot = {"values": {}, "what_if": tried}
    session.commit()

    page = read(browser.get(CONFIG, params={"tried": run_id}))

    assert page.select_one("#key-max_features")["value"] == "7"
    assert f"It also had {key}=4: {why}" in page.select_one(".notice").text
