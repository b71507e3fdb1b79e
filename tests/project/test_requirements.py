"""Is the lock complete, installable by hash, of this environment, and does what it names work together?"""

import os
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
ASKED = (ROOT / "requirements.in").read_text()
LOCK = (ROOT / "requirements.txt").read_text()
# What each provider is here for. Only an import shows that two releases do not fit: celery 5.7 was such a case.
PROVIDERS = (
    "from airflow.providers.celery.executors.celery_executor import CeleryExecutor",
    "from airflow.providers.amazon.aws.hooks.s3 import S3Hook",
    "from airflow.providers.postgres.hooks.postgres import PostgresHook",
    "from airflow.providers.slack.notifications.slack_webhook import SlackWebhookNotifier",
    "from airflow.providers.smtp.notifications.smtp import SmtpNotifier",
    "import statsd",  # what Airflow sends StatsD metrics with
    "from airflow.providers.standard.operators.python import PythonOperator",
)


def asked() -> list[str]:
    return [line for line in ASKED.splitlines() if line and not line.startswith("#")]


def pins() -> dict[str, set[str]]:
    """Give the hashes of each pin, keyed by the pin as written: `numpy==2.4.6 ; python_full_version < '3.12'`."""
    joined = LOCK.replace("\\\n", " ")
    entries = [line for line in joined.splitlines() if line and not line.startswith("#")]
    return {
        entry.split(" --hash=")[0].strip(): set(re.findall(r"--hash=sha256:([0-9a-f]{64})\b", entry))
        for entry in entries
    }


def pinned() -> list[Requirement]:
    return [Requirement(pin) for pin in pins()]


def test_every_package_we_ask_for_has_a_reason_on_its_line() -> None:
    bare = [line for line in asked() if not re.search(r"\s# \w+.*\w", line)]
    assert bare == []


def test_every_package_we_ask_for_is_in_the_lock_at_a_version_we_accept() -> None:
    versions = {(canonicalize_name(pin.name), str(pin.specifier).removeprefix("==")) for pin in pinned()}
    for line in asked():
        wish = Requirement(line.split(" #")[0])
        found = [each for name, each in versions if name == canonicalize_name(wish.name)]
        assert found, f"{wish.name} is not in requirements.txt: run `make lock`"
        assert all(wish.specifier.contains(each) for each in found), wish


def test_every_line_of_the_lock_names_one_exact_version() -> None:
    assert len(pins()) > len(asked())
    assert [str(pin) for pin in pinned() if not re.fullmatch(r"==[^,*]+", str(pin.specifier))] == []


def test_every_pin_has_a_hash() -> None:
    assert [pin for pin, hashes in pins().items() if not hashes] == []


def test_every_pin_with_extras_stands_there_without_them_too() -> None:
    """Pip 23.2, which comes with Python 3.11, looks for hashes only under the very name a package asks for."""
    hashes = pins()
    with_extras = [pin for pin in hashes if "[" in pin]
    assert with_extras
    for pin in with_extras:
        assert hashes[re.sub(r"\[.*?]", "", pin)] == hashes[pin], f"{pin}: run `make lock`"


def test_the_lock_names_no_index_and_no_path() -> None:
    assert not re.search(r"://|--(extra-)?index-url|--find-links|--trusted-host", LOCK)
    assert not re.search(r"(^|[\s=])[./~]*/\w", LOCK, flags=re.MULTILINE)


@pytest.mark.parametrize("python", ["3.11.0", "3.11.9", "3.12.1", "3.13.0"])
@pytest.mark.parametrize("system", [("linux", "x86_64"), ("darwin", "arm64"), ("darwin", "x86_64")])
def test_no_environment_gets_two_versions_of_one_package(python: str, system: tuple[str, str]) -> None:
    place = {"python_full_version": python, "python_version": python.rpartition(".")[0]}
    place |= {"sys_platform": system[0], "platform_machine": system[1]}
    chosen: dict[str, str] = {}
    for pin in pinned():
        if pin.marker is None or pin.marker.evaluate(place):
            assert chosen.setdefault(canonicalize_name(pin.name), str(pin.specifier)) == str(pin.specifier), pin


def test_this_environment_is_what_the_lock_says() -> None:
    here = [pin for pin in pinned() if pin.marker is None or pin.marker.evaluate()]
    assert {pin.name: version(pin.name) for pin in here} == {
        pin.name: str(pin.specifier).removeprefix("==") for pin in here
    }


def test_every_provider_imports_what_we_use_it_for(tmp_path: Path) -> None:
    environment = os.environ | {"AIRFLOW_HOME": str(tmp_path), "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR"}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", "\n".join(PROVIDERS)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
