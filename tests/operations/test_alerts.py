"""Alerts are sent once, through a real SMTP server and a real webhook; a failing channel affects nothing else."""

import json
import logging
from datetime import UTC, date, datetime
from types import SimpleNamespace

import pytest
from sqlalchemy import func, select, text, update

from listening import PASSWORD, TOKEN, free_port, mail_server, webhook_server
from rtb_optimizer.core.config.window import Window
from rtb_optimizer.core.decision.alerts import of_failure
from rtb_optimizer.core.decision.warning import RunWarning
from rtb_optimizer.dag import callbacks
from rtb_optimizer.dag.notifier import AlertNotifier
from rtb_optimizer.errors import ActiveOutputsBroken, AlertsNotSent
from rtb_optimizer.operations import maintenance
from rtb_optimizer.operations.alerts import send_alerts
from rtb_optimizer.store import activation, alerts, configs, connections, entities, failures, runs
from rtb_optimizer.store.alerts import record_decision
from rtb_optimizer.store.runs import Attempt
from rtb_optimizer.store.schema import Run, RunAlert

WINDOW = Window(datetime(2026, 3, 9, tzinfo=UTC), datetime(2026, 3, 10, tzinfo=UTC))
BASE = "https://airflow.example.com"
SPIKE = RunWarning("rate_spike", "site=a has 10 times the entity's rate <b>&")


@pytest.fixture(autouse=True)
def base_url(monkeypatch):
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", f"{BASE}/")


@pytest.fixture
def mailbox(monkeypatch):
    """The mailbox that the connection rtb_alerts leads to."""
    with mail_server() as (box, connection):
        monkeypatch.setenv("AIRFLOW_CONN_RTB_ALERTS", json.dumps(connection))
        yield box


@pytest.fixture
def webhook(monkeypatch):
    """The webhook that the connection team_slack leads to."""
    with webhook_server() as (hook, connection):
        monkeypatch.setenv("AIRFLOW_CONN_TEAM_SLACK", json.dumps(connection))
        yield hook


@pytest.fixture
def failed(add_entity, make_run, session):
    """A run of an entity whose task failed."""

    def fail(entity=None, dag_run_id="manual__1", message="LogsInvalid: no column click"):
        run = make_run(entity or add_entity(), dag_run_id=dag_run_id)
        failures.fail(session, Attempt(run.airflow_dag_id, dag_run_id), message)
        session.commit()
        return run

    return fail


@pytest.fixture
def alert_rows(session):
    """The alerts in the catalog: kind, whether it was sent, and why not."""

    def rows():
        session.rollback()
        query = select(RunAlert.kind, RunAlert.sent_at.is_not(None), RunAlert.problem).order_by(RunAlert.id)
        return [tuple(row) for row in session.execute(query)]

    return rows


def configure(session, code="drugs_com", **values):
    configs.set_overrides(session, entities.find(session, code), values, "tester")
    session.commit()


def body(mail):
    return mail.get_body(("html",)).get_content()


def test_a_mail_has_the_event_the_cause_the_fix_and_a_link(mailbox, failed):
    run = failed()

    assert send_alerts() == 1
    (mail,) = mailbox.mails
    assert mail["subject"] == f"[failed] drugs_com: run {run.run_code} failed"
    assert mail["to"] == "oncall@example.com, yield@example.com"
    assert mail["from"] == "rtb@example.com"
    assert "Reason: LogsInvalid: no column click" in body(mail)
    assert "What to do: bidders keep reading the previous table; fix the cause" in body(mail)
    assert f"{BASE}/rtb/runs/{run.run_id}" in body(mail)


def test_a_webhook_gets_the_same(webhook, failed, session):
    run = failed()
    configure(session, alert_connection="team_slack")

    assert send_alerts() == 1
    ((path, posted),) = webhook.posts
    assert path == f"/services/{TOKEN}"
    assert posted["text"].splitlines() == [
        f"*[failed] drugs_com: run {run.run_code} failed*",
        "Reason: LogsInvalid: no column click",
        "What to do: bidders keep reading the previous table; fix the cause, then clear the whole dag run",
        f"{BASE}/rtb/runs/{run.run_id}",
    ]


def test_what_looks_like_markup_or_a_template_in_a_reason_is_sent_as_it_is(
    mailbox, webhook, failed, session, add_entity
):
    message = "ValueError: {{ conn.rtb_s3.password }} <script>alert(1)</script> & <!channel>"
    failed(message=message)
    failed(add_entity("other_com"), "manual__2", message)
    configure(session, "other_com", alert_connection="team_slack")

    assert send_alerts() == 2
    escaped = "{{ conn.rtb_s3.password }} &lt;script&gt;alert(1)&lt;/script&gt; &amp; &lt;!channel&gt;"
    assert escaped in body(mailbox.mails[0])
    assert escaped in webhook.posts[0][1]["text"]


def test_without_a_connection_nothing_is_sent_and_nothing_is_wrong(failed, alert_rows):
    failed()

    assert send_alerts() == 0
    assert alert_rows() == [("failed", False, None)]


@pytest.mark.parametrize("config", [{"alert_on": "held, drift"}, {"alert_on": ""}, {"alert_connection": ""}])
def test_what_an_entity_does_not_subscribe_to_is_not_sent(mailbox, failed, session, alert_rows, config):
    failed()
    configure(session, **config)

    assert send_alerts() == 0
    assert mailbox.mails == []
    assert alert_rows() == [("failed", False, None)]


def test_a_configuration_that_is_not_valid_is_reported_all_the_same(mailbox, failed, session):
    failed(message="create_run: ConfigInvalid: max_features: 99 is above the maximum of 20")
    session.execute(
        text(
            "INSERT INTO opt_entity_configs (entity_id, config_key, config_value, updated_by) "
            "SELECT entity_id, 'max_features', '99', 'tester' FROM opt_entities"
        )
    )
    session.commit()

    assert send_alerts() == 1
    assert "ConfigInvalid" in body(mailbox.mails[0])


def test_an_alert_is_sent_once_a_run_and_kind_however_often_the_step_runs_and_whoever_sends(mailbox, failed, session):
    run = failed()
    for _ in range(3):
        alerts.record(session, run.run_id, [of_failure(run.run_code, "reported again by another try")])
        session.commit()
        send_alerts()
        AlertNotifier()({"dag_run": SimpleNamespace(dag_id=run.airflow_dag_id, run_id="manual__1")})

    assert len(mailbox.mails) == 1
    assert "LogsInvalid" in body(mailbox.mails[0])


def test_of_senders_at_once_one_sends(mailbox, failed, at_once):
    failed()

    assert sorted(at_once(lambda _: send_alerts(), range(4))) == [0, 0, 0, 1]
    assert len(mailbox.mails) == 1


@pytest.mark.usefixtures("mailbox")
def test_an_alert_that_another_is_sending_is_left_to_it(failed, session):
    failed()
    (alert_id,) = alerts.unsent(session)
    assert alerts.lock(session, alert_id) is not None

    assert send_alerts() == 0
    session.rollback()  # it died before it had sent anything
    assert send_alerts() == 1
    assert alerts.unsent(session) == []


def test_what_was_raised_a_day_ago_has_expired(mailbox, failed, session):
    failed()
    session.execute(update(RunAlert).values(raised_at=func.now() - alerts.MAX_AGE))
    session.commit()

    assert send_alerts() == 0
    assert mailbox.mails == []


@pytest.mark.parametrize("dag_id", ["cli", "rtb_optimizer__drugs_com"])
def test_who_runs_the_command_line_reads_there_what_an_alert_would_say(add_entity, session, alert_rows, dag_id):
    from rtb_optimizer.core.config.window import Window

    window = Window(datetime(2026, 3, 9, tzinfo=UTC), datetime(2026, 3, 10, tzinfo=UTC))
    entity = add_entity()
    held, lost = (runs.create(session, entity, Attempt(dag_id, name), window, {}, "x") for name in ("held", "lost"))
    record_decision(
        session, held, activation.complete_and_decide(session, held.run_id, 1, ["no gain"], allow_older=False), [SPIKE]
    )
    failures.fail_run(session, lost.run_id, "LogsInvalid")
    session.commit()

    assert [kind for kind, *_ in alert_rows()] == ([] if dag_id == "cli" else ["held", "drift", "failed"])


def test_a_what_if_run_raises_no_alert_however_it_ends(add_entity, make_run, session, alert_rows):
    entity = add_entity()
    held, failed = make_run(entity, is_sandbox=True), make_run(entity, is_sandbox=True)
    decision = activation.complete_and_decide(session, held.run_id, 1, ["0 outcomes"], allow_older=False)
    record_decision(session, held, decision, [SPIKE])
    failures.fail_run(session, failed.run_id, "LogsMissing: no logs")
    session.commit()

    assert (decision.decision, alert_rows()) == ("held", [])


def test_a_run_that_a_person_cleared_is_no_alert(add_entity, make_run, session, alert_rows):
    entity = add_entity()
    run = make_run(entity, dag_run_id="manual__1")
    from rtb_optimizer.core.config.window import Window

    runs.create(
        session, entity, Attempt(run.airflow_dag_id, "manual__1", 1), Window(run.data_start, run.data_end), {}, "x"
    )
    session.commit()

    assert alert_rows() == []
    assert session.get_one(Run, run.run_id, populate_existing=True).status == "failed"


def active(session, make_run, entity):
    run = make_run(entity, data_end=date(2026, 3, 10))
    activation.complete_and_decide(session, run.run_id, 1, (), allow_older=False)
    session.commit()
    return run


def test_the_nightly_audit_raises_stale_and_broken_runs_but_no_stale_one_of_a_paused_entity(
    add_entity, make_run, session, alert_rows, mailbox
):
    late = datetime(2036, 1, 1, tzinfo=UTC)
    paused, fresh = add_entity("paused_com"), add_entity("drugs_com")
    active(session, make_run, paused)
    stale = active(session, make_run, fresh)
    entities.set_status(session, "paused_com", "paused", "ana")
    session.execute(
        text(
            "INSERT INTO opt_run_outputs (run_id, output_type, s3_bucket, s3_key, row_count, byte_size, "
            f"sha256) VALUES ({stale.run_id}, 'segments', 'rtb', 'gone/x', 1, 1, repeat('a', 64))"
        )
    )
    session.commit()
    for _ in range(2):
        with pytest.raises(ActiveOutputsBroken):
            maintenance.audit_active_outputs(late)

    assert send_alerts() == len(alert_rows())
    subjects = [mail["subject"] for mail in mailbox.mails]
    assert f"[stale] drugs_com: the active run {stale.run_code} is stale" in subjects
    assert f"[broken] drugs_com: outputs of the active run {stale.run_code} are missing or changed" in subjects
    assert [subject for subject in subjects if subject.startswith("[stale] paused_com")] == []


FAULTS = ("nobody listens", "the server refuses", "a wrong password", "no recipient", "another type", "no connection")


@pytest.fixture
def faulty(monkeypatch):
    """Set the connection rtb_alerts up with a fault; returns the server that it leads to."""
    with mail_server() as (box, connection):

        def make(fault):
            changed = {
                "nobody listens": {"port": free_port()},
                "a wrong password": {"password": f"x{PASSWORD}"},
                "no recipient": {"extra": connection["extra"] | {"to": ""}},
                "another type": {"conn_type": "http"},
            }
            box.refuse = f"554 5.7.1 not from you, {PASSWORD}" if fault == "the server refuses" else ""
            name = "AIRFLOW_CONN_RTB_ALERTS" if fault != "no connection" else "AIRFLOW_CONN_ANOTHER"
            monkeypatch.setenv(name, json.dumps(connection | changed.get(fault, {})))
            return box

        yield make


PROBLEMS = {
    "nobody listens": "ConnectionRefusedError",
    "the server refuses": r"554.*not from you, \*\*\*",
    "a wrong password": "SMTPAuthenticationError",
    "no recipient": "has no recipient",
    "another type": "is of type 'http': alerts go through smtp or slackwebhook",
    "no connection": "no Airflow connection 'paged'",
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_channel_that_fails_fails_no_run_and_is_reported_where_people_look(
    faulty, failed, session, alert_rows, caplog, fault
):
    caplog.set_level(logging.CRITICAL, "mail.log")  # the server's own
    caplog.set_level(logging.DEBUG)
    faulty(fault)
    run = failed()
    if fault == "no connection":
        configure(session, alert_connection="paged")
    context = {"dag_run": SimpleNamespace(dag_id=run.airflow_dag_id, run_id="manual__1")}

    AlertNotifier()(context)  # the task's callback goes on
    ((kind, was_sent, problem),) = alert_rows()
    with pytest.raises(AlertsNotSent, match=PROBLEMS[fault]) as caught:
        send_alerts()  # the maintenance DAG's task fails, where it is seen

    assert (kind, was_sent) == ("failed", False)
    assert session.get_one(Run, run.run_id).error_message == "LogsInvalid: no column click"
    assert problem in caplog.text
    assert "\n" not in str(caught.value)
    assert PASSWORD not in caplog.text + problem + str(caught.value)


@pytest.mark.parametrize(("status", "answer"), [(403, "invalid_token"), (500, f"no hook {TOKEN}")])
def test_a_webhook_that_answers_with_an_error_is_reported_with_its_answer_and_without_its_address(
    webhook, failed, session, caplog, status, answer
):
    caplog.set_level(logging.DEBUG)
    webhook.status, webhook.answer = status, answer
    failed()
    configure(session, alert_connection="team_slack")
    with pytest.raises(AlertsNotSent, match=str(status)) as caught:
        send_alerts()

    assert len(webhook.posts) == 1, "the fault fired"
    assert answer.replace(TOKEN, "***") in str(caught.value)
    assert [part for part in TOKEN.split("/") if part in str(caught.value)] == []
    assert [record.message for record in caplog.records if TOKEN in record.getMessage() and "rtb" in record.name] == []


def test_a_channel_that_was_away_gets_the_alert_once_it_is_back(faulty, failed, alert_rows):
    box = faulty("the server refuses")
    failed()
    with pytest.raises(AlertsNotSent):
        send_alerts()
    box.refuse = ""

    assert send_alerts() == 1
    assert alert_rows() == [("failed", True, None)]


def test_a_channel_that_fails_is_tried_once_a_pass_and_holds_up_no_other(faulty, webhook, failed, add_entity, session):
    box = faulty("the server refuses")
    for n in range(3):
        failed(add_entity(f"e{n}"), f"manual__{n}")
    failed(add_entity("slack_com"), "manual__9")
    configure(session, "slack_com", alert_connection="team_slack")
    with pytest.raises(AlertsNotSent):
        send_alerts()

    assert box.refused == 1
    assert len(webhook.posts) == 1


def test_a_catalog_that_is_away_is_logged_and_raises_nothing_in_a_callback(monkeypatch, catalog, caplog):
    assert catalog
    monkeypatch.setenv("AIRFLOW_CONN_RTB_CATALOG", f"postgresql://nobody@127.0.0.1:{free_port()}/nothing")
    connections.catalog().dispose()
    connections.catalog.cache_clear()
    dag_run = SimpleNamespace(dag_id="rtb_optimizer__drugs_com", run_id="manual__1")
    AlertNotifier()({"dag_run": dag_run})
    callbacks.run_decided({"dag_run": dag_run})

    assert "the alerts of manual__1 were not sent" in caplog.text
    assert "the metrics of manual__1 were not sent" in caplog.text
