"""Looks up every package of the locks among the known vulnerabilities (OSV), through pip-audit.

Ends with 0 when none is known beside the exceptions, 1 when one is, 2 when the audit itself is broken. Where the
advisories cannot be reached it says that nothing was audited, and ends with 0, or with 3 when `--required`.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
# What runs everywhere, what the local stack and Kubernetes run beside it, and the tools of the tests.
LOCKS = [
    ROOT / f"requirements{part}.txt"
    for part in ("", "-local", "-lake", "-spark", "-spark-server", "-dev", "-kubernetes")
]
ADVISORIES = "https://api.osv.dev/v1/query"
UNREACHABLE = re.compile(r"requests\.exceptions\.\w+|pip_audit\S*\.(ServiceError|ConnectionError)|Could not connect.*")


def main() -> int:
    """Audit, print the findings, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--requirements", type=Path, nargs="+", default=LOCKS)
    parser.add_argument("--exceptions", type=Path, default=HERE / "exceptions.txt")
    parser.add_argument("--advisories", default=ADVISORIES, help="where to ask")
    parser.add_argument("--auditor", type=Path, default=ROOT / ".venv" / "audit", help="the folder pip-audit is in")
    parser.add_argument("--required", action="store_true", help="fail where the advisories cannot be reached")
    asked = parser.parse_args()
    if not (asked.auditor / "pip_audit").is_dir():
        return not_audited(f"pip-audit is not installed in {asked.auditor}", required=asked.required)
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        done = audited(asked, report)
        if report.exists():
            return judged(json.loads(report.read_text()), excepted(asked.exceptions))
    if reason := UNREACHABLE.search(done.stderr):
        return not_audited(f"{asked.advisories} cannot be reached ({reason[0]})", required=asked.required)
    print(f"{done.stderr}\nerror: the audit is broken, see above", file=sys.stderr)
    return 2


def audited(asked: argparse.Namespace, report: Path) -> "subprocess.CompletedProcess[str]":
    """Run pip-audit on the locks as they are: nothing is resolved, installed or run."""
    locks = [argument for lock in asked.requirements for argument in ("--requirement", str(lock))]
    return subprocess.run(
        [
            *(sys.executable, "-m", "pip_audit", *locks, "--disable-pip"),
            *("--vulnerability-service", "osv", "--osv-url", asked.advisories, "--progress-spinner", "off"),
            *("--format", "json", "--output", str(report)),
        ],
        env={"PYTHONPATH": str(asked.auditor), "PATH": "/usr/bin:/bin", "HOME": str(report.parent)} | proxies(),
        capture_output=True,
        text=True,
        check=False,
    )


def proxies() -> dict[str, str]:
    """Return what the environment says of the way out."""
    names = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE")
    return {name: value for name, value in os.environ.items() if name.upper() in names}


def excepted(path: Path) -> dict[str, str]:
    """Return the excepted ids with their reasons."""
    lines = [line for line in path.read_text().splitlines() if line.strip() and not line.startswith("#")]
    return {line.split("#")[0].strip(): line.partition("#")[2].strip() for line in lines}


def judged(report: dict[str, Any], exceptions: dict[str, str]) -> int:
    """Tell each vulnerability, each exception that was used or is not needed, and the verdict."""
    packages, known, used = report["dependencies"], 0, set()
    skipped = [package for package in packages if "version" not in package]
    for package in packages:
        for found in package.get("vulns", []):
            ids = {found["id"], *found["aliases"]}
            if reasons := [exceptions[name] for name in ids & exceptions.keys()]:
                used |= ids & exceptions.keys()
                print(f"excepted: {package['name']} {package['version']}: {found['id']}: {reasons[0]}")
                continue
            known += 1
            mended = ", ".join(found["fix_versions"]) or "no release yet"
            print(f"VULNERABLE: {package['name']} {package['version']}: {found['id']}, mended in: {mended}")
    for name in exceptions.keys() - used:
        print(f"no longer needed in exceptions.txt: {name}")
    for package in skipped:
        print(f"not looked up: {package['name']}: {package.get('skip_reason')}")
    if not packages or skipped:
        print("error: the audit is broken: packages were not looked up", file=sys.stderr)
        return 2
    print(f"audited {len(packages)} packages: {known} known vulnerabilities beside {len(used)} exceptions")
    return 1 if known else 0


def not_audited(why: str, *, required: bool) -> int:
    """Say so where nobody can overlook it."""
    print(f"NOT AUDITED: {why}. Whether a package has a known vulnerability was NOT looked up.", file=sys.stderr)
    return 3 if required else 0


if __name__ == "__main__":
    sys.exit(main())
