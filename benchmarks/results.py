"""Records measurements in results.json and as a table in README.md, with the machine named."""

import json
import os
import platform
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

RESULTS, README = (Path(__file__).with_name(name) for name in ("results.json", "README.md"))
BEGIN, END = "<!-- results: written by make bench -->", "<!-- end of results -->"


@dataclass(frozen=True, slots=True)
class Measurement:
    """A value, the median of `runs`; its target is a bound from above or below, or none at this size."""

    name: str
    value: float
    unit: str
    at_most: float | None = None
    at_least: float | None = None
    runs: int = 1

    def document(self) -> dict[str, Any]:
        """Return it as results.json has it. The rounded value is compared with the target."""
        value = float(f"{self.value:.4g}")
        target = self.at_most if self.at_least is None else self.at_least
        reached = target is None or (value <= target if self.at_least is None else value >= target)
        verdict = {"target": target, "reached": None if target is None else reached}
        return {"id": self.name, "value": value, "unit": self.unit, **verdict, "runs": self.runs}


def machine() -> dict[str, Any]:
    """Return what the machine is, of its kind alone."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {"cpu": _cpu_model(), "cores": os.cpu_count(), "memory_gib": round(memory)}


def record(of: dict[str, Any], measurements: Iterable[Measurement]) -> str:
    """Write each measurement over its former self as it comes; return the table of all."""
    known = json.loads(RESULTS.read_text()) if RESULTS.exists() else {"machine": of, "measurements": []}
    same = {m["id"]: m for m in known["measurements"]} if known["machine"] == of else {}
    for measurement in measurements:
        same[measurement.name] = measurement.document()
        print(same[measurement.name], file=sys.stderr)
        RESULTS.write_text(json.dumps({"machine": of, "measurements": list(same.values())}, indent=1) + "\n")
    document = {"machine": of, "measurements": list(same.values())}
    README.write_text(with_table(README.read_text(), table(document)))
    return table(document)


def table(document: dict[str, Any]) -> str:
    """Return the measurements as a table in Markdown."""
    of = document["machine"]
    lines = [f"Machine: {of['cpu']}, {of['cores']} cores, {of['memory_gib']} GiB of memory.", ""]
    lines += ["| Measurement | Value | Unit | Target | Reached | Runs |", "| --- | ---: | --- | ---: | --- | ---: |"]
    for m in document["measurements"]:
        target = "" if m["target"] is None else f"{m['target']:g}"
        reached = {None: "", True: "yes", False: "no"}[m["reached"]]
        lines.append(f"| `{m['id']}` | {m['value']:g} | {m['unit']} | {target} | {reached} | {m['runs']} |")
    return "\n".join(lines)


def with_table(text: str, markdown: str) -> str:
    """Return the text with the table between its markers."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{markdown}\n{END}{after}"


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())
