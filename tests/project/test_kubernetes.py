"""deploy/kubernetes has the settings of docker-compose.yaml, no secret in it, and one DAG list for all that need it.

The keys of values.yaml belong to the official Airflow chart, which is not here: docs/how-to/run-on-kubernetes.md names
the release whose schema they were checked with.
"""

import re
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from checkout import CHECKOUT
from rtb_optimizer.local.airflow_settings import AIRFLOW_SETTINGS

FOLDER = CHECKOUT / "deploy" / "kubernetes"
TEXT = (FOLDER / "values.yaml").read_text()
VALUES = yaml.safe_load(TEXT)
COMPOSE = yaml.safe_load((CHECKOUT / "docker-compose.yaml").read_text())
DOCKERFILE = (CHECKOUT / "Dockerfile").read_text()
ENVIRONMENT = {each["name"]: each["value"] for each in VALUES["env"]}
SECRET_ENVIRONMENT = {each["envName"] for each in VALUES["secret"]}
# What the chart sets from a key of its own, which is where it belongs then: other parts of the chart read it, too.
SET_BY_THE_CHART = {
    "AIRFLOW__CORE__EXECUTOR": ("executor",),
    "AIRFLOW__CORE__FERNET_KEY": ("fernetKeySecretName",),
    "AIRFLOW__API__SECRET_KEY": ("apiSecretKeySecretName",),
    "AIRFLOW__API_AUTH__JWT_SECRET": ("jwtSecretName",),
    "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": ("data", "metadataSecretName"),
    "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": ("executor",),  # the chart's own service
}
# Who mounts the DAG list, and who of them writes it: tasks, commands in the scheduler's pod, the first list of a job.
DAG_LIST_MOUNTS = {
    "dagProcessor": "read",
    "apiServer": "read",
    "scheduler": "write",
    "migrateDatabaseJob": "write",
    "workers.kubernetes": "write",
}
DAG_LIST = "/opt/airflow/manifest"


def value(*keys: str) -> Any:
    found = VALUES
    for key in keys:
        found = found[key]
    return found


def test_airflow_has_the_settings_that_the_local_stack_proves() -> None:
    assert {name: ENVIRONMENT.get(name) for name in AIRFLOW_SETTINGS} == AIRFLOW_SETTINGS


def test_each_variable_of_the_compose_file_is_given_too() -> None:
    names = {name for name in COMPOSE["x-airflow-env"] if "__CELERY" not in name}
    assert names - set(ENVIRONMENT) - SECRET_ENVIRONMENT == set(SET_BY_THE_CHART)
    assert all(value(*keys) for keys in SET_BY_THE_CHART.values())
    assert value("executor") == "KubernetesExecutor"
    address = "AIRFLOW__API__BASE_URL"
    assert ENVIRONMENT[address] == value("config", "api", "base_url")
    same = (set(ENVIRONMENT) & names) - {address}
    assert {name: ENVIRONMENT[name] for name in same} == {name: COMPOSE["x-airflow-env"][name] for name in same}


def test_a_variable_is_text_as_a_pod_requires_it() -> None:
    assert {name for name, text in ENVIRONMENT.items() if not isinstance(text, str)} == set()


def test_the_image_and_the_chart_have_the_airflow_of_the_lock() -> None:
    lock = (CHECKOUT / "requirements.txt").read_text()
    version = re.search(r"^apache-airflow==(\S+)", lock, re.MULTILINE)
    assert version
    assert {value("airflowVersion"), value("images", "airflow", "tag")} == {version[1]}
    assert value("images", "useDefaultImageForMigration") is False, "the job needs the product"


def test_the_image_is_that_of_the_compose_file_with_the_code_and_the_executor() -> None:
    steps = DOCKERFILE.split("FROM compose AS kubernetes\n")[1]
    copied = dict(re.findall(r"^COPY (\S+) (\S+)$", steps, re.MULTILINE))
    assert copied == {
        name: f"/opt/airflow/{name}" for name in ("requirements-kubernetes.txt", "include", "plugins", "dags")
    }
    admitted = (CHECKOUT / ".dockerignore").read_text().splitlines()[1:]
    assert set(admitted) >= {"*", *(f"!{name}" for name in ("requirements.txt", *copied))}
    assert set(admitted) >= {"**/__pycache__", "dags/entities.json*"}, "what a checkout wrote itself"
    assert ENVIRONMENT["PYTHONPATH"] == copied["include"]


def test_no_secret_stands_in_the_file() -> None:
    assert not re.search(r"://[^\s/:]+:[^\s/@]+@", TEXT), "a URL with a password"
    assert all(each.keys() == {"envName", "secretName", "secretKey"} for each in VALUES["secret"])
    assert {"AIRFLOW_CONN_RTB_CATALOG", "AIRFLOW_CONN_RTB_S3"} == SECRET_ENVIRONMENT
    given = {"fernetKey", "jwtSecret", "apiSecretKey", "webserverSecretKey", "extraSecrets", "metadataConnection"}
    assert given & ({*VALUES} | {*VALUES["data"]}) == set()
    assert not [name for name in ENVIRONMENT if re.search(r"(PASSWORD|SECRET|KEY|TOKEN)$", name)]


def test_the_page_makes_each_key_of_the_secret_that_the_file_names() -> None:
    page = (CHECKOUT / "docs" / "how-to" / "run-on-kubernetes.md").read_text()
    keys = {each["secretKey"] for each in VALUES["secret"]} | {"passwords.json"}
    keys |= {"connection", "fernet-key", "api-secret-key", "jwt-secret"}  # the chart's own names
    assert {key for key in keys if not re.search(rf"^{re.escape(key)}=\S", page, re.MULTILINE)} == set()


@pytest.mark.parametrize("part", DAG_LIST_MOUNTS)
def test_the_dag_list_is_one_volume_that_only_those_write_who_have_to(part: str) -> None:
    mounts = {mount["name"]: mount for mount in value(*part.split("."), "extraVolumeMounts")}
    volumes = {volume["name"]: volume for volume in value(*part.split("."), "extraVolumes")}
    claim = volumes["dag-list"]["persistentVolumeClaim"]
    assert mounts["dag-list"]["mountPath"] == DAG_LIST == ENVIRONMENT["RTB_MANIFEST"].rpartition("/")[0]
    assert claim["claimName"] == yaml.safe_load((FOLDER / "dag-list.yaml").read_text())["metadata"]["name"]
    reads_only = DAG_LIST_MOUNTS[part] == "read"
    assert [mounts["dag-list"].get("readOnly", False), claim.get("readOnly", False)] == [reads_only, reads_only]


def test_pods_of_several_nodes_can_have_the_dag_list_at_once() -> None:
    claim = yaml.safe_load((FOLDER / "dag-list.yaml").read_text())
    assert claim["spec"]["accessModes"] == ["ReadWriteMany"]


def test_what_is_spilled_has_a_bounded_disk_that_goes_with_the_pod() -> None:
    pod = value("workers", "kubernetes")
    folder = {each["name"]: each["value"] for each in pod["env"]}["TMPDIR"]
    assert [mount["name"] for mount in pod["extraVolumeMounts"] if mount["mountPath"] == folder] == ["spill"]
    spill = next(volume for volume in pod["extraVolumes"] if volume["name"] == "spill")
    assert re.fullmatch(r"\d+Gi", spill["emptyDir"]["sizeLimit"])
    assert "medium" not in spill["emptyDir"], "memory would count as the task's"


def test_a_step_gets_as_long_to_finish_as_a_worker_of_the_compose_file() -> None:
    minutes = re.fullmatch(r"(\d+)m", COMPOSE["services"]["worker-1"]["stop_grace_period"])
    assert minutes
    assert value("workers", "kubernetes", "terminationGracePeriodSeconds") == int(minutes[1]) * 60


def requested(dag_id: str, task_id: str) -> dict[str, Any]:
    """Return the resources of a task's pod, as the chart's template and the hook of the file make them."""
    resources = {kind: dict(amounts) for kind, amounts in value("workers", "kubernetes", "resources").items()}
    container = SimpleNamespace(name="base", resources=SimpleNamespace(**resources))
    annotations = {"dag_id": dag_id, "task_id": task_id}
    pod = SimpleNamespace(
        metadata=SimpleNamespace(annotations=annotations),
        spec=SimpleNamespace(containers=[SimpleNamespace(name="sidecar"), container]),
    )
    settings: dict[str, Any] = {}
    exec(value("airflowLocalSettings"), settings)  # noqa: S102 - as Airflow imports it
    settings["pod_mutation_hook"](pod)
    return vars(container.resources)


def test_the_steps_that_count_logs_get_more_than_the_others() -> None:
    base = value("workers", "kubernetes", "resources")
    counting = {"select_features", "build_segments", "measure_live", "run_challenger"}
    graph = (CHECKOUT / "dags" / "rtb_optimizer_entities.py").read_text()
    tasks = set(re.findall(r"^ *def (\w+)\(opt_run_id: int", graph, re.MULTILINE)) | {"create_run"}
    assert counting < tasks
    assert {task for task in tasks if requested("rtb_optimizer__drugs_com", task) != base} == counting
    assert requested("another_dag", "build_segments") == base


def test_the_text_that_the_chart_renders_holds_no_template_by_accident() -> None:
    assert "{{" not in value("airflowLocalSettings")
