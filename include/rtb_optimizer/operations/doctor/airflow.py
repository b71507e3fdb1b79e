"""Is Airflow, where we know its address, up with all its parts?"""

import os
from http import HTTPStatus

from rtb_optimizer.operations.doctor import findings
from rtb_optimizer.operations.doctor.findings import Finding, Standing

URL_VARIABLE = "AIRFLOW__API__BASE_URL"
_PARTS = ("metadatabase", "scheduler", "dag_processor", "triggerer")


def health(url: str = "") -> Finding:
    """Ask Airflow for its health, at the URL given or the one it is configured to have; without one, skip it."""
    import httpx  # not at every start of the command line

    url = (url or os.environ.get(URL_VARIABLE, "")).rstrip("/")
    if not url:
        told = f"no address: set {URL_VARIABLE}, or give --airflow-url"
        return Finding("Airflow", Standing.SKIPPED, told)
    fix = f"start the api-server, or correct {URL_VARIABLE} or --airflow-url"
    try:
        answer = httpx.get(f"{url}/api/v2/monitor/health", timeout=10, follow_redirects=True)
        said = answer.json() if answer.status_code == HTTPStatus.OK else None
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as problem:
        return Finding("Airflow", Standing.FAILED, f"{url}: {' '.join(str(problem).split())}", fix)
    if not isinstance(said, dict):
        return Finding("Airflow", Standing.FAILED, f"{url} answers {answer.status_code}, not as Airflow does", fix)
    return findings.airflow(url, {part: str((said.get(part) or {}).get("status")) for part in _PARTS})
