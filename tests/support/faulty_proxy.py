"""An HTTP proxy on loopback in front of the real S3 store, that answers badly on command."""

import http.client
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

HOST = "127.0.0.1"
CODES = {http.client.SERVICE_UNAVAILABLE: "SlowDown", http.client.FORBIDDEN: "AccessDenied"}


@dataclass
class Bad:
    """What goes wrong with requests of a method whose path contains `part`; the first `times` of them, or all.

    `how` is an HTTP status; or `slow` (no answer while the fault lasts), `cut request` (half the body reaches the
    store), `cut answer` (half the body reaches the client), `lost answer` (the store has done it, no one hears of it).
    """

    how: int | str
    method: str
    part: str
    times: int = 1_000_000
    hits: list[str] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    def concerns(self, method: str, path: str) -> bool:
        """Whether this request is one of them; it is counted if so."""
        if method != self.method or self.part not in path or len(self.hits) >= self.times:
            return False
        self.hits.append(path)
        return True


class Seen(NamedTuple):
    """A request that came: its method, its path with the query, and its headers by their names in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]


class FaultyProxy:
    """Passes requests on as they are, signed for its own address; `bad` are the faults that last.

    `seen` are the requests that came; each waits for `delay` seconds. With a `certificate`, a file that has its key as
    well, it speaks TLS.
    """

    def __init__(self, upstream: tuple[str, int], certificate: str | None = None) -> None:
        self.upstream, self.bad, self._certificate = upstream, [], certificate
        self.seen: list[Seen] = []
        self.delay = 0.0
        self._open: set[socket.socket] = set()
        self._server = self._listening((HOST, 0))
        self.address = self._server.server_address

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http{'s' if self._certificate else ''}://{self.address[0]}:{self.address[1]}"

    @contextmanager
    def answering(self, how, method="GET", part="", times=1_000_000):
        """Answer badly for the length of a `with` block; yields the fault, which records what it hit."""
        fault = Bad(how, method, part, times)
        self.bad.append(fault)
        try:
            yield fault
        finally:
            self.bad.remove(fault)
            fault.over.set()

    @contextmanager
    def away(self):
        """Refuse connections for the length of a `with` block."""
        self.close()
        try:
            yield
        finally:
            self.reopen()

    def reopen(self) -> None:
        """Listen again, where it did before."""
        self._server = self._listening(self.address)

    def close(self) -> None:
        """Refuse connections and drop those there are."""
        self._server.shutdown()
        self._server.server_close()
        for connection in list(self._open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _listening(self, address):
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def setup(self):
                super().setup()
                proxy._open.add(self.connection)

            def finish(self):
                with suppress(OSError):
                    super().finish()
                proxy._open.discard(self.connection)

            def log_message(self, *_):
                pass

            def _handle(self):
                try:
                    proxy._answer(self)
                except OSError:  # the client is gone, or the store cut us off
                    self.close_connection = True

        for method in ("GET", "PUT", "HEAD", "POST", "DELETE"):
            setattr(Handler, f"do_{method}", Handler._handle)

        server = ThreadingHTTPServer(address, Handler)
        if proxy._certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(proxy._certificate)
            server.handle_error = lambda *_: None  # a client that refuses the certificate
            server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        server.daemon_threads, server.block_on_close = True, False
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        return server

    def _answer(self, request) -> None:
        body = _body(request)
        self.seen.append(Seen(request.command, request.path, {k.lower(): v for k, v in request.headers.items()}))
        time.sleep(self.delay)
        fault = next((bad for bad in self.bad if bad.concerns(request.command, request.path)), None)
        how = fault.how if fault else None
        if isinstance(how, int):
            code = CODES.get(how, "InternalError")
            self._send(request, how, {}, f"<Error><Code>{code}</Code><Message>not now</Message></Error>".encode())
        elif how == "slow":
            fault.over.wait(60)
            request.close_connection = True
        elif how == "cut request":
            self._pass_on(request, body, whole=False)
            request.close_connection = True
        else:
            status, headers, answer = self._pass_on(request, body)
            if how == "lost answer":
                request.close_connection = True
            else:
                self._send(request, status, headers, answer, cut=how == "cut answer")

    def _pass_on(self, request, body, *, whole=True):
        store = http.client.HTTPConnection(*self.upstream, timeout=30)
        try:
            store.putrequest(request.command, request.path, skip_host=True, skip_accept_encoding=True)
            for name, value in request.headers.items():
                if name.lower() not in {"connection", "expect", "transfer-encoding", "content-length"}:
                    store.putheader(name, value)
            if body or request.command == "PUT":
                store.putheader("Content-Length", str(len(body)))
            store.endheaders((body if whole else body[: len(body) // 2]) or None)
            if not whole:
                return None
            answer = store.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        finally:
            store.close()

    def _send(self, request, status, headers, body, *, cut=False):
        request.send_response_only(status)
        for name, value in headers.items():
            if name.lower() not in {"connection", "transfer-encoding", "content-length"}:
                request.send_header(name, value)
        length = headers.get("Content-Length", len(body)) if request.command == "HEAD" else len(body)
        request.send_header("Content-Length", str(length))
        request.end_headers()
        if request.command != "HEAD":
            request.wfile.write(body[: len(body) // 2] if cut else body)
        request.close_connection = request.close_connection or cut


def _body(request) -> bytes:
    if request.headers.get("Transfer-Encoding") != "chunked":
        return request.rfile.read(int(request.headers.get("Content-Length") or 0))
    body = b""
    while size := int(request.rfile.readline().split(b";")[0], 16):
        body += request.rfile.read(size)
        request.rfile.readline()
    request.rfile.readline()
    return body
