"""Where the cluster of `engine = spark` is: the Airflow connection `rtb_engine`, of the Spark provider's own type."""

from urllib.parse import quote

from rtb_optimizer.errors import ConnectionMissing
from rtb_optimizer.store.airflow_connections import airflow_connection

ENGINE_CONN_ID = "rtb_engine"
CONN_TYPE = "spark_connect"
S3_SCHEME = "s3a"


def spark_connect() -> tuple[str, str]:
    """Return the URL of the cluster, with its credentials, and what stands for `s3` in the URLs that it reads.

    The URL is the one that SparkConnectHook makes of the connection: host and port, the login as user, the password as
    token, `use_ssl` of the extra. `s3_scheme` of the extra is ours: s3a without it, s3 on EMR.

    Raises:
        ConnectionMissing: when there is no connection, or it is not of that type.
    """
    found = airflow_connection(ENGINE_CONN_ID)
    form = "spark-connect://HOST:15002"
    if found.conn_type != CONN_TYPE or not found.host:
        raise ConnectionMissing(
            f"connection {ENGINE_CONN_ID!r} is {found.conn_type or 'of no type'}: a server of Spark Connect is needed; "
            f"set AIRFLOW_CONN_{ENGINE_CONN_ID.upper()}={form}, or its type in Airflow to Spark Connect, with a host"
        )
    extra = found.extra_dejson
    host = found.host.rpartition("://")[2].rstrip("/")
    options = {"user_id": found.login, "token": found.password, "use_ssl": extra.get("use_ssl")}
    given = ";".join(
        f"{name}={quote(str(value), safe='')}" for name, value in options.items() if value not in (None, "")
    )
    return f"sc://{host}{f':{found.port}' if found.port else ''}/;{given}", str(extra.get("s3_scheme") or S3_SCHEME)
