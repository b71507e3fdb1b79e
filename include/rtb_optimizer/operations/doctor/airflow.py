"""Checks that Airflow and its components are healthy, if its URL is known."""

import os
from http import HTTPStatus

from rtb_optimizer.operations.doctor import findings
from rtb_optimizer.operations.doctor.findings import CheckStatus, Finding

URL_VARIABLE = "AIRFLOW__API__BASE_URL"
_PARTS = ("metadatabase", "scheduler", "dag_processor", "triggerer")


def health(url: str = "") -> Finding:
    """Query Airflow's health at `url`, else at the configured URL; skipped without one."""
    import httpx  # not at every start of the command line

    url = (url or os.environ.get(URL_VARIABLE, "")).rstrip("/")
    if not url:
        return Finding("Airflow", CheckStatus.SKIPPED, f"no URL: set {URL_VARIABLE}, or pass --airflow-url")
    fix = f"start the api-server, or correct {URL_VARIABLE} or --airflow-url"
    try:
        response = httpx.get(f"{url}/api/v2/monitor/health", timeout=10, follow_redirects=True)
        health_report = response.json() if response.status_code == HTTPStatus.OK else None
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as problem:
        return Finding("Airflow", CheckStatus.FAILED, f"{url}: {' '.join(str(problem).split())}", fix)
    if not isinstance(health_report, dict):
        return Finding(
            "Airflow",
            CheckStatus.FAILED,
            f"{url} answers {response.status_code}, which is not Airflow's health report",
            fix,
        )
    return findings.airflow(url, {part: str((health_report.get(part) or {}).get("status")) for part in _PARTS})
