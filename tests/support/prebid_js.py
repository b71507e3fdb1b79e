"""Prebid's own price floors module, for tests that let it read a file and play auctions."""

import fcntl
import json
import os
import shutil
import subprocess

import pytest

from checkout import CHECKOUT

PREBID = CHECKOUT / "tests" / "exports" / "prebid"


def installed_prebid():
    """Return a function that asks the module for a floor for each request, which is a value by field.

    Where it cannot be installed the test is skipped, and fails on CI.
    """
    absent = [name for name in ("node", "npm", "make") if not shutil.which(name)]
    why = f"Prebid.js cannot be run: {', '.join(absent)} not installed"
    if not absent:
        with (PREBID / "package.json").open() as turn:  # one worker of a parallel run installs
            fcntl.flock(turn, fcntl.LOCK_EX)
            made = subprocess.run(["make", "prebid"], cwd=CHECKOUT, capture_output=True, text=True, check=False)
        absent, why = made.returncode, f"Prebid.js could not be installed: {made.stderr.strip()}"
    if absent:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(why)
    return _ask


def _ask(body, requests, page="https://news.example.com/", *, currency="USD", together=False):
    question = {"page": page, "currency": currency, "file": json.loads(body), "requests": requests}
    question["together"] = together
    finished = subprocess.run(
        ["node", "floors.mjs"], cwd=PREBID, input=json.dumps(question), capture_output=True, text=True, check=True
    )
    return json.loads(finished.stdout)
