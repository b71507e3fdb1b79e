"""A cluster of real Spark on this machine: a master, workers and a server of Spark Connect, each a process of its own.

It is the `pyspark` of requirements-spark-server.txt, which `make test-long` installs into a folder of its own.
"""

import os
import shutil
import signal
import socket
import subprocess
import time
from contextlib import contextmanager, suppress
from pathlib import Path

from checkout import CHECKOUT
from listening import free_port
from rtb_optimizer.engines.spark.session import Cluster

HOME = CHECKOUT / ".venv" / "spark-server" / "pyspark"
START_SECONDS = 180
MEMORY = "1g"


def missing() -> str:
    """Return what is missing for a cluster, in words; empty where nothing is."""
    if not (HOME / "bin" / "spark-class").exists():
        return "no Spark server is here: make test-long installs it"
    return "" if shutil.which("java") else "no Java is here: install a JRE of 17 or later"


class SparkCluster:
    """The processes; `workers` by name."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._processes = folder, dict[str, subprocess.Popen]()
        self._master, self._connect = free_port(), free_port()
        self.cluster = Cluster(f"sc://127.0.0.1:{self._connect}")

    def start(self) -> None:
        """Start a master and a server, and wait until that answers; it waits for workers by itself."""
        at = ["--host", "127.0.0.1", "--port", str(self._master), "--webui-port", "0"]
        self._run("master", "spark-class", "org.apache.spark.deploy.master.Master", *at)
        self._until_open(self._master)
        options = {
            "spark.connect.grpc.binding.address": "127.0.0.1",
            "spark.connect.grpc.binding.port": str(self._connect),
            "spark.ui.enabled": "false",
            "spark.driver.host": "127.0.0.1",
            "spark.sql.shuffle.partitions": "4",
            "spark.default.parallelism": "4",
            "spark.executor.memory": MEMORY,
            "spark.executor.cores": "1",
        }
        confs = [part for name, value in options.items() for part in ("--conf", f"{name}={value}")]
        server = ["--class", "org.apache.spark.sql.connect.service.SparkConnectServer", *confs, "spark-internal"]
        self._run("connect", "spark-submit", "--master", self._url, *server)
        self._until_open(self._connect)

    def add_worker(self, name: str) -> None:
        """Start a worker of one core."""
        work = ["--host", "127.0.0.1", "--cores", "1", "--memory", "1500m", "--webui-port", "0"]
        work += ["--work-dir", str(self._folder / name)]
        self._run(name, "spark-class", "org.apache.spark.deploy.worker.Worker", *work, self._url)

    def kill(self, name: str) -> None:
        """Kill a process and those that it has started, such as a worker's executor, without a warning."""
        process = self._processes.pop(name)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(30)

    def stop(self) -> None:
        """Kill everything that was started."""
        for name in [*self._processes]:
            self.kill(name)

    @property
    def _url(self) -> str:
        return f"spark://127.0.0.1:{self._master}"

    def _run(self, name: str, script: str, *arguments: str) -> None:
        limits = {"SPARK_HOME": str(HOME), "SPARK_LOCAL_IP": "127.0.0.1"}
        limits["SPARK_DAEMON_MEMORY"] = MEMORY if name == "connect" else "256m"  # a daemon, too, and the driver
        limits["SPARK_MASTER_OPTS"] = "-Dspark.master.rest.enabled=false"
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        with (self._folder / f"{name}.log").open("wb") as log:
            self._processes[name] = subprocess.Popen(
                [str(HOME / "bin" / script), *arguments],
                env=environment | limits | {"SPARK_LOCAL_DIRS": str(self._folder / "local")},
                cwd=self._folder,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _until_open(self, port: int) -> None:
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end and all(process.poll() is None for process in self._processes.values()):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return
            time.sleep(0.3)
        logs = "\n".join(path.read_text()[-2_000:] for path in self._folder.glob("*.log"))
        raise TimeoutError(f"Spark does not answer on port {port}:\n{logs}")


@contextmanager
def spark_cluster(folder: Path, workers: int = 2):
    """Run a cluster until the block is left."""
    cluster = SparkCluster(folder)
    try:
        cluster.start()
        for n in range(workers):
            cluster.add_worker(f"worker-{n}")
        yield cluster
    finally:
        cluster.stop()
