"""An object of a run is written once, by the first writer, and is never visible in part."""

import hashlib
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest

from rtb_optimizer.errors import StoreFailed
from rtb_optimizer.store import connections
from rtb_optimizer.store.objects import ObjectStore, StoredObject, active_key, run_prefix, split_url

MEGABYTE = 1 << 20


@pytest.fixture
def prefix(folder):
    return split_url(folder)[1]


@pytest.fixture
def store(folder):
    return ObjectStore.of(folder)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("s3://lake/logs/date=1/", ("lake", "logs/date=1/")),
        ("s3://lake", ("lake", "")),
        ("s3://lake/a.parquet", ("lake", "a.parquet")),
        ("s3://lake/a#1/b?c=d", ("lake", "a#1/b?c=d")),
    ],
)
def test_a_url_is_a_bucket_and_a_key(url, expected):
    assert split_url(url) == expected


def test_a_run_s_objects_and_an_entity_s_copy_lie_below_its_base_path():
    assert run_prefix("s3://bids/opt/drugs_com", "code-1") == "opt/drugs_com/runs/code-1"
    assert run_prefix("s3://bids", "code-1") == "runs/code-1"
    assert active_key("s3://bids/opt/drugs_com") == "opt/drugs_com/active.json"
    assert active_key("s3://bids") == "active.json"


def test_an_object_is_read_back_as_it_was_written(store, prefix):
    body = bytes(range(256)) * 10
    written = store.put_once(f"{prefix}/a", body)
    assert written == StoredObject(store.bucket, f"{prefix}/a", 2560, hashlib.sha256(body).hexdigest())
    assert store.read(f"{prefix}/a") == body
    assert store.stored(f"{prefix}/a") == written


def test_an_absent_object_is_none_and_another_failure_is_raised(store, prefix):
    assert store.stored(f"{prefix}/nothing") is None
    with pytest.raises(StoreFailed, match=r"s3://no-such-bucket/x cannot be read: .*NoSuchBucket"):
        type(store)(connections.s3_client(), "no-such-bucket").stored("x")


def test_who_writes_second_gets_what_the_first_wrote(store, prefix):
    first = store.put_once(f"{prefix}/a", b"first")
    assert store.put_once(f"{prefix}/a", b"the second, longer") == first
    assert store.read(f"{prefix}/a") == b"first"


def test_of_sixteen_writers_at_once_one_wins_and_all_get_its_hash(store, prefix, at_once):
    keys = [f"{prefix}/race-{n}" for n in range(5)]  # all races at once: the loser of each waits for seconds
    bodies = [f"writer {n} ".encode() * (1000 + n) for n in range(16)]
    stored = at_once(lambda task: store.put_once(*task), [(key, body) for body in bodies for key in keys])
    for key in keys:
        stands = store.read(key)
        assert stands in bodies
        hashes = {(t.sha256, t.byte_size) for t in stored if t.key == key}
        assert hashes == {(hashlib.sha256(stands).hexdigest(), len(stands))}


def test_a_copy_is_replaced(store, prefix):
    store.replace(f"{prefix}/copy", b"old")
    written = store.replace(f"{prefix}/copy", b"new")
    assert store.read(f"{prefix}/copy") == b"new"
    assert written.sha256 == hashlib.sha256(b"new").hexdigest()


def test_a_listing_has_every_object_below_a_prefix_and_they_are_deleted_past_one_page(store, prefix, at_once):
    keys = {f"{prefix}/many/{n:04}" for n in range(1010)}
    store.put_once(f"{prefix}/many-others/x", b"x")
    at_once(lambda share: [store.put_once(key, b"12") for key in share], [sorted(keys)[n::8] for n in range(8)])
    listed = list(store.list(f"{prefix}/many/"))
    assert {entry.key for entry in listed} == keys
    assert {entry.byte_size for entry in listed} == {2}
    assert all(entry.etag and '"' not in entry.etag for entry in listed)
    assert all(abs(entry.modified - datetime.now(UTC)) < timedelta(hours=1) for entry in listed)

    store.delete(sorted(keys))
    store.delete(sorted(keys)[:2])  # gone already
    assert [entry.key for entry in store.list(f"{prefix}/many")] == [f"{prefix}/many-others/x"]


def test_an_upload_in_parts_is_not_seen_before_it_is_complete_nor_after_it_is_aborted(store, prefix):
    client, where = connections.s3_client(), {"Bucket": store.bucket, "Key": f"{prefix}/parts"}
    upload = client.create_multipart_upload(**where)["UploadId"]
    client.upload_part(**where, UploadId=upload, PartNumber=1, Body=b"x" * 5 * MEGABYTE)
    assert store.stored(where["Key"]) is None
    assert list(store.list(where["Key"])) == []
    client.abort_multipart_upload(**where, UploadId=upload)
    assert store.stored(where["Key"]) is None


class Torn:
    """A body whose reader dies half-way, as the process that sends it would."""

    def __init__(self, size):
        self.size, self.at = size, 0

    def __len__(self):
        return self.size

    def seek(self, at, whence=0):
        self.at = at if whence == 0 else self.size if whence == 2 else self.at
        return self.at

    def tell(self):
        return self.at

    def read(self, amount=-1):
        if self.at >= self.size // 2:
            raise ConnectionAbortedError("the sender died")
        amount = min(amount if amount > 0 else self.size, self.size // 2 - self.at)
        self.at += amount
        return b"x" * amount


def test_an_upload_that_breaks_off_is_never_seen(store, prefix):
    from urllib.request import Request, urlopen

    key = f"{prefix}/torn"
    url = connections.s3_client().generate_presigned_url("put_object", Params={"Bucket": store.bucket, "Key": key})
    request = Request(url, data=Torn(4 * MEGABYTE), headers={"Content-Length": str(4 * MEGABYTE)}, method="PUT")  # noqa: S310 - our own store
    with suppress(OSError), urlopen(request, timeout=20):  # noqa: S310 - as above
        pytest.fail("the store took half a body")
    assert store.stored(key) is None
    assert list(store.list(key)) == []
