"""A PostgreSQL that takes IAM tokens, as RDS does: on loopback, in front of a real server that it signs in to."""

import os
import socket
import struct
import threading
from contextlib import contextmanager, suppress
from urllib.parse import parse_qs, urlsplit

import psycopg

SSL_REQUEST, GSS_REQUEST = 80877103, 80877104
PARAMETERS = ("server_version", "server_encoding", "client_encoding", "DateStyle", "TimeZone", "integer_datetimes")


class IamPostgres:
    """Accepts a token once, if it was signed for this address and user; `tokens` are those that came.

    RDS accepts a token for 15 minutes; this server refuses the second use, so that a token which was not fetched for
    the connection fails at once.
    """

    def __init__(self, upstream: str, port: int) -> None:
        self.upstream, self.port = upstream, port
        self.tokens: list[str] = []

    def serve(self, client: socket.socket) -> None:
        """Sign one client in, then pass bytes both ways until either side ends."""
        with client, suppress(OSError):
            user = self._user(client)
            client.sendall(_message(b"R", struct.pack("!i", 3)))  # a password in clear text
            token = _read_message(client).rstrip(b"\0").decode()
            refused = self._problem(token, user)
            self.tokens.append(token)
            if refused:
                fields = f"SFATAL\0C28000\0MPAM authentication failed for user {user}: {refused}\0\0"
                client.sendall(_message(b"E", fields.encode()))
                return
            with psycopg.connect(self.upstream, autocommit=True) as server:
                client.sendall(_signed_in(server))
                with socket.socket(fileno=os.dup(server.fileno())) as there:
                    there.setblocking(True)
                    _pass_on(client, there)

    def _user(self, client: socket.socket) -> str:
        while True:
            (length,) = struct.unpack("!i", _read(client, 4))
            body = _read(client, length - 4)
            if struct.unpack("!i", body[:4])[0] not in (SSL_REQUEST, GSS_REQUEST):
                words = body[4:].decode().split("\0")
                return dict(zip(words[::2], words[1::2], strict=False))["user"]
            client.sendall(b"N")

    def _problem(self, token: str, user: str) -> str:
        signed = urlsplit(f"https://{token}")
        query = parse_qs(signed.query)
        if signed.netloc != f"127.0.0.1:{self.port}" or query.get("DBUser") != [user] or "X-Amz-Signature" not in query:
            return "no token for this server and user"
        return "a token that was used before" if token in self.tokens else ""


@contextmanager
def iam_postgres(upstream):
    """Yield a server that takes IAM tokens in front of the one at a URL."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = IamPostgres(upstream, listener.getsockname()[1])
        threading.Thread(target=_accept, args=(listener, server), daemon=True).start()
        try:
            yield server
        finally:
            listener.shutdown(socket.SHUT_RDWR)


def _accept(listener, server):
    with suppress(OSError):
        while True:
            client, _ = listener.accept()
            threading.Thread(target=server.serve, args=(client,), daemon=True).start()


def _signed_in(server):
    status = server.pgconn.parameter_status
    parameters = [_message(b"S", f"{name}\0".encode() + status(name.encode()) + b"\0") for name in PARAMETERS]
    key = _message(b"K", struct.pack("!ii", server.pgconn.backend_pid, 0))
    return b"".join([_message(b"R", struct.pack("!i", 0)), *parameters, key, _message(b"Z", b"I")])


def _pass_on(client, server):
    back = threading.Thread(target=_copy, args=(server, client), daemon=True)
    back.start()
    _copy(client, server)
    back.join()


def _copy(source, target):
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


def _message(kind, body):
    return kind + struct.pack("!i", len(body) + 4) + body


def _read_message(client):
    _, length = struct.unpack("!ci", _read(client, 5))
    return _read(client, length - 4)


def _read(client, count):
    data = b""
    while len(data) < count:
        more = client.recv(count - len(data))
        if not more:
            raise OSError("the client has left")
        data += more
    return data
