"""Makes the document that select_features hands over."""

from collections.abc import Sequence
from dataclasses import asdict, fields
from typing import Any

from rtb_optimizer.core.config.event_logs import ROLES
from rtb_optimizer.core.decision.warning import RunWarning
from rtb_optimizer.core.sample.sample import Sample
from rtb_optimizer.core.sample.values import MISSING
from rtb_optimizer.core.selection.select import Chosen
from rtb_optimizer.core.table.evaluation import HoldoutEvaluation
from rtb_optimizer.engines.passes.events import EventsOfDay
from rtb_optimizer.logs.partitions import Partition
from rtb_optimizer.outputs.documents.document import WarningDocument
from rtb_optimizer.outputs.documents.lake import PLAIN_FILES, LakeDocument
from rtb_optimizer.outputs.documents.logs import EventsDocument, InputDocument, LogsDocument
from rtb_optimizer.outputs.documents.selection import (
    EvaluationDocument,
    FeatureDocument,
    InteractionDocument,
    ReadingDocument,
    RejectedDocument,
    SelectionDocument,
    SuspectedLeakDocument,
)
from rtb_optimizer.run.bought_sample import bids_document
from rtb_optimizer.run.choose_features import Choice
from rtb_optimizer.run.groups import group_lifts
from rtb_optimizer.run.read_logs import LogsRead
from rtb_optimizer.run.suspected_leaks import leak_warnings, suspected_leaks


def selection_document(
    read: LogsRead,
    evidence: HoldoutEvaluation,
    expected: Sequence[str],
    warnings: Sequence[RunWarning] = (),
    tables: LakeDocument = PLAIN_FILES,
) -> SelectionDocument:
    """Return what selection hands over.

    Args:
        read: What the logs were, and what was selected, on which sample.
        evidence: The evaluation on the hold-out.
        expected: The URLs of all partitions of the window, there or not.
        warnings: What a person should look into.
        tables: The snapshots of tables that were read.
    """
    document = SelectionDocument(
        **_of_choice(read.choice, evidence, WarningDocument.of(read.warnings), warnings),
        logs=_logs(read, expected),
        bids=bids_document(read.bids, read.choice.bids, read.choice.drawn.sample),
        volume={**read.volume.facts, **_of_joins(read), **read.delivered},
        inputs=_inputs(read.partitions),
        engine=read.engine,
    )
    of_events = read.events.partitions
    given: dict[str, Any] = {r.inputs: _inputs(of_events[r.name]) for r in ROLES if of_events.get(r.name)}
    lifts = group_lifts(read.choice)
    given |= {"lifts": lifts} if lifts else {}
    given |= {"empty_inputs": _inputs(read.empty)} if read.empty else {}
    return document.model_copy(update={**given, **({"tables": tables} if tables.model_fields_set else {})})


def _of_joins(read: LogsRead) -> dict[str, float]:
    """Return the facts about how events and rows belong together, as far as there are any."""
    unjoined = {"unjoined_share": read.choice.unjoined} if read.choice.unjoined else {}
    found = read.events.found
    return unjoined | {role.rowless: found[role.name].rowless_share for role in ROLES if role.name in found}


def _inputs(partitions: Sequence[Partition]) -> tuple[InputDocument, ...]:
    files = {file.key: file for partition in partitions for file in partition.files}  # days of a table may share one
    return tuple(InputDocument(s3_key=key, byte_size=file.byte_size, etag=file.etag) for key, file in files.items())


def chosen_of(selection: SelectionDocument) -> list[Chosen]:
    """Return the selected features of what selection handed over."""
    names = {field.name for field in fields(Chosen)} - {"pooled"}
    return [Chosen(**feature.model_dump(include=names)) for feature in selection.chosen]


def selection_beside(
    of_main: SelectionDocument,
    reading: ReadingDocument,
    choice: Choice,
    evidence: HoldoutEvaluation,
    warnings: Sequence[RunWarning],
) -> SelectionDocument:
    """Return what another selection from the same reading of the logs hands over.

    Args:
        of_main: What the selection of the run that read them handed over.
        reading: What that reading found.
        choice: What was selected.
        evidence: The evaluation on the hold-out.
        warnings: What a person should look into.
    """
    own = _of_choice(choice, evidence, reading.warnings, warnings)
    document = SelectionDocument(
        **own, logs=of_main.logs, bids=of_main.bids, volume=of_main.volume, inputs=of_main.inputs
    )
    shared = of_main.model_fields_set & {"empty_inputs", *(role.inputs for role in ROLES), "tables", "engine"}
    return document.model_copy(update={name: getattr(of_main, name) for name in shared})


def _of_choice(
    choice: Choice,
    evidence: HoldoutEvaluation,
    about_rows: Sequence[WarningDocument],
    warnings: Sequence[RunWarning],
) -> dict[str, Any]:
    """Return the parts of the document that depend on what was selected."""
    sample, leaks = choice.drawn.sample, suspected_leaks(choice)
    return {
        "link": choice.link,
        "unit": sample.unit,
        "stands_for": sample.stands_for,
        "slope": evidence.slope,
        "chosen": tuple(_feature(feature, sample) for feature in choice.selection.chosen),
        "interactions": tuple(InteractionDocument(**asdict(each)) for each in choice.selection.interactions),
        "rejected": tuple(RejectedDocument(**asdict(each)) for each in choice.selection.rejected),
        "suspected_leaks": tuple(SuspectedLeakDocument(**asdict(each)) for each in leaks),
        "evidence": _evaluation(evidence, choice),
        "warnings": (
            *WarningDocument.of(leak_warnings(leaks)),
            *about_rows,
            *WarningDocument.of([*choice.warnings, *warnings]),
        ),
    }


def _feature(chosen: Chosen, sample: Sample) -> FeatureDocument:
    """Return a selected feature with how many values it has, and which share of the exposures has none."""
    feature = sample.features[chosen.name]
    missing = feature.codes == feature.values.index(MISSING) if MISSING in feature.values else False
    share = float((sample.exposure * missing).sum() / sample.exposure.sum())
    given = {field.name: getattr(chosen, field.name) for field in fields(Chosen) if field.name != "pooled"}
    if chosen.pooled is not None:
        known = sum(value in chosen.pooled.centres for value in feature.values)
        given |= {"siblings": chosen.pooled.siblings, "pooled_values": known}
    return FeatureDocument(**given, values=len(feature.values), missing_share=share)


def _evaluation(evidence: HoldoutEvaluation, choice: Choice) -> EvaluationDocument:
    drawn = choice.drawn
    given = {name: of for name, of in asdict(evidence).items() if of is not None}
    return EvaluationDocument(
        **given,
        sampled_rows=len(drawn.sample.exposure),
        sampled_share=drawn.shares.others,
        sampled_positive_share=drawn.shares.positives,
        value_cut_share=drawn.value_cut,
        folds="day" if drawn.by_day else "row_hash",
    )


def _logs(read: LogsRead, expected: Sequence[str]) -> LogsDocument:
    profile, present = read.profile, {partition.url for partition in read.partitions}
    anomalies = {**profile.anomalies, "duplicate": read.choice.drawn.duplicates}
    document = LogsDocument(
        totals=profile.totals,
        design_effect=profile.design_effect,
        positive_rows=profile.positive_rows,
        rows_by_day={str(day): rows for day, rows in profile.rows_by_day.items()},
        by_day={str(day): counts for day, counts in profile.by_day.items()},
        rows_by_hour=tuple(read.volume.rows_by_hour),
        known_days={str(day): counts for day, counts in read.volume.known_days.items()},
        anomalies={name: count for name, count in anomalies.items() if count},
        worst_days={name: str(day) for name, day in profile.worst_days.items()},
        partitions=tuple(partition.url for partition in read.partitions),
        partitions_expected=len(expected),
        missing=tuple(url for url in expected if url not in present),
    )
    found = read.events.found
    days = {role.days: tuple(map(_events, found[role.name].days)) for role in ROLES if role.name in found}
    known = {
        f"known_{role.days}": tuple(read.events.known[role.name]) for role in ROLES if role.name in read.events.known
    }
    return document.model_copy(update=days | known)


def _events(of_day: EventsOfDay) -> EventsDocument:
    return EventsDocument(**{**asdict(of_day), "day": str(of_day.day) if of_day.day is not None else None})
