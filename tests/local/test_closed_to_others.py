"""The local stack is closed to other users."""

import http.client
import re
import shutil
import socket
import ssl
import stat
import subprocess

import boto3
import psutil
import psycopg
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

from rtb_optimizer.local import object_store, state
from rtb_optimizer.local.binaries import weed_binary
from rtb_optimizer.local.ports import GRPC_OFFSET, LOOPBACK, OBJECT_STORE_PARTS, object_store_ports, with_grpc
from rtb_optimizer.local.settings import BUCKET, CATALOG_DATABASE
from rtb_optimizer.local.store_keys import CERTIFICATE, PRIVATE_KEY, closing_variables

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes((0, 0, 0, 4, 0, 0, 0, 0, 0))
SETTINGS_FRAME = 4


@pytest.fixture(scope="module")
def secret(servers):
    """An object in the store."""
    object_store.client(servers).put_object(Bucket=BUCKET, Key="a/secret.txt", Body=b"bids")
    return "a/secret.txt"


def test_the_store_gives_an_object_to_its_key_holder(servers, secret):
    answer = object_store.client(servers).get_object(Bucket=BUCKET, Key=secret)
    assert answer["Body"].read() == b"bids"


def test_an_anonymous_request_to_the_store_is_refused(servers, secret):
    anonymous = boto3.client("s3", endpoint_url=servers.s3_url, config=Config(signature_version=UNSIGNED))
    with pytest.raises(ClientError, match="AccessDenied"):
        anonymous.get_object(Bucket=BUCKET, Key=secret)
    with pytest.raises(ClientError, match="AccessDenied"):
        anonymous.put_object(Bucket=BUCKET, Key="mine", Body=b"")


def test_a_wrong_secret_is_refused(servers, secret):
    stranger = boto3.client(
        "s3",
        endpoint_url=servers.s3_url,
        region_name="us-east-1",
        aws_access_key_id=servers.credentials.s3_access_key,
        aws_secret_access_key="guess",
    )
    with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
        stranger.get_object(Bucket=BUCKET, Key=secret)


@pytest.mark.parametrize("part", ["master", "volume", "filer", "admin"])
def test_the_inner_ports_of_the_store_give_nothing_away(servers, secret, part):
    for method, path in (("GET", f"/buckets/{BUCKET}/{secret}"), ("POST", "/buckets/mine"), ("GET", "/dir/assign")):
        connection = http.client.HTTPConnection(LOOPBACK, object_store_ports(servers.s3_port)[part], timeout=5)
        connection.request(method, path)
        answer = connection.getresponse()
        assert answer.status >= 400
        assert b"bids" not in answer.read()
        connection.close()


@pytest.fixture
def shell(servers):
    """Start SeaweedFS's own administration program in a folder, with variables, and give it these commands."""
    ports = object_store_ports(servers.s3_port)
    command = [str(weed_binary()), "shell", *(f"-{part}={LOOPBACK}:{ports[part]}" for part in ("master", "filer"))]

    def started(commands, folder, variables):
        (folder / "commands").write_text(commands)
        with (folder / "commands").open() as text:
            return subprocess.Popen(
                command,
                cwd=folder,
                env={"HOME": str(folder), **variables},
                stdin=text,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )

    return started


def message(process, seconds):
    """Give what a program printed; a shell that no master accepts waits until it is ended."""
    try:
        return process.communicate(timeout=seconds)[0]
    except subprocess.TimeoutExpired:
        process.kill()
        return process.communicate()[0]


@pytest.fixture
def holder(servers, tmp_path):
    """A folder and variables with which a program is let in."""
    folder = tmp_path / "holder"
    folder.mkdir()
    for name in (CERTIFICATE, PRIVATE_KEY):
        shutil.copy(servers.root / "s3" / name, folder)
    return folder, {
        "WEED_GRPC_CA": CERTIFICATE,
        "WEED_GRPC_CLIENT_CERT": CERTIFICATE,
        "WEED_GRPC_CLIENT_KEY": PRIVATE_KEY,
    }


def test_the_store_s_own_shell_neither_reads_nor_deletes_without_the_key(servers, secret, shell, tmp_path):
    commands = f"fs.cat /buckets/{BUCKET}/{secret}\nfs.rm /buckets/{BUCKET}/{secret}\n"
    without, with_another = tmp_path / "without", tmp_path / "with another"
    without.mkdir()
    with_another.mkdir()
    strangers = [
        shell(commands, without, {}),
        shell(commands, with_another, closing_variables(with_another)),
    ]
    # On an open store each of them is done within a second.
    messages = [message(stranger, seconds) for stranger, seconds in zip(strangers, (5, 1), strict=True)]

    assert [each for each in messages if "bids" in each] == []
    assert object_store.client(servers).get_object(Bucket=BUCKET, Key=secret)["Body"].read() == b"bids"


def test_the_store_s_own_shell_is_let_in_with_the_key(secret, shell, holder):
    assert "secret.txt" in message(shell(f"fs.ls /buckets/{BUCKET}/a\n", *holder), 60), secret


@pytest.mark.parametrize("part", OBJECT_STORE_PARTS)
def test_every_grpc_port_of_the_store_speaks_to_the_holder_of_its_key_only(servers, tmp_path, part):
    port = object_store_ports(servers.s3_port)[part] + GRPC_OFFSET
    closing_variables(tmp_path)

    assert _speaks_grpc(port, servers.root / "s3")
    assert not _speaks_grpc(port, None)
    assert not _speaks_grpc(port, tmp_path)


def test_a_part_of_an_object_is_not_given_to_one_who_knows_its_number(servers, shell, holder):
    """The volume serves parts over HTTP, by number: the S3 part fetches them there."""
    object_store.client(servers).put_object(Bucket=BUCKET, Key="a/large.txt", Body=b"bids" * 100_000)
    described = message(shell(f"fs.meta.cat /buckets/{BUCKET}/a/large.txt\n", *holder), 60)
    number = re.search(r'"fileId":\s+"(\d+,\w+)"', described)[1]

    for method in ("GET", "POST", "DELETE"):
        connection = http.client.HTTPConnection(LOOPBACK, object_store_ports(servers.s3_port)["volume"], timeout=5)
        connection.request(method, f"/{number}")
        assert connection.getresponse().status == http.HTTPStatus.UNAUTHORIZED
        connection.close()


def test_postgres_wants_the_password(servers):
    address = servers.database_url(CATALOG_DATABASE)
    for wrong in (address.replace(servers.credentials.postgres_password, "guess"), address.replace("postgres:", "x:")):
        with pytest.raises(psycopg.OperationalError, match="authentication failed"):
            psycopg.connect(wrong)


def test_every_listener_is_on_loopback_and_expected(servers):
    supervisor = psutil.Process(state.read_alive(servers.root).pid)
    listening = [
        connection.laddr
        for process in [supervisor, *supervisor.children(recursive=True)]
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    ]
    assert {address.ip for address in listening} == {LOOPBACK}
    assert {address.port for address in listening} == {servers.pg_port, *with_grpc(servers.s3_port)}


def test_the_stack_s_files_are_its_owner_s_alone(servers):
    folders = [servers.logs, servers.root / "s3", servers.root / "postgres", servers.root / "postgres" / "data"]
    files = [servers.root / "secrets.json", servers.root / "env", *servers.logs.iterdir()]
    files += [servers.root / "s3" / name for name in (CERTIFICATE, PRIVATE_KEY)]
    assert {_mode(path) for path in folders} == {0o700}
    assert {_mode(path) for path in files} == {0o600}


def _mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def _speaks_grpc(port, key_folder):
    """Whether a server answers the opening of HTTP/2, in plain text or with the certificate of a folder."""
    with socket.create_connection((LOOPBACK, port), timeout=10) as plain:
        try:
            connection = _encrypted(plain, key_folder) if key_folder else plain
            connection.sendall(PREFACE)
            answer = connection.recv(64)
        except (ssl.SSLError, ConnectionError):
            return False
    return len(answer) > 3 and answer[3] == SETTINGS_FRAME


def _encrypted(plain, key_folder):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    context.load_cert_chain(key_folder / CERTIFICATE, key_folder / PRIVATE_KEY)
    return context.wrap_socket(plain)
