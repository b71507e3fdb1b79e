"""Where exports are delivered to: a folder of another bucket or prefix for each, and the connection to write it by."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from rtb_optimizer.core.platforms.column import Platform

CONNECTIONS = "rtb_delivery_"
"""Connections of deliveries begin so: who may edit a configuration cannot write by any connection that Airflow has."""
_FOLDER = re.compile(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[^/]+)+")
_EXAMPLE = '{"plain": {"to": "s3://bidder/tables", "connection": "rtb_delivery_bidder"}}'


@dataclass(frozen=True, slots=True)
class Destination:
    """An export, the folder that it is delivered to (without a slash at its end), and the connection to write it by."""

    export: str
    to: str
    connection: str


def destinations(configured: Mapping[str, object]) -> list[Destination]:
    """Return the destinations of a valid `export_deliveries`, by export."""
    found = []
    for export, of in sorted(configured.items()):
        if isinstance(of, dict):
            found.append(Destination(export, str(of.get("to", "")).rstrip("/"), str(of.get("connection", ""))))
    return found


def delivery_problems(configured: Mapping[str, object], exports: list[str], beeswax_folder: str) -> list[str]:
    """Return what is wrong with `export_deliveries`, as messages.

    Args:
        configured: Its value.
        exports: The exports that are written.
        beeswax_folder: The folder that Beeswax's manifest names its files in.
    """
    malformed = [
        f"export_deliveries: {export} needs a folder and a connection, as {_EXAMPLE}"
        for export, of in sorted(configured.items())
        if not isinstance(of, dict) or of.keys() != {"to", "connection"}
    ]
    if malformed:
        return malformed
    problems, taken = list[str](), dict[str, str]()
    for each in destinations(configured):
        if each.export not in exports:
            problems.append(f"export_deliveries: {each.export!r} is not in exports: {', '.join(exports) or 'none'}")
        if not _FOLDER.fullmatch(each.to):
            problems.append(f"export_deliveries: {each.to!r} is not an s3://bucket/folder URL")
        if not re.fullmatch(rf"{CONNECTIONS}\w+", each.connection):
            problems.append(
                f"export_deliveries: connection {each.connection!r} does not begin with {CONNECTIONS}: name it so in "
                "Airflow, with credentials for that folder alone"
            )
        if (other := taken.setdefault(each.to, each.export)) != each.export:
            problems.append(
                f"export_deliveries: {other} and {each.export} have the folder {each.to}: give each its own"
            )
        if each.export == Platform.BEESWAX and each.to != beeswax_folder.rstrip("/"):
            problems.append(
                f"export_deliveries: beeswax goes to {each.to}, and its manifest names the files in "
                f"export_beeswax_folder, {beeswax_folder or 'which is not set'}: write the same folder"
            )
    return problems
