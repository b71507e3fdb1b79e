"""Sends an alert through Slack or SMTP, with Airflow's notifiers and an Airflow connection.

The text is set, never rendered: a reason quotes logs and errors, and a template expression in it must not be
evaluated. Errors of a channel are reported with the secrets of the connection masked.
"""

import html
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from rtb_optimizer.errors import AlertsNotSent, ConnectionMissing
from rtb_optimizer.store.airflow_connections import airflow_connection

SLACK_SECONDS = 10
MAX_ERROR = 300  # characters
MIN_SECRET_LENGTH = 6  # shorter parts of a webhook's path occur in ordinary words
PUBLIC_EXTRAS = ("to", "from_email", "timeout", "retry_limit", "disable_tls", "disable_ssl", "ssl_context", "proxy")


@dataclass(frozen=True, slots=True)
class Message:
    """A message: a `title` of one line, and `lines` below it, the last of which may be a link."""

    title: str
    lines: tuple[str, ...]


def run_link(opt_run_id: int) -> str:
    """Return the URL of a run's page; only its path without `[api] base_url`."""
    from airflow.sdk.configuration import conf

    base: str = conf.get("api", "base_url", fallback="") or ""
    return f"{base.rstrip('/')}/rtb/runs/{opt_run_id}"


def connection_exists(conn_id: str) -> bool:
    """Whether Airflow has a connection of that id."""
    try:
        airflow_connection(conn_id)
    except ConnectionMissing:
        return False
    return True


def send(conn_id: str, message: Message) -> None:
    """Send a message through a connection; its type selects the channel.

    Raises:
        AlertsNotSent: with the connection and its error, in one line and without the connection's secrets.
        ConnectionMissing: when Airflow has no such connection.
    """
    connection = airflow_connection(conn_id)
    sender = SENDERS.get(connection.conn_type)
    if sender is None:
        raise AlertsNotSent(
            f"connection {conn_id!r} is of type {connection.conn_type!r}: alerts go through {' or '.join(SENDERS)}"
        )
    try:
        sender(conn_id, connection, message)
    except Exception as problem:  # noqa: BLE001 - no error of a channel may reach the run or reveal a secret
        raise AlertsNotSent(f"connection {conn_id!r}: {_error_text(problem, connection)}") from None


def _mail(conn_id: str, connection: Any, message: Message) -> None:  # noqa: ANN401 - Airflow's class differs by process
    from airflow.providers.smtp.notifications.smtp import SmtpNotifier

    to = connection.extra_dejson.get("to")
    if not to:
        raise ValueError('its extra has no recipient: add "to": "oncall@example.com"')
    body = "".join(f"<p>{html.escape(line)}</p>\n" for line in message.lines)
    SmtpNotifier(smtp_conn_id=conn_id, to=to, subject=message.title, html_content=body).notify({})


def _slack(conn_id: str, _connection: Any, message: Message) -> None:  # noqa: ANN401 - as above
    from airflow.providers.slack.notifications.slack_webhook import SlackWebhookNotifier

    text = "\n".join((f"*{message.title}*", *message.lines))
    for character, entity in {"&": "&amp;", "<": "&lt;", ">": "&gt;"}.items():
        text = text.replace(character, entity)
    notifier: Any = SlackWebhookNotifier(slack_webhook_conn_id=conn_id, text=text, timeout=SLACK_SECONDS)
    notifier.notify({})


SENDERS: dict[str, Callable[[str, Any, Message], None]] = {"smtp": _mail, "slackwebhook": _slack}


def _error_text(problem: Exception, connection: Any) -> str:  # noqa: ANN401 - as above
    """Return an exception in one line, with the connection's secrets and their parts masked."""
    text = f"{type(problem).__name__}: {' '.join(str(problem).split())}"
    for secret in sorted(_secrets(connection), key=len, reverse=True):
        for form in (secret, quote(secret, safe="")):
            text = text.replace(form, "***")
    return text[:MAX_ERROR]


def _secrets(connection: Any) -> set[str]:  # noqa: ANN401 - as above
    extras = connection.extra_dejson
    values = [connection.password, *(value for name, value in extras.items() if name not in PUBLIC_EXTRAS)]
    secrets = {secret for secret in values if isinstance(secret, str) and secret}
    return secrets | {part for secret in secrets for part in secret.split("/") if len(part) >= MIN_SECRET_LENGTH}
