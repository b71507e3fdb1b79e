"""The command line: help, records, one-line errors, and output for people and programs."""

import json
import os
import re
import subprocess
import sys

import psycopg
import pytest
import typer
from sqlalchemy import select, update
from typer.testing import CliRunner

from checkout import CHECKOUT
from rtb_optimizer.cli.app import app, main
from rtb_optimizer.errors import ConfigInvalid, EntityInvalid, NotFound, RunIncomplete
from rtb_optimizer.steps import in_process
from rtb_optimizer.store import (
    activation,
    challenger_runs,
    connections,
    dag_list,
    entities,
    migrate,
    runs,
    verification,
)
from rtb_optimizer.store.objects import active_key
from rtb_optimizer.store.schema import Challenger, Entity, EntityConfig, Run, RunDecision, RunOutput

ADD = ("--name", "New", "--object-id", "7", "--s3-base-path", "s3://rtb/new", "--by", "ana")
SET = ("--set", "logs_path=s3://rtb/logs/", "--set", "outcome_column=click", "--set", "candidate_features=browser")


@pytest.fixture
def cli(catalog):
    """Run a command in this process; its output, or the error that `main` would print in one line."""
    assert catalog

    def run(*arguments):
        done = CliRunner().invoke(app, arguments, catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.stdout

    return run


@pytest.fixture
def process(tmp_path):
    """Run `python -m rtb_optimizer` as a person would; environment variables may be set or, with None, removed."""

    def run(*arguments, **changed):
        base = {**os.environ, "PYTHONPATH": "include", "AIRFLOW_HOME": str(tmp_path / "airflow"), **changed}
        surroundings = {name: value for name, value in base.items() if value is not None}
        command = [sys.executable, "-m", "rtb_optimizer", *arguments]
        return subprocess.run(
            command, cwd=CHECKOUT, env=surroundings, capture_output=True, text=True, timeout=60, check=False
        )

    return run


@pytest.fixture
def invoke(monkeypatch, capsys):
    """Run a command as `process` does, but in this process, which is faster."""

    def run(*arguments, **changed):
        for name, value in changed.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(sys, "argv", ["rtb_optimizer", *arguments])
        connections.catalog.cache_clear()
        with pytest.raises(SystemExit) as ended:
            main()
        connections.catalog.cache_clear()
        message = capsys.readouterr()
        return subprocess.CompletedProcess(arguments, ended.value.code, message.out, message.err)

    return run


@pytest.fixture
def exported():
    return lambda: [entry["entity_code"] for entry in dag_list.load(dag_list.path())["entities"]]


@pytest.fixture
def finished(make_run, store, session):
    """Make a run with all its outputs in S3 and finish it; returns the run."""

    def new(entity, gates=()):
        run = make_run(entity)
        prefix = active_key(entity.s3_base_path).rsplit("/", 1)[0]
        kinds = verification.OUTPUT_TYPES
        written = {kind: (store.put_once(f"{prefix}/{run.run_code}/{kind}", kind.encode()), 1) for kind in kinds}
        with connections.session() as own:
            runs.record_outputs(own, run.run_id, written)
            activation.complete_and_decide(own, run.run_id, 1, gates, allow_older=False)
            own.commit()
        session.expire_all()
        return run

    return new


def commands(of=None, name=()):
    """Walk every command with its words."""
    result = of or typer.main.get_command(app)
    yield name, result
    for word, child in getattr(result, "commands", {}).items():
        yield from commands(child, (*name, word))


LEAVES = [(name, command) for name, command in commands() if not hasattr(command, "commands")]
READS = [
    ("entities", "list"),
    ("config", "show", "drugs_com"),
    ("runs", "list"),
    ("runs", "list", "--entity", "drugs_com", "--limit", "1"),
    ("runs", "show", "1"),
    ("reconcile",),
    ("audit",),
    ("retention", "--dry-run"),
]


# ---- Help


def listed_macros(cli, *arguments):
    return {(row["format"], row["feature"]): row for row in json.loads(cli("macros", "list", "--json", *arguments))}


def test_a_column_with_a_name_of_its_own_is_given_a_macro_and_loses_it_again(cli):
    told = cli("macros", "set", "slot_id", "xandr", "${TAG_ID}")

    assert told == "xandr: slot_id is ${TAG_ID}; the next run of every entity uses it\n"
    row = {"feature": "slot_id", "format": "xandr", "template": "${TAG_ID}", "origin": "set"}
    assert listed_macros(cli, "--format", "xandr")[("xandr", "slot_id")] == row
    assert cli("macros", "unset", "slot_id", "xandr") == "xandr: slot_id has no macro any more\n"
    assert ("xandr", "slot_id") not in listed_macros(cli)


def test_a_macro_that_was_set_outlives_seeding_and_unset_brings_the_seeded_one_back(cli):
    cli("macros", "set", "country", "adx", "[GEO]")
    cli("seed")

    assert listed_macros(cli)[("adx", "country")]["template"] == "[GEO]"
    assert cli("macros", "unset", "country", "adx") == "adx: country is [ADX_COUNTRY] again\n"
    assert listed_macros(cli)[("adx", "country")]["origin"] == "seeded"
    with pytest.raises(NotFound, match=r"country has its seeded template \[ADX_COUNTRY\] in adx, and none was set"):
        cli("macros", "unset", "country", "adx")


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (
            ("slot_id", "xandr", "[TAG_ID]"),
            ConfigInvalid,
            r"is no xandr macro: it must match .*; was '\$\{TAG_ID\}' meant",
        ),
        (("slot_id", "zandr", "${TAG_ID}"), NotFound, "macro format 'zandr' is not one of adx"),
        ((" ", "xandr", "${TAG_ID}"), ConfigInvalid, "is not the name of a column"),
    ],
)
def test_a_macro_that_cannot_be_one_is_refused_with_what_was_probably_meant(cli, arguments, error, message):
    with pytest.raises(error, match=message):
        cli("macros", "set", *arguments)


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("macros list --format zandr", "macro format 'zandr' is not one of adx"),
        ("macros list --entity nobody", "nobody"),
        ("macros unset slot_id zandr", "macro format 'zandr' is not one of adx"),
        ("runs list --entity nobody", "nobody"),
        *((f"{name} nobody", "nobody") for name in ("audit", "retention", "live", "deliveries", "diff", "explain")),
        *((f"{name} nobody", "nobody") for name in ("config show", "config history", "entities pause --by ana")),
        ("config unset drugs_com no_key --by ana", "no_key"),
        ("migrate --to 9999", "9999"),
    ],
)
def test_a_name_that_there_is_not_is_an_error_and_not_an_empty_answer(cli, add_entity, command, message):
    add_entity()
    with pytest.raises((NotFound, ConfigInvalid), match=message):
        cli(*command.split())


def test_an_entity_has_macros_of_its_own_by_its_configuration(cli, add_entity):
    add_entity()
    own = {"adx": {"country": "", "slot_id": "[ADX_SLOT]"}}
    cli("config", "set", "drugs_com", f"macro_templates={json.dumps(own)}", "--by", "ana")
    macros = listed_macros(cli, "--entity", "drugs_com")

    assert ("adx", "country") not in macros
    assert ("adx", "country") in listed_macros(cli)
    assert macros[("adx", "slot_id")]["origin"] == "entity"
    assert macros[("adx", "hour")]["origin"] == "seeded"


@pytest.mark.parametrize(
    ("templates", "message"),
    [
        ({"zandr": {"a": "${A}"}}, "macro_templates: 'zandr' is not one of"),
        ({"xandr": {"a": "[A]"}}, "macro_templates: a: '[A]' is no xandr macro"),
        ({"xandr": ["a"]}, "macro_templates: 'xandr' needs a template by feature"),
    ],
)
def test_macros_of_an_entity_are_checked_when_they_are_saved(cli, add_entity, templates, message):
    add_entity()
    with pytest.raises(ConfigInvalid, match=re.escape(message)):
        cli("config", "set", "drugs_com", f"macro_templates={json.dumps(templates)}", "--by", "ana")


def test_the_commands_are_the_documented_ones():
    assert {" ".join(name) for name, _ in LEAVES} == {
        *("migrate", "seed", "manifest", "reconcile", "run", "activate", "rollback"),
        *("audit", "retention", "deliveries", "doctor"),
        *(f"entities {word}" for word in ("list", "add", "pause", "resume", "remove")),
        *(f"config {word}" for word in ("show", "set", "unset", "history")),
        *(f"macros {word}" for word in ("set", "unset", "list")),
        "logs inspect",
        *("runs list", "runs show", "runs export", "rebuild", "explain", "diff", "live", "what-if"),
        *("challenge", "challenger promote", "challenger drop"),
    }


@pytest.mark.parametrize(
    ("name", "command"), list(commands()), ids=[" ".join(name) or "root" for name, _ in commands()]
)
def test_every_command_and_each_of_its_options_has_a_help_text(name, command):
    assert len(command.help.split()) >= 3, name
    undocumented = [p.name for p in command.params if p.name != "help" and not (getattr(p, "help", "") or "").strip()]
    assert undocumented == []
    output = CliRunner().invoke(app, [*name, "--help"], env={"COLUMNS": "200"})
    assert output.exit_code == 0
    assert command.help.split(".")[0].split("\n")[0].replace("`", "") in re.sub(r"\s+", " ", output.output)


@pytest.mark.parametrize("name", [name for name, command in commands() if hasattr(command, "commands")])
def test_a_group_without_a_command_shows_its_help(name):
    assert "Usage:" in CliRunner().invoke(app, name).output


def test_the_version_is_printed():
    assert re.fullmatch(r"\d+\.\d+.*\n", CliRunner().invoke(app, ["--version"]).output)


def test_every_command_that_lists_shows_or_decides_has_a_json_form():
    without = {name for name, command in LEAVES if "as_json" not in [p.name for p in command.params]}
    # What these have done is one line; `manifest --show` is JSON as it is.
    assert {" ".join(name) for name in without} == {
        *("migrate", "seed", "manifest", "config set", "config unset", "macros set", "macros unset", "runs export"),
        *(f"entities {word}" for word in ("add", "pause", "resume", "remove")),
    }


# ---- Reads


def test_what_is_read_as_json_is_json_and_as_a_table_says_the_same(cli, add_entity, finished):
    run = finished(add_entity())
    result = {read: (json.loads(cli(*read, "--json")), cli(*read)) for read in READS}
    listed, table = result["entities", "list"]
    assert [row["entity_code"] for row in listed] == ["drugs_com"]
    assert listed[0]["active_run_id"] == run.run_id
    assert table.splitlines()[0].split() == [
        *("entity_code", "object_type", "object_id", "version_code", "status", "active_run_id", "active_data_end"),
        *("valid_until", "is_stale"),
    ]
    assert "drugs_com" in table.splitlines()[1]
    output, lines = result["runs", "show", "1"]
    assert (output["run_code"], output["is_active"]) == (run.run_code, True)
    assert any(line.split() == ["run_code", run.run_code] for line in lines.splitlines())
    configured = {row["key"]: row["value"] for row in result["config", "show", "drugs_com"][0]}
    assert configured["candidate_features"][0] == "internal_adspace_id"
    assert result["reconcile",][0] == {"repaired": 1}


def test_an_empty_catalog_says_what_to_do_next_and_is_an_empty_list_for_a_program(cli):
    assert "entities add" in cli("entities", "list")
    assert "run ENTITY" in cli("runs", "list")
    assert json.loads(cli("entities", "list", "--json")) == json.loads(cli("runs", "list", "--json")) == []


def test_a_table_shows_each_row_in_one_line_and_brackets_as_they_are(cli, add_entity):
    add_entity(row_filter='{"site": ["a", "b"]}', missing_values='["[na]", "[/b]"]', outcome_column="[red]")
    lines = cli("config", "show", "drugs_com").splitlines()
    assert len(lines) == 1 + len(json.loads(cli("config", "show", "drugs_com", "--json")))
    assert any("[red]" in line for line in lines)
    assert any('["[na]", "[/b]"]' in line for line in lines)


# ---- The catalog


def test_migrating_and_seeding_again_change_nothing(cli):
    assert f"schema at revision {migrate.head()}, newest is {migrate.head()}" in [cli("migrate"), cli("migrate")][1]
    assert cli("seed") == cli("seed")
    assert "adx" in cli("seed")


def test_moving_down_needs_confirmation(cli, process):
    refused = process("migrate", "--down-to", "base")
    assert refused.returncode == 1
    assert "deletes data" in refused.stdout
    assert cli("entities", "list")
    assert "schema at revision none" in cli("migrate", "--down-to", "base", "--yes")


def test_the_dag_list_is_written_or_only_shown(cli, add_entity, tmp_path):
    add_entity()
    output = json.loads(cli("manifest", "--show"))
    assert not dag_list.path().exists()
    assert cli("manifest", "--to", str(tmp_path / "x.json")) == f"1 entities in {tmp_path / 'x.json'}\n"
    assert json.loads((tmp_path / "x.json").read_text()) == output


# ---- Entities and configuration


def test_each_change_of_an_entity_is_exported_at_once(cli, exported, session):
    assert "added new_com" in cli("entities", "add", "new_com", *ADD, *SET)
    assert exported() == ["new_com"]
    for word, status, there in (
        ("pause", "paused", []),
        ("resume", "active", ["new_com"]),
        ("remove", "retired", []),
        ("resume", "active", ["new_com"]),
    ):
        assert cli("entities", word, "new_com") == f"new_com is {status}\n"
        assert exported() == there
    assert {row.updated_by for row in session.scalars(select(EntityConfig))} == {"ana"}
    result = entities.find(session, "new_com")
    assert (result.entity_name, result.object_id, result.object_type) == ("New", 7, "ssp")


def test_an_entity_that_is_refused_is_neither_stored_nor_exported(cli, exported):
    cli("manifest")
    with pytest.raises(ConfigInvalid) as caught:
        cli("entities", "add", "new_com", *ADD, "--set", "max_features=0")
    assert {text.split()[0] for text in caught.value.violations} == {
        *("max_features", "logs_path", "outcome_column", "candidate_features")
    }
    with pytest.raises(EntityInvalid):
        cli("entities", "add", "New.com", *ADD, *SET)
    assert exported() == []
    assert json.loads(cli("entities", "list", "--json")) == []


def test_what_is_not_key_value_is_a_word_written_wrong(add_entity, catalog):
    assert catalog
    add_entity()
    for arguments in (("config", "set", "drugs_com", "max_features"), ("entities", "add", "x", *ADD, "--set", "a")):
        done = CliRunner().invoke(app, arguments)
        assert done.exit_code == 2
        assert "is not KEY=VALUE" in re.sub(r"\s+", " ", done.output)


@pytest.mark.parametrize(
    "arguments",
    [
        ("config", "set", "drugs_com", "max_features=5", "max_features=6"),
        ("run", "drugs_com", "--set", "max_features=5", "--set", "max_features=6"),
        ("explain", "drugs_com", "max_features=5", "max_features=6"),
    ],
    ids=["config set", "run", "explain"],
)
def test_what_is_given_twice_is_refused_instead_of_dropping_one(add_entity, catalog, arguments):
    assert catalog
    add_entity()
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 2
    assert "max_features is given twice" in re.sub(r"\s+", " ", done.output)


def test_a_value_is_set_by_somebody_and_unset_again(cli, add_entity, exported):
    add_entity()
    message = cli("config", "set", "drugs_com", "min_z=2", "schedule=5 4 * * *", "--by", "ben")
    assert message == "drugs_com: min_z, schedule set by ben; the next run uses it\n"
    rows = {row["key"]: row for row in json.loads(cli("config", "show", "drugs_com", "--json"))}
    assert (rows["min_z"]["value"], rows["min_z"]["updated_by"]) == (2.0, "ben")
    assert dag_list.load(dag_list.path())["entities"][0]["schedule"] == "5 4 * * *"
    cli("config", "unset", "drugs_com", "schedule")
    assert dag_list.load(dag_list.path())["entities"][0]["schedule"] == "22 3 * * *"
    assert exported() == ["drugs_com"]


def test_a_set_with_several_violations_reports_all_and_stores_none(cli, add_entity):
    add_entity()
    before = cli("config", "show", "drugs_com", "--json")
    with pytest.raises(ConfigInvalid) as caught:
        cli("config", "set", "drugs_com", "max_features=99", "nope=1", "min_z=x", "max_segments=5")
    assert sorted(text.split()[0] for text in caught.value.violations) == ["max_features", "min_z", "nope"]
    assert cli("config", "show", "drugs_com", "--json") == before


# ---- Runs


@pytest.mark.usefixtures("logs")
def test_a_whole_run_is_printed_step_by_step_and_recorded_as_the_person_s(cli, add_entity, session, store):
    entity = add_entity()
    window = ("--data-start", "2026-03-06", "--data-end", "2026-03-10")
    message = cli("run", "drugs_com", "--by", "ana", *window, "--set", "max_features=2").splitlines()
    assert [line.split(":")[0] for line in message[:-1]] == [
        *("wait_for_logs", "select_features", "measure_live", "build_segments", "map_ad_macros", "write_outputs")
    ]
    run = session.scalars(select(Run)).one()
    assert message[-1] == f"run {run.run_id} of drugs_com: activated, first active run of the entity"
    assert (run.triggered_by, run.airflow_dag_id, run.data_start.day, run.data_end.day) == ("manual:ana", "cli", 6, 10)
    assert run.config_snapshot["values"]["max_features"] == 2
    assert json.loads(store.read(active_key(entity.s3_base_path)))["run_id"] == run.run_id
    message = json.loads(cli("run", "drugs_com", *window, "--json"))
    assert (message["decision"], message["from_run_id"]) == ("activated", run.run_id)
    with pytest.raises(ConfigInvalid, match=r"max_features \(trigger\)"):
        cli("run", "drugs_com", "--set", "max_features=99")


def test_a_run_that_fails_is_recorded_with_its_step_and_its_reason(add_entity, invoke, session):
    add_entity()
    done = invoke("run", "drugs_com", "--data-start", "2026-03-09", "--data-end", "2026-03-10")
    run = session.scalars(select(Run)).one()
    assert (run.status, run.error_message.split(": ")[:2]) == ("failed", ["wait_for_logs", "LogsMissing"])
    assert done.returncode == 1
    assert_one_line(done, "1 of 1 partitions are not complete")


def test_a_person_activates_and_rolls_back_with_a_name_and_a_reason(cli, add_entity, finished, session, store):
    entity = add_entity()
    first, second = finished(entity), finished(entity)
    copy = active_key(entity.s3_base_path)
    why = "bids [/b] doubled [red]"
    message = cli("rollback", "drugs_com", "--by", "ana", "--reason", why)
    assert message == f"run {first.run_id} of drugs_com: rolled_back, {why}\n"
    assert json.loads(store.read(copy))["run_id"] == first.run_id
    message = cli("activate", second.run_code, "--by", "ben", "--reason", "was fine")
    assert message == f"run {second.run_id} of drugs_com: activated, was fine\n"
    assert json.loads(store.read(copy))["run_id"] == second.run_id
    cli("rollback", "drugs_com", "--by", "ana", "--reason", "by name", "--to", str(first.run_id))
    rows = session.scalars(select(RunDecision).order_by(RunDecision.decision_number)).all()
    assert [(row.run_id, row.decision, row.decided_by) for row in rows[2:]] == [
        (first.run_id, "rolled_back", "ana"),
        (second.run_id, "activated", "ben"),
        (first.run_id, "rolled_back", "ana"),
    ]


def test_a_decision_is_printed_for_a_program_too(cli, add_entity, finished):
    entity = add_entity()
    first, second = finished(entity), finished(entity)
    message = json.loads(cli("rollback", "drugs_com", "--reason", "x", "--json"))
    assert message == {
        "decision": "rolled_back",
        "reasons": ["x"],
        "entity_code": "drugs_com",
        "opt_run_id": first.run_id,
        "from_run_id": second.run_id,
        "copy_written": True,
    }
    message = json.loads(cli("activate", str(second.run_id), "--reason", "y", "--json"))
    assert (message["decision"], message["opt_run_id"], message["from_run_id"]) == (
        "activated",
        second.run_id,
        first.run_id,
    )


def test_a_run_whose_outputs_are_gone_is_neither_activated_nor_rolled_back_to(cli, add_entity, finished, store):
    entity = add_entity()
    first, second = finished(entity), finished(entity)
    prefix = active_key(entity.s3_base_path).rsplit("/", 1)[0]
    store.replace(f"{prefix}/{first.run_code}/segments", b"changed!")
    for command in (("activate", first.run_code), ("rollback", "drugs_com")):
        with pytest.raises(RunIncomplete, match="is not what was written"):
            cli(*command, "--reason", "x")
    assert json.loads(cli("entities", "list", "--json"))[0]["active_run_id"] == second.run_id


def test_a_decision_without_a_reason_is_refused(cli):
    for command in (("activate", "1"), ("rollback", "drugs_com")):
        with pytest.raises(AssertionError, match="--reason"):
            cli(*command)


def test_reconciling_writes_what_is_missing_and_counts_it(cli, add_entity, finished, store):
    entity = add_entity()
    finished(entity)
    assert cli("reconcile") == "1 copies written\n"
    store.replace(active_key(entity.s3_base_path), b"{")
    assert json.loads(cli("reconcile", "--json")) == {"repaired": 1}
    assert cli("reconcile") == "0 copies written\n"


def test_a_name_that_is_not_there_is_named(cli):
    for command in (
        "config show nope_com",
        "config unset nope_com min_z",
        "entities pause nope_com",
        "runs show 4711",
        "runs list --entity nope_com",
        "run nope_com",
        "activate 4711 --reason x",
        "rollback nope_com --reason x",
    ):
        with pytest.raises(NotFound, match=r"nope_com|4711"):
            cli(*command.split())


# ---- Errors, as a person sees them


def assert_one_line(done, message):
    assert done.returncode == 1, done
    assert done.stderr.count("\n") == 1, done.stderr
    assert done.stderr.startswith("error: ")
    assert message in done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_what_cannot_be_done_is_reported_in_one_line(invoke, catalog):
    assert catalog
    assert_one_line(invoke("config", "show", "nope_com"), "no entity 'nope_com'; existing: none")


def test_a_catalog_that_cannot_be_reached_is_named_without_its_password(process):
    url = "postgresql://rtb:s3cret@127.0.0.1:1/catalog"
    done = process("entities", "list", AIRFLOW_CONN_RTB_CATALOG=url)
    assert_one_line(done, "the catalog at postgresql+psycopg://rtb:***@127.0.0.1:1/catalog cannot be used")
    assert "s3cret" not in done.stdout + done.stderr


def test_a_wrong_password_is_reported_without_the_right_one_or_the_wrong_one(invoke, catalog, stack):
    secret = stack.credentials.postgres_password
    done = invoke("entities", "list", AIRFLOW_CONN_RTB_CATALOG=catalog.replace(secret, "s3cret"))
    assert_one_line(done, "password authentication failed")
    assert "s3cret" not in done.stderr
    assert secret not in done.stderr


def test_a_catalog_that_was_not_migrated_says_to_migrate_it(invoke, catalog):
    with psycopg.connect(catalog, autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public; SET lc_messages = 'C'")
    done = invoke("entities", "list")
    assert_one_line(done, "python -m rtb_optimizer migrate")


def test_a_role_that_may_not_read_is_reported_with_what_it_lacks(invoke, catalog):
    with psycopg.connect(catalog, autocommit=True) as connection:
        connection.execute("DROP ROLE IF EXISTS reader")
        connection.execute("CREATE ROLE reader LOGIN PASSWORD 's3cret'")
    url = re.sub(r"//.*@", "//reader:s3cret@", catalog)
    done = invoke("entities", "list", AIRFLOW_CONN_RTB_CATALOG=url)
    assert_one_line(done, "permission denied for table opt_entities")
    assert "s3cret" not in done.stderr


def test_an_s3_that_cannot_be_reached_is_named(process, add_entity, finished):
    run = finished(add_entity(), ("held, so that it is not active already",))
    closed = {"conn_type": "aws", "login": "k", "password": "s3cret", "extra": {"endpoint_url": "http://127.0.0.1:1"}}
    done = process("activate", run.run_code, "--reason", "x", AIRFLOW_CONN_RTB_S3=json.dumps(closed))
    assert_one_line(done, "the S3 of connection 'rtb_s3' cannot be used")
    assert "http://127.0.0.1:1" in done.stderr
    assert "s3cret" not in done.stderr


def test_copies_that_cannot_be_written_are_named_with_their_entity(process, add_entity, finished, session):
    finished(add_entity())
    session.execute(update(Entity).values(s3_base_path="s3://no-such-bucket/x"))
    session.commit()
    assert_one_line(process("reconcile"), "active.json does not match the catalog: drugs_com: ")


def test_a_dag_list_that_cannot_be_written_is_named(invoke, catalog, tmp_path):
    assert catalog
    (tmp_path / "a file").write_text("")
    done = invoke("manifest", RTB_MANIFEST=str(tmp_path / "a file" / "entities.json"))
    assert_one_line(done, "a file")


def test_a_connection_that_is_not_set_is_reported_with_the_variable_that_sets_it(process):
    done = process("entities", "list", AIRFLOW_CONN_RTB_CATALOG=None)
    assert_one_line(done, "AIRFLOW_CONN_RTB_CATALOG")


def test_a_bid_is_explained_with_the_rows_that_make_it(cli, ran):
    (run_id,) = ran({})
    as_json = json.loads(cli("explain", "drugs_com", "internal_adspace_id=1000", "--json"))
    as_table = cli("explain", "drugs_com", "internal_adspace_id=1000")

    assert as_json["run_id"] == run_id
    assert f"{as_json['multiplier']:.5g}" in as_table
    assert all(row["segment"] in as_table for row in as_json["rows"])


@pytest.mark.usefixtures("logs")
def test_two_runs_are_compared_row_by_row_with_causes_that_add_up(cli, add_entity, request_run):
    add_entity()
    in_process.run(request_run(data_start="2026-03-06", data_end="2026-03-09"))
    in_process.run(request_run(dag_run_id="manual__2", overrides={"max_features": 2, "multiplier_max": 1.5}))
    as_json = json.loads(cli("diff", "drugs_com", "--json"))
    as_table = cli("diff", "drugs_com")
    output, named = as_json["largest"], (as_json[side]["run_code"] for side in ("before", "after"))

    assert json.loads(cli("diff", "drugs_com", *named, "--limit", "1", "--json"))["largest"] == output[:1]
    assert all(f"{row['segment']} " in as_table and f"{row['after']:.5g}" in as_table for row in output)
    assert re.search(r"^rows +\d+ -> \d+: \d+ appeared, \d+ vanished, \d+ moved, \d+ stayed$", as_table, re.MULTILINE)
    assert re.search(r"^multiplier_max +15 +1\.5 *$", as_table, re.MULTILINE)
    assert all(f"-{name}" in as_table for name in as_json["features"]["removed"])
    assert "data + model + config + normaliser" in as_table.splitlines()[-1]


def test_what_if_shows_the_difference_the_gates_and_how_to_save_and_saves_nothing(
    cli, logs, add_entity, request_run, session
):
    assert logs is None
    entity = add_entity()
    active = in_process.run(request_run()).opt_run_id
    before = cli("config", "show", "drugs_com", "--json")
    values = ("--set", "max_features=2", "--set", "candidate_features=internal_adspace_id, device_type")
    done = CliRunner().invoke(app, ["what-if", "drugs_com", *values, "--by", "ana"], catch_exceptions=False)

    assert done.exit_code == 0
    assert [line.split(":")[0] for line in done.stderr.splitlines()] == [step for step, _ in in_process.STEPS]
    run = session.scalars(select(Run).order_by(Run.run_id.desc()).limit(1)).one()
    table = done.stdout
    assert re.search(rf"^what-if run +{run.run_code}, never activated$", table, re.MULTILINE)
    assert re.search(r"^max_features +12 +2 *$", table, re.MULTILINE)
    assert re.search(r"^predicted spend +[+\u2212]?[\d.]+%$", table, re.MULTILINE)
    assert re.search(r"^predicted outcomes +[+\u2212]?[\d.]+%$", table, re.MULTILINE)
    assert re.search(r"^gates +all are passed$", table, re.MULTILINE)
    save = next(line for line in table.splitlines() if line.startswith("save by"))
    command = "rtb config set drugs_com max_features=2 'candidate_features=internal_adspace_id, device_type'"
    assert save.split(maxsplit=2)[2] == command
    assert cli("config", "show", "drugs_com", "--json") == before
    assert session.scalar(select(Entity.active_run_id).where(Entity.entity_id == entity.entity_id)) == active
    assert [row["is_sandbox"] for row in json.loads(cli("runs", "list", "--json"))] == [True, False]

    shown = json.loads(cli("what-if", "drugs_com", *values, "--json"))
    assert shown["features"]["removed"]
    assert shown["before"]["run_id"] == shown["what_if"]["compared_run_id"] == active
    assert shown["after"]["run_id"] == shown["what_if"]["run_id"] > run.run_id
    assert shown["what_if"]["verdict"]["decision"] == "activate"
    assert (shown["what_if"]["save"], shown["what_if"]["caveats"]) == (command, [])


def test_what_if_without_an_active_run_or_with_invalid_values_is_one_line_and_records_no_run(
    invoke, add_entity, make_run, session
):
    entity = add_entity()
    assert_one_line(invoke("what-if", "nope_com"), "no entity 'nope_com'")
    message = "drugs_com has no active run, and a what-if run is compared with it on its window: run the entity first"
    assert_one_line(invoke("what-if", "drugs_com", "--set", "max_features=2"), message)
    run = make_run(entity, status="succeeded")
    runs_before = session.scalars(select(Run.run_id)).all()
    session.execute(update(Entity).values(active_run_id=run.run_id))
    session.commit()
    assert_one_line(invoke("what-if", "drugs_com"), f"the outputs of run {run.run_id} are gone")
    assert invoke("what-if", "drugs_com", "--set", "max_features").returncode == 2
    session.rollback()
    assert session.scalars(select(Run.run_id)).all() == runs_before


def test_a_what_if_run_is_neither_activated_nor_rolled_back_to(invoke, add_entity, finished, make_run, session):
    entity = add_entity()
    finished(entity)
    run = make_run(entity, is_sandbox=True)
    activation.complete_and_decide(session, run.run_id, 1, (), allow_older=False)
    session.commit()
    reason = ("--reason", "x", "--by", "ana")
    message = f"run {run.run_code} cannot be activated: a what-if run is never activated"
    assert_one_line(invoke("activate", str(run.run_id), *reason), message)
    assert_one_line(invoke("rollback", "drugs_com", "--to", str(run.run_id), *reason), message)


def test_runs_that_cannot_be_compared_are_reported_with_the_existing_ones(invoke, add_entity, finished):
    assert_one_line(invoke("diff", "nope_com"), "no entity 'nope_com'")
    run = finished(add_entity())
    assert_one_line(invoke("diff", "drugs_com"), f"the only succeeded run is {run.run_id} ({run.run_code})")


# ---- Challengers


@pytest.fixture
def challenged(cli, add_entity, finished, make_run, store, session):
    """An entity with an active run and an open challenger with a live run; returns that run."""
    entity = add_entity()
    finished(entity)
    cli("challenge", "drugs_com", "--share", "0.2", "--set", "max_features=3", "--by", "ana")
    number = session.scalars(select(Challenger.challenger_id)).one()
    run = make_run(entity, challenger_id=number)
    prefix = active_key(entity.s3_base_path).rsplit("/", 1)[0]
    kinds = verification.OUTPUT_TYPES
    written = {kind: (store.put_once(f"{prefix}/{run.run_code}/{kind}", kind.encode()), 1) for kind in kinds}
    runs.record_outputs(session, run.run_id, written)
    challenger_runs.complete(session, run.run_id, 1, ())
    session.commit()
    return run


def test_challenge_opens_a_challenger_and_shows_the_open_one(cli, add_entity, finished):
    finished(add_entity())
    opened = cli("challenge", "drugs_com", "--share", "0.2", "--set", "max_features=3", "--by", "ana")
    shown = cli("challenge", "drugs_com", "--by", "ana")

    assert opened.startswith("drugs_com is challenged from the next night on:")
    for line in ("challenger +max_features=3", "share +20% of the requests, since .*, by ana", "live run +none yet"):
        assert re.search(rf"^{line}", shown, re.MULTILINE), line
    assert json.loads(cli("challenge", "drugs_com", "--by", "ana", "--json"))["overrides"] == {"max_features": "3"}


def test_what_cannot_be_challenged_is_one_line(invoke, add_entity, finished):
    entity = add_entity()
    values = ("--set", "max_features=3", "--by", "ana")
    assert_one_line(invoke("challenge", "drugs_com", *values), "drugs_com has no active run that could be challenged")
    finished(entity)
    assert_one_line(invoke("challenge", "drugs_com", "--by", "ana"), "drugs_com has no challenger: `rtb challenge")
    why = "outcome_column: a challenger cannot override it"
    assert_one_line(invoke("challenge", "drugs_com", "--set", "outcome_column=x", "--by", "ana"), why)
    assert_one_line(invoke("challenge", "drugs_com", *values, "--share", "2"), "share: 2 is no share of the requests")


def test_a_promoted_challenger_is_the_configuration_and_the_active_run(cli, challenged, session, store):
    listed = cli("runs", "list")
    assert re.search(rf"^{challenged.run_id} .* challenger: challenging", listed, re.MULTILINE)
    done = cli("challenger", "promote", "drugs_com", "--by", "ana", "--reason", "better")

    assert done.startswith("challenger max_features=3: promoted")
    session.expire_all()
    assert session.scalars(select(Entity.active_run_id)).one() == challenged.run_id
    values = {row["key"]: row["value"] for row in json.loads(cli("config", "show", "drugs_com", "--json"))}
    assert values["max_features"] == 3
    copy = json.loads(store.read(active_key(session.scalars(select(Entity)).one().s3_base_path)))
    assert (copy["run_id"], "challenger" in copy) == (challenged.run_id, False)


def test_a_dropped_challenger_leaves_the_active_run(cli, challenged, session):
    before = session.scalars(select(Entity.active_run_id)).one()
    done = json.loads(cli("challenger", "drop", "drugs_com", "--by", "ana", "--reason", "no gain", "--json"))

    assert (done["result"], done["run_id"], done["copy_written"]) == ("dropped", challenged.run_id, True)
    session.expire_all()
    assert session.scalars(select(Entity.active_run_id)).one() == before
    assert session.scalars(select(RunDecision.decision).order_by(RunDecision.id.desc()).limit(1)).one() == "dropped"


def test_the_run_of_a_challenger_is_active_only_when_it_is_promoted(invoke, challenged):
    reason = ("--reason", "x", "--by", "ana")
    message = f"run {challenged.run_code} cannot be activated: a challenger's run is active only when it is promoted"
    assert_one_line(invoke("activate", str(challenged.run_id), *reason), message)
    assert_one_line(invoke("rollback", "drugs_com", "--to", str(challenged.run_id), *reason), message)


def test_audit_reads_back_the_outputs_of_a_live_challenger(cli, invoke, challenged, session, store):
    assert len(json.loads(cli("audit", "--json"))) == 2
    row = session.scalars(select(RunOutput).where(RunOutput.run_id == challenged.run_id).limit(1)).one()
    store.delete([row.s3_key])

    broken = invoke("audit")
    assert broken.returncode == 1
    assert f"run {challenged.run_code}: {row.output_type} is gone" in broken.stderr


def test_deliveries_say_what_goes_where_and_how_it_stands(cli, add_entity):
    add_entity("nowhere_com")
    add_entity(
        exports="plain",
        export_deliveries='{"plain": {"to": "s3://bidder/tables", "connection": "rtb_delivery_bidder"}}',
    )

    assert "nowhere_com delivers nothing" in cli("deliveries", "nowhere_com")
    (row,) = json.loads(cli("deliveries", "drugs_com", "--now", "--json"))
    assert (row["export"], row["destination"], row["status"]) == ("plain", "s3://bidder/tables", "waiting")
    assert row["problem"] == "no run was active yet"
