"""The commands of a page, in order, with what the page shows of each: fenced blocks of `console`."""

import re
import shlex
from dataclasses import dataclass, field

BLOCK = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)


@dataclass
class Command:
    """One command of a page, with all its lines; `output` are the lines of its output that the page shows."""

    page: str
    text: str
    output: list[str] = field(default_factory=list)


def commands_of(page, text):
    """Return the commands of a page, each with the lines that it goes on over."""
    commands = []
    for block in BLOCK.findall(text):
        goes_on = False
        for line in block.splitlines():
            if goes_on:
                commands[-1].text += f"\n{line}"
            elif line.startswith("$ "):
                commands.append(Command(page, line.removeprefix("$ ")))
            elif line.strip() not in ("", "..."):
                commands[-1].output.append(line)
            goes_on = (goes_on or line.startswith("$ ")) and is_open(commands[-1].text)
    return commands


def is_open(text):
    """Whether a command goes on: after a backslash, in a quotation, and to the end of its here-document."""
    document = re.search(r"<<'(\w+)'\n?", text)
    if document:
        return not text.endswith(f"\n{document[1]}")
    try:
        shlex.split(text.removesuffix("\\"))
    except ValueError:
        return True
    return text.endswith("\\")


def normalised(line):
    """Return a line as two runs have it in common: figures, hashes and the width of columns left out."""
    if line.strip().isdecimal():
        return line.strip()  # a status, an id: what is alone is what is meant
    line = re.sub(r"\b[0-9a-f]{10,}\b", "h", line)
    line = re.sub(r"-?\d[\d,.:]*(e-?\d+)?", "9", line)
    return " ".join(re.sub(r"[─━]+", "-", line).split())
