"""Compiles the master table for the fields that each platform has.

Exports are made while the sample is in memory, handed over, and published beside the other outputs.
"""

import logging
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace

import numpy as np

from rtb_optimizer.core.config.settings import Settings
from rtb_optimizer.core.platforms.column import Platform
from rtb_optimizer.core.platforms.fields import column_of
from rtb_optimizer.core.platforms.spelling import SpeltValues, spelt_sample
from rtb_optimizer.core.realized.arms import ChallengerRule, Holdback
from rtb_optimizer.core.sample.sample import Sample
from rtb_optimizer.core.sample.value_maps import translated, value_maps
from rtb_optimizer.core.table.joint import compile_joint
from rtb_optimizer.errors import NotFound
from rtb_optimizer.exports.beeswax import bid_model
from rtb_optimizer.exports.bonsai import bonsai_tree
from rtb_optimizer.exports.compiled import keyed_table
from rtb_optimizer.exports.export import Challenge, Export, Terms
from rtb_optimizer.exports.keyed_table import KeyedTable
from rtb_optimizer.exports.lookup_tables import lookup_tables
from rtb_optimizer.exports.lossiness import lossiness, requests_of
from rtb_optimizer.exports.plain import plain
from rtb_optimizer.exports.prebid_floors import MAX_BYTES, prebid_floors
from rtb_optimizer.outputs.documents.exports import (
    ExportDocument,
    ExportsDocument,
    FieldDocument,
    FileDocument,
    LostDocument,
    SpeltDocument,
    WithoutIdDocument,
)
from rtb_optimizer.outputs.published import published_output
from rtb_optimizer.run.build_tables import TablePredictions
from rtb_optimizer.run.export_fields import fields_of, refused_fields, taken_fields, unknown_features
from rtb_optimizer.run.handover import Handover
from rtb_optimizer.run.workspace import Workspace
from rtb_optimizer.store import connections
from rtb_optimizer.store.active_copy import FLOORS
from rtb_optimizer.store.objects import StoredObject
from rtb_optimizer.store.schema import Run

log = logging.getLogger(__name__)
WRITERS: Mapping[Platform, Callable[[KeyedTable, Terms], Export]] = {
    Platform.PLAIN: plain,
    Platform.PREBID_FLOORS: prebid_floors,
    Platform.LOOKUP_TABLES: lookup_tables,
    Platform.BEESWAX: bid_model,
    Platform.BONSAI: bonsai_tree,
}

HOLD_BACK = (Platform.PLAIN, Platform.PREBID_FLOORS)
"""The exports whose files have the rule of the holdback, or a group of the platform's that stands for it."""


def compiled_exports(workspace: Workspace, predictions: TablePredictions) -> tuple[ExportsDocument, dict[str, bytes]]:
    """Return what the report states about every export, and their files, for the step that publishes."""
    s = workspace.settings
    folder, skip_rate = s.export_beeswax_folder, s.export_skip_rate
    holdback = Holdback.of(workspace.snapshot.values, workspace.entity_code)
    terms = Terms(
        workspace.run_code, s.export_base_cpm, s.export_currency, folder, skip_rate=skip_rate, holdback=holdback
    )
    documents, files = list[ExportDocument](), dict[str, bytes]()
    for name in s.exports:
        challenge = _challenge(workspace, Platform(name))
        if challenge is not None and not challenge.is_possible:
            log.warning("%s: the active run's file leaves no room for the challenger: it is not exported", name)
            continue
        export, document = exported(Platform(name), predictions, s, replace(terms, challenge=challenge))
        files |= {place_of(name, file): body for file, body in export.files.items()}
        documents.append(document)
    return ExportsDocument(platforms=tuple(documents)), files


def place_of(platform: str, file: str) -> str:
    """Return where a file of an export is, in the run's folder and among the parts of build_segments."""
    return f"exports/{platform}/{file}"


def _challenge(workspace: Workspace, platform: Platform) -> Challenge | None:
    """Return what makes an export that of a challenger's run, None for any other run."""
    challenge = workspace.snapshot.challenge
    if challenge is None:
        return None
    rule = ChallengerRule.of(workspace.snapshot.values, workspace.entity_code, challenge.share)
    if platform is not Platform.PREBID_FLOORS:
        return Challenge(rule)
    with connections.session() as session:
        run = session.get_one(Run, challenge.beside_run_id)
        try:
            beside = published_output(session, run, FLOORS)
        except NotFound:  # the active run is older than the export
            beside = b""
    return Challenge(rule, beside, is_possible=0 < len(beside) <= MAX_BYTES // 2)


def publish(workspace: Workspace, built: Handover, exports: ExportsDocument) -> dict[str, tuple[StoredObject, int]]:
    """Write the files of every export; return each with its rows, by output type."""
    written = {}
    for export in exports.platforms:
        for file in export.files:
            place = place_of(export.platform, file.name)
            stored = workspace.write(place, built.part(place))
            written[file.output_type] = (stored, file.rows)
    return written


def exported(
    platform: Platform, predictions: TablePredictions, settings: Settings, terms: Terms
) -> tuple[Export, ExportDocument]:
    """Return an export of the master table, and what the report states about it."""
    fields = fields_of(platform, predictions.features, settings)
    bids = settings.segment_rules.bids
    maps = value_maps(settings.export_value_maps, platform)
    mapped = translated(predictions.sample.with_features(fields), maps)
    spelt = spelt_sample(mapped, {name: column_of(platform, field) for name, field in fields.items()})
    sample = spelt.sample
    multiplier = predictions.multiplier * ~predictions.no_bid
    rules, publishable = settings.table_rules.joint, predictions.publishable
    joint = compile_joint(sample, list(fields), predictions.expected, multiplier, rules, publishable)
    table = keyed_table(joint, list(fields.values()), bids)
    requests = requests_of(list(fields), sample)
    seen = dict(zip(requests.values, requests.exposures.tolist(), strict=True))
    export = WRITERS[platform](table, replace(terms, seen=seen))
    cost = lossiness(export, requests, sample, predictions.multiplier, predictions.no_bid)
    with_map = [name for name in fields if maps.get(name)]
    return export, ExportDocument(
        platform=platform.value,
        fields=tuple(FieldDocument(feature=feature, field=field) for feature, field in fields.items()),
        without_field=tuple(name for name in predictions.features if name not in fields),
        without_id=tuple(gap for name in with_map if (gap := _without_id(name, predictions.sample, mapped))),
        respelt=_spelt_documents(spelt.respelt),
        outside=_spelt_documents(spelt.outside),
        refused=tuple(refused_fields(platform, predictions.features, settings)),
        taken=tuple(taken_fields(platform, predictions.features, settings)),
        unknown=tuple(unknown_features(platform, settings)),
        rows_asked=len(table.rows),
        rows=len(export.table.rows),
        lost=_lost_documents(export.lost),
        cut=_lost_documents(export.cut),
        files=_file_documents(platform, export),
        **asdict(cost),
        bids_on_control=terms.holdback is not None and platform not in HOLD_BACK,
    )


def _spelt_documents(of_features: Sequence[SpeltValues]) -> tuple[SpeltDocument, ...]:
    return tuple(SpeltDocument(**asdict(each)) for each in of_features)


def _lost_documents(by_cause: Mapping[str, int]) -> tuple[LostDocument, ...]:
    return tuple(LostDocument(cause=cause, rows=rows) for cause, rows in sorted(by_cause.items()))


def _file_documents(platform: Platform, export: Export) -> tuple[FileDocument, ...]:
    rows = {name: export.file_rows.get(name, export.rows) for name in export.files}
    return tuple(
        FileDocument(name=name, output_type=output_type(platform, name, export), rows=rows[name])
        for name in export.files
    )


def _without_id(name: str, ours: Sample, theirs: Sample) -> WithoutIdDocument | None:
    """Return how many values of a feature a platform has no id for, and on which share of the exposures."""
    before, after = ours.features[name], theirs.features[name]
    lost = np.isin(after.codes, after.barred) & ~np.isin(before.codes, before.barred)
    values = len(np.unique(before.codes[lost]))
    share = float(ours.exposure[lost].sum() / ours.exposure.sum())
    return WithoutIdDocument(feature=name, values=values, exposure_share=share) if values else None


def output_type(platform: Platform, file: str, export: Export) -> str:
    """Return how the catalog calls a file of an export: `export_plain_table_csv`, or `export_x` of a single file."""
    return f"export_{platform}" + (f"_{re.sub(r'[^0-9A-Za-z]+', '_', file)}" if len(export.files) > 1 else "")
