"""Runs the embedded S3 store, closed to everyone without the keys, and probes its readiness."""

import signal
from typing import TYPE_CHECKING

from rtb_optimizer.local.binaries import weed_binary
from rtb_optimizer.local.files import private_folder
from rtb_optimizer.local.ports import object_store_ports
from rtb_optimizer.local.processes import Service, StopStep
from rtb_optimizer.local.settings import BUCKET, REGION, LocalSettings
from rtb_optimizer.local.store_keys import closing_variables

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# It usually takes 2-3 s and was seen to take 12; what it has acknowledged survives a kill.
_STOP = (StopStep(signal.SIGTERM, 20),)

_CLOSED = (
    "-master.telemetry=false",  # on by default, to a server on the internet
    "-disableHttp",  # else anyone on the host reads and writes objects through the filer, without a key
    "-admin.ui=false",
    "-webdav=false",
    "-s3.port.iceberg=0",
    "-s3.port.lance=0",
    # In the data folder, which is its owner's alone, not in /tmp. Relative: socket paths have to be short.
    "-filer.localSocket=filer.sock",
    "-s3.localSocket=s3.sock",
)


def service(settings: LocalSettings) -> Service:
    """Give the object store's command; its objects live in `<root>/s3`."""
    folder = private_folder(settings.root / "s3")
    ports = object_store_ports(settings.s3_port)
    listen = (f"-ip={settings.host}", f"-ip.bind={settings.host}")
    at = tuple(f"-{part}.port={port}" for part, port in ports.items())
    command = (str(weed_binary()), "mini", "-dir=.", f"-bucket={BUCKET}", *listen, *at, *_CLOSED)
    environment = {
        "AWS_ACCESS_KEY_ID": settings.credentials.s3_access_key,
        "AWS_SECRET_ACCESS_KEY": settings.credentials.s3_secret_key,
        # Same speed with 380 MB resident as with 1,000 MB unbounded; below 512 MiB writes slow down.
        "GOMEMLIMIT": "512MiB",
        "HOME": str(folder),
        "PATH": "/usr/bin:/bin",
        **closing_variables(folder),
    }
    return Service("s3", command, environment, folder, _STOP)


def client(settings: LocalSettings) -> "S3Client":
    """Open a client on the store with its keys, past any proxy."""
    import boto3
    from botocore.config import Config

    config = Config(connect_timeout=2, read_timeout=5, retries={"total_max_attempts": 1}, proxies={})
    return boto3.client(
        "s3",
        endpoint_url=settings.s3_url,
        region_name=REGION,
        aws_access_key_id=settings.credentials.s3_access_key,
        aws_secret_access_key=settings.credentials.s3_secret_key,
        config=config,
    )


def is_ready(s3: "S3Client") -> bool:
    """Return whether the store knows our keys and has the bucket."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        s3.head_bucket(Bucket=BUCKET)
    except (BotoCoreError, ClientError):
        return False
    return True
