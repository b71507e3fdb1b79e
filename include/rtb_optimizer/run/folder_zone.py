"""Finds at the midnights of which time zone the folders of the logs are cut, by the times of their rows."""

import logging
from collections.abc import Sequence
from datetime import timedelta

from rtb_optimizer.core.config.window import midnight, zone
from rtb_optimizer.engines.passes.arrivals import rows_outside
from rtb_optimizer.logs import partitions
from rtb_optimizer.logs.contents import look_into
from rtb_optimizer.logs.folder_zone import possible_zones, zone_of_rows
from rtb_optimizer.logs.partitions import Partition
from rtb_optimizer.outputs.documents.folders import FoldersDocument
from rtb_optimizer.run.opened_logs import opened
from rtb_optimizer.run.workspace import FOLDERS, Workspace

log = logging.getLogger(__name__)


def settle_folder_zone(workspace: Workspace) -> None:
    """Record the zone of the folders, if more than one is possible and a folder of the window is there to look into.

    It is recorded once: all steps, and a step that runs again, read the same folders.
    """
    zones = possible_zones(workspace.settings)
    if len(zones) == 1 or workspace.folder_zone_settled is not None:
        return
    present = partitions.in_window(workspace.settings, workspace.window, zone(zones[0]))
    first = next((partition for partition in present if partition.complete), None)
    if first is None:
        return
    [sample] = look_into([first], workspace.settings).partitions
    if not sample.complete:
        return
    found = _zone_of(workspace, sample, zones)
    log.info("the folders of the logs are cut at midnights of %s, as the rows of %s show", found, sample.url)
    workspace.write_work_document(FOLDERS, FoldersDocument(timezone=found))


def _zone_of(workspace: Workspace, partition: Partition, zones: Sequence[str]) -> str:
    """Return the zone in which the rows of a folder are of its day."""
    first = partition.day or workspace.window.start.date()
    after = first + timedelta(days=1)
    with opened(workspace, [partition]) as (engine, table):
        if workspace.settings.timestamp_column not in table.types:  # the run is about to fail, with the reason
            return zones[0]
        return zone_of_rows(
            {
                name: rows_outside(engine, table, midnight(first, zone(name)), midnight(after, zone(name)))
                for name in zones
            }
        )
