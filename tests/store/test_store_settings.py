"""The store as it is configured: objects and logs are read by one client, so that each setting is true for both."""

import io
import ipaddress
import socket
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from faulty_proxy import FaultyProxy
from rtb_optimizer.engines.duckdb.engine import DuckDBEngine
from rtb_optimizer.errors import ConnectionMissing, StoreFailed
from rtb_optimizer.store import connections
from rtb_optimizer.store.log_objects import LogObjects
from rtb_optimizer.store.objects import ObjectStore, split_url
from s3_connection import s3_connected

QUICK = {"connect_timeout": 2, "read_timeout": 5, "retries": {"mode": "standard", "total_max_attempts": 1}}


@pytest.fixture
def log(folder):
    """The listing of a log that was written past any proxy."""
    body = io.BytesIO()
    pq.write_table(pa.table({"a": [1, 2, 3]}), body)
    store = ObjectStore.of(folder)
    store.put_once(split_url(f"{folder}/part-0.parquet")[1], body.getvalue())
    return next(iter(store.list(split_url(folder)[1])))


@pytest.fixture
def proxy(stack):
    made = FaultyProxy((stack.host, stack.s3_port))
    yield made
    made.close()


def reads(log):
    """Read the log as objects and as logs are read; return what the engine counts."""
    store = ObjectStore.of("s3://rtb/")
    assert next(iter(store.list(log.key))).etag == log.etag
    assert len(store.read(log.key)) == log.byte_size
    with DuckDBEngine(LogObjects.of({f"s3://rtb/{log.key}": log}), 1, 128) as engine:
        engine.open_logs([f"s3://rtb/{log.key}"])
        return engine.query("SELECT SUM(a)::BIGINT AS a FROM logs").to_pylist()


# ---- Where the store is


@pytest.mark.parametrize("where", ["extra", "service_config", "environment", "proxy"])
def test_however_the_store_s_address_is_set_it_is_where_both_read(proxy, log, monkeypatch, where):
    extra = {
        "extra": {"endpoint_url": proxy.url},
        "service_config": {"endpoint_url": None, "service_config": {"s3": {"endpoint_url": proxy.url}}},
        "environment": {"endpoint_url": None},
        "proxy": {"config_kwargs": {"proxies": {"http": proxy.url}}},
    }[where]
    if where == "environment":
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", proxy.url)
    with s3_connected(extra=extra):
        assert reads(log) == [{"a": 6}]

    assert [seen.method for seen in proxy.seen] == ["GET"] * 3


@pytest.mark.parametrize(
    ("style", "host", "path"), [("path", "localhost", "/rtb/x"), ("virtual", "rtb.localhost", "/x")]
)
def test_the_addressing_style_is_that_of_the_connection(proxy, monkeypatch, style, host, path):
    lookup = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", lambda _host, *rest, **named: lookup("127.0.0.1", *rest, **named))
    port = proxy.address[1]
    extra = {"endpoint_url": f"http://localhost:{port}", "config_kwargs": QUICK | {"s3": {"addressing_style": style}}}
    with s3_connected(extra=extra), pytest.raises(StoreFailed):  # this store has no names of buckets as hosts
        LogObjects.of({}).facts("rtb/x")

    assert {(seen.headers["host"], seen.path) for seen in proxy.seen} == {(f"{host}:{port}", path)}


# ---- TLS


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate of 127.0.0.1 that signs itself, with its key, in one file."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "minio")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    form = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    target = tmp_path_factory.mktemp("tls") / "store.pem"
    pem = serialization.Encoding.PEM
    target.write_bytes(signed.public_bytes(pem) + key.private_bytes(pem, *form))
    return str(target)


@pytest.fixture
def tls(stack, certificate):
    made = FaultyProxy((stack.host, stack.s3_port), certificate)
    yield made
    made.close()


@pytest.mark.parametrize("verify", ["its certificate", False])
def test_a_store_that_signs_its_own_certificate_is_read_where_the_connection_says_so(tls, log, certificate, verify):
    with s3_connected(extra={"endpoint_url": tls.url, "verify": certificate if verify else False}):
        assert reads(log) == [{"a": 6}]
        ObjectStore.of("s3://rtb/").put_once(f"{log.key}.copy", b"written by TLS")


def test_and_is_refused_by_both_where_it_does_not(tls, log):
    with s3_connected(extra={"endpoint_url": tls.url, "config_kwargs": QUICK}):
        for read in (
            lambda: ObjectStore.of("s3://rtb/").read(log.key),
            lambda: LogObjects.of({f"s3://rtb/{log.key}": log}).read(f"rtb/{log.key}", 0, 4),
        ):
            with pytest.raises(StoreFailed, match="CERTIFICATE_VERIFY_FAILED"):
                read()


# ---- What requests carry


def test_arguments_of_the_connection_are_on_every_request_that_takes_them(proxy, log):
    arguments = {"RequestPayer": "requester", "ServerSideEncryption": "AES256", "ExpectedBucketOwner": "111122223333"}
    with s3_connected(extra={"endpoint_url": proxy.url, "service_config": {"s3": {"extra_args": arguments}}}):
        assert reads(log) == [{"a": 6}]
        LogObjects.of({}).facts(f"rtb/{log.key}")
        ObjectStore.of("s3://rtb/").put_once(f"{log.key}.copy", b"paid for")

    payers = {seen.headers.get("x-amz-request-payer") for seen in proxy.seen}
    encryption = {(seen.method, seen.headers.get("x-amz-server-side-encryption")) for seen in proxy.seen}
    assert payers == {"requester"}
    assert encryption == {("GET", None), ("HEAD", None), ("PUT", "AES256")}
    assert {seen.headers["x-amz-expected-bucket-owner"] for seen in proxy.seen} == {"111122223333"}


def test_writes_name_the_key_that_encrypts_them(proxy, folder):
    arguments = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "alias/rtb"}
    extra = {"endpoint_url": proxy.url, "config_kwargs": QUICK, "service_config": {"s3": {"extra_args": arguments}}}
    with s3_connected(extra=extra), pytest.raises(StoreFailed):  # this store has no keys
        ObjectStore.of(folder).put_once(split_url(folder)[1], b"secret")

    headers = proxy.seen[0].headers
    assert headers["x-amz-server-side-encryption"] == "aws:kms"
    assert headers["x-amz-server-side-encryption-aws-kms-key-id"] == "alias/rtb"


def test_an_argument_that_no_request_takes_is_refused_by_name():
    extra = {"service_config": {"s3": {"extra_args": {"RequesterPays": "yes"}}}}
    refused = pytest.raises(ConnectionMissing, match="no S3 request takes RequesterPays; correct extra_args")
    with s3_connected(extra=extra), refused:
        connections.s3_client()


# ---- Credentials of a role


class TokensRequired(FaultyProxy):
    """Gives keys of a role, each time with another token, and lets pass who has the newest: those before have expired.

    The store behind it knows no tokens: it is read with its own keys.
    """

    def __init__(self, upstream, client):
        super().__init__(upstream)
        self.client, self.given = client, []

    def _pass_on(self, request, body, *, whole=True):
        assert whole
        if b"AssumeRole" in body:
            self.given.append(f"token-{len(self.given) + 1}")
            return 200, {}, self._keys(self.given[-1])
        if request.headers["X-Amz-Security-Token"] != self.given[-1]:
            return 400, {}, b"<Error><Code>ExpiredToken</Code></Error>"
        bucket, key = request.path.removeprefix("/").split("/", 1)
        found = self.client.get_object(Bucket=bucket, Key=key, Range=request.headers["Range"])
        return 206, {"ETag": found["ETag"]}, found["Body"].read()

    @staticmethod
    def _keys(token):
        ends = datetime.now(UTC) + timedelta(minutes=5)  # botocore renews what ends within ten minutes
        keys = f"<AccessKeyId>AKID</AccessKeyId><SecretAccessKey>s3cret</SecretAccessKey><SessionToken>{token}"
        until = f"</SessionToken><Expiration>{ends:%Y-%m-%dT%H:%M:%SZ}</Expiration>"
        result = f"<AssumeRoleResult><Credentials>{keys}{until}</Credentials></AssumeRoleResult>"
        return f"<AssumeRoleResponse>{result}</AssumeRoleResponse>".encode()


def test_credentials_of_a_role_that_run_out_while_logs_are_read_are_renewed(stack, log):
    gate = TokensRequired((stack.host, stack.s3_port), connections.s3_client())
    role = {"role_arn": "arn:aws:iam::111122223333:role/rtb", "service_config": {"sts": {"endpoint_url": gate.url}}}
    with s3_connected(extra={"endpoint_url": gate.url, "config_kwargs": QUICK} | role):
        objects = LogObjects.of({f"s3://rtb/{log.key}": log})
        assert b"".join(objects.read(f"rtb/{log.key}", start, start + 1) for start in range(4)) == b"PAR1"
    gate.close()

    assert len(gate.given) > 2
