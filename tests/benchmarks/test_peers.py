"""The peers are pinned, and leave what the optimizer runs on alone."""

import re

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from checkout import CHECKOUT

LINES = [line for line in (CHECKOUT / "benchmarks" / "peers.txt").read_text().splitlines() if not line.startswith("#")]


def test_each_peer_has_one_exact_version_and_a_reason():
    assert [line for line in LINES if not re.fullmatch(r"[a-z0-9-]+==[0-9.]+  # .*\w", line)] == []


def test_no_peer_is_a_package_of_the_optimizer():
    ours = re.findall(r"^([A-Za-z0-9._-]+)(?:\[.*\])?==", (CHECKOUT / "requirements.txt").read_text(), re.MULTILINE)
    peers = {canonicalize_name(Requirement(line.split("  #")[0]).name) for line in LINES}

    assert peers.isdisjoint(map(canonicalize_name, ours))
