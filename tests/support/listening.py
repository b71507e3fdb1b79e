"""Servers that a test listens with: SMTP, a webhook, StatsD. They speak the real protocols, on the loopback."""

import json
import socket
from contextlib import contextmanager
from email import message_from_bytes
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import BaseRequestHandler, UDPServer
from threading import Condition, Thread

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

PASSWORD = "hunter2-S3CRET-mail"
TOKEN = "T0S3CRET/B0S3CRET/wEbHoOkS3CRET"
READ_SECONDS = 30


class Mailbox:
    """Keeps each mail that comes; `refuse` is what it answers instead, `refused` how often it did."""

    def __init__(self):
        self.mails, self.refuse, self.refused = [], "", 0

    async def handle_DATA(self, _server, _session, envelope):  # noqa: N802 - aiosmtpd's name
        if self.refuse:
            self.refused += 1
            return self.refuse
        self.mails.append(message_from_bytes(envelope.content, policy=default))
        return "250 OK"

    def authenticate(self, _server, _session, _envelope, _mechanism, login):
        return AuthResult(success=login.password.decode() == PASSWORD, handled=False)  # the server answers


@contextmanager
def mail_server():
    """Yield a mailbox and the Airflow connection to it."""
    mailbox = Mailbox()
    options = {"authenticator": mailbox.authenticate, "auth_require_tls": False}
    server = Controller(mailbox, "127.0.0.1", free_port(), **options)
    server.start()
    extra = {"from_email": "rtb@example.com", "to": "oncall@example.com, yield@example.com"}
    extra |= {"disable_tls": True, "disable_ssl": True, "timeout": 10, "retry_limit": 0}
    yield (
        mailbox,
        {
            "conn_type": "smtp",
            "host": "127.0.0.1",
            "port": server.port,
            "login": "rtb",
            "password": PASSWORD,
            "extra": extra,
        },
    )
    server.stop()


class Webhook:
    """Keeps what is posted, by path; answers `status` and `answer`."""

    def __init__(self):
        self.posts, self.status, self.answer = [], 200, "ok"


@contextmanager
def webhook_server():
    """Yield a webhook and the Airflow connection to it."""
    hook = Webhook()

    class Answer(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            hook.posts.append((self.path, json.loads(body)))
            self.send_response(hook.status)
            self.end_headers()
            self.wfile.write(hook.answer.encode())

        def log_message(self, *_arguments):
            pass

    with serving(Answer) as port:
        yield (
            hook,
            {"conn_type": "slackwebhook", "host": f"http://127.0.0.1:{port}/services", "password": TOKEN},
        )


@contextmanager
def otlp_server():
    """Yield the bodies that are posted to an OpenTelemetry collector, and its port."""
    posted = []

    class Answer(BaseHTTPRequestHandler):
        def do_POST(self):
            posted.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_arguments):
            pass

    with serving(Answer) as port:
        yield posted, port


@contextmanager
def serving(answer):
    """Serve HTTP on the loopback; yields the port."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), answer)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


class StatsD:
    """Keeps each line that a UDP socket was sent."""

    def __init__(self):
        self.lines, self._came = [], Condition()

    def take(self, packet):
        with self._came:
            self.lines += packet.decode().splitlines()
            self._came.notify_all()

    def read(self, count):
        """Return our own lines, once there are so many; Airflow has others."""
        with self._came:
            assert self._came.wait_for(lambda: len(self._own()) >= count, READ_SECONDS), self.lines
            return self._own()

    def _own(self):
        return [line for line in self.lines if "rtb_optimizer." in line]


@contextmanager
def statsd_server():
    """Yield a StatsD and its port."""
    statsd = StatsD()

    class Take(BaseRequestHandler):
        def handle(self):
            statsd.take(self.request[0])

    with UDPServer(("127.0.0.1", 0), Take) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield statsd, server.server_address[1]
        server.shutdown()
        thread.join()


def free_port():
    """Return a port where nothing listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]
