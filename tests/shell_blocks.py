"""The commands of a page, in order, with what the page shows of each: fenced blocks of `console`."""

import re
from dataclasses import dataclass, field

BLOCK = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)


@dataclass
class Command:
    """One command of a page, with all its lines; `shown` are the lines of its output that the page gives."""

    page: str
    text: str
    shown: list[str] = field(default_factory=list)


def commands_of(page, text):
    """Return the commands of a page. A command goes on after a backslash, and to the end of its here-document."""
    found = []
    for block in BLOCK.findall(text):
        open_until = None
        for line in block.splitlines():
            if open_until:
                found[-1].text += f"\n{line}"
                open_until = (
                    None if line == open_until or (open_until == "\\" and not line.endswith("\\")) else open_until
                )
            elif line.startswith("$ "):
                found.append(Command(page, line.removeprefix("$ ")))
                document = re.search(r"<<'?(\w+)'?", line)
                open_until = document[1] if document else "\\" if line.endswith("\\") else None
            elif line.strip() not in ("", "..."):
                found[-1].shown.append(line)
    return found


def seen(line):
    """Return a line as two runs have it in common: figures, hashes and the width of columns left out."""
    if line.strip().isdecimal():
        return line.strip()  # a status, an id: what is alone is what is meant
    line = re.sub(r"\b[0-9a-f]{10,}\b", "h", line)
    line = re.sub(r"-?\d[\d,.:]*(e-?\d+)?", "9", line)
    return " ".join(re.sub(r"[─━]+", "-", line).split())
