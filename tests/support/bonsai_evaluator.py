"""An evaluator of Bonsai trees, written from the vendor's grammar: strict about all that its documents specify.

expression : if | switch | leaf          leaf : number, or lines of `leaf_name: "..."` and `value: ...`
if : 'if' condition ':' INDENT expression ('elif' condition ':' INDENT expression)* 'else' ':' INDENT expression
switch : 'switch' feature ':' INDENT ('case' list ':' INDENT expression)* 'default' ':' INDENT expression
condition : feature ('present' | 'absent' | '=' value | 'in' list)
"""

import re
from dataclasses import dataclass, field

NUMBERS = {"user_hour": 23, "user_day": 6, "placement": None, "publisher": None}
WITH_NAMES = {"country", "region", "city", "postal_code", "os_family", "position", "supply_type"}
TEXTS = {"domain", "mobile_app_bundle", "size", "device_type"}
NAME = r'leaf_name: "([ !#-~]{1,7})"'
VALUE = r"value: (no_bid|\d+(?:\.\d+)?)"
WHOLE = r"0|[1-9]\d*"
QUOTED = r'"[^"\\]+"'


@dataclass
class Leaf:
    name: str
    value: float | None


@dataclass
class Fork:
    """The tests, in order: a feature, the values that match it (None for absent), and what then follows."""

    branches: list = field(default_factory=list)
    otherwise: object = None


def parse(text):
    """Return the tree of a text, as an if or switch in one shape; a text that is not Bonsai fails."""
    assert text.endswith("\n")
    assert re.fullmatch(r"[\t\n -~]+", text)
    lines = [(len(line) - len(line.lstrip("\t")), line.lstrip("\t")) for line in text[:-1].split("\n")]
    assert all(line and line == line.strip() for _, line in lines)
    tree, end = _expression(lines, 0, 0)
    assert end == len(lines), f"a second root at line {end + 1}"
    return tree


def evaluate(tree, request):
    """Return the leaf of a request: values by feature, None for what is absent."""
    while isinstance(tree, Fork):
        tree = next((then for name, values, then in tree.branches if request[name] in values), tree.otherwise)
    return tree


def leaves(tree):
    """Yield every leaf, in the order of the text."""
    if isinstance(tree, Leaf):
        yield tree
    else:
        for then in [*(branch[-1] for branch in tree.branches), tree.otherwise]:
            yield from leaves(then)


def _expression(lines, at, indent):
    assert lines[at][0] == indent, f"line {at + 1} is not indented by {indent} tabs"
    word = lines[at][1].split(" ")[0]
    return {"if": _if, "switch": _switch}.get(word, _leaf)(lines, at, indent)


def _if(lines, at, indent):
    fork, word = Fork(), "if"
    while lines[at] != (indent, "else:"):
        name, values = _condition(_between(lines[at], indent, f"{word} ", ":"))
        then, at = _expression(lines, at + 1, indent + 1)
        fork.branches.append((name, values, then))
        word = "elif"
    fork.otherwise, at = _expression(lines, at + 1, indent + 1)
    return fork, at


def _switch(lines, at, indent):
    fork, name = Fork(), _between(lines[at], indent, "switch ", ":")
    at += 1
    while lines[at] != (indent + 1, "default:"):
        values = _list(name, _between(lines[at], indent + 1, "case ", ":"))
        then, at = _expression(lines, at + 1, indent + 2)
        fork.branches.append((name, values, then))
    fork.otherwise, at = _expression(lines, at + 1, indent + 2)
    return fork, at


def _leaf(lines, at, indent):
    name = re.fullmatch(NAME, lines[at][1])
    value = re.fullmatch(VALUE, lines[at + 1][1])
    assert name, f"no leaf_name at line {at + 1}: {lines[at][1]}"
    assert value, f"no value at line {at + 2}: {lines[at + 1][1]}"
    assert lines[at + 1][0] == indent
    bid = None if value[1] == "no_bid" else float(value[1])
    assert bid is None or bid > 0, "a bid of 0 is not supported"
    return Leaf(name[1], bid), at + 2


def _between(line, indent, start, end):
    assert line[0] == indent, line
    assert line[1].startswith(start), line
    assert line[1].endswith(end), line
    return line[1][len(start) : -len(end)]


def _condition(text):
    name, operator, value = (*text.split(" ", 2), "")[:3]
    assert name in {*NUMBERS, *WITH_NAMES, *TEXTS}, name
    if operator == "absent":
        return name, {None}
    assert operator in {"=", "in"}, operator
    return name, _list(name, value) if operator == "in" else {_value(name, value)}


def _list(name, text):
    assert re.fullmatch(rf"\((?:{WHOLE}|{QUOTED})(?:, ?(?:{WHOLE}|{QUOTED}))*\)", text), text
    return {_value(name, value) for value in re.findall(rf"{QUOTED}|{WHOLE}", text)}


def _value(name, text):
    """Return a number, which features with ids have, or a text, which the others and those with names have."""
    if re.fullmatch(WHOLE, text):
        assert name in NUMBERS or name in WITH_NAMES, f"{name} is text: {text}"
        assert (NUMBERS.get(name) or int(text)) >= int(text), f"{name} = {text}"
        return int(text)
    assert re.fullmatch(QUOTED, text), text
    assert name in TEXTS or name in WITH_NAMES, f"{name} is a number: {text}"
    return text[1:-1]
