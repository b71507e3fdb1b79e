"""Can anyone but us use what the local stack opens?"""

import http.client
import stat

import boto3
import psutil
import psycopg
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

from rtb_optimizer.local import object_store, state
from rtb_optimizer.local.ports import LOOPBACK, object_store_ports, with_grpc
from rtb_optimizer.local.settings import BUCKET, CATALOG_DATABASE


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
    assert {_mode(path) for path in folders} == {0o700}
    assert {_mode(path) for path in files} == {0o600}


def _mode(path):
    return stat.S_IMODE(path.stat().st_mode)
