"""Makes the document that select_features hands over."""

from collections.abc import Sequence
from dataclasses import asdict, fields

from rtb_optimizer.core.decision.warning import RunWarning
from rtb_optimizer.core.sample.sample import Sample
from rtb_optimizer.core.sample.values import MISSING
from rtb_optimizer.core.selection.select import Chosen
from rtb_optimizer.core.table.evaluation import HoldoutEvaluation
from rtb_optimizer.outputs.documents.document import WarningDocument
from rtb_optimizer.outputs.documents.selection import (
    EvaluationDocument,
    FeatureDocument,
    InputDocument,
    InteractionDocument,
    LogsDocument,
    RejectedDocument,
    SelectionDocument,
    SuspectedLeakDocument,
)
from rtb_optimizer.run.bought_sample import bids_document
from rtb_optimizer.run.choose_features import Choice
from rtb_optimizer.run.read_logs import LogsRead
from rtb_optimizer.run.suspected_leaks import leak_warnings, suspected_leaks


def selection_document(
    read: LogsRead, evidence: HoldoutEvaluation, expected: Sequence[str], warnings: Sequence[RunWarning] = ()
) -> SelectionDocument:
    """Return what selection hands over.

    Args:
        read: What the logs were, and what was selected, on which sample.
        evidence: The evaluation on the hold-out.
        expected: The URLs of all partitions of the window, there or not.
        warnings: What a person should look into.
    """
    choice, sample, leaks = read.choice, read.choice.drawn.sample, suspected_leaks(read.choice)
    return SelectionDocument(
        link=choice.link,
        unit=sample.unit,
        stands_for=sample.stands_for,
        slope=evidence.slope,
        chosen=tuple(_feature(feature, sample) for feature in choice.selection.chosen),
        interactions=tuple(InteractionDocument(**asdict(each)) for each in choice.selection.interactions),
        rejected=tuple(RejectedDocument(**asdict(each)) for each in choice.selection.rejected),
        suspected_leaks=tuple(SuspectedLeakDocument(**asdict(each)) for each in leaks),
        evidence=_evaluation(evidence, choice),
        logs=_logs(read, expected),
        bids=bids_document(read.bids, choice.bids, sample),
        volume={**read.volume.facts, **({"unjoined_share": choice.unjoined} if choice.unjoined else {})},
        warnings=WarningDocument.of([*leak_warnings(leaks), *read.warnings, *choice.warnings, *warnings]),
        inputs=tuple(
            InputDocument(s3_key=file.key, byte_size=file.byte_size, etag=file.etag)
            for partition in read.partitions
            for file in partition.files
        ),
    )


def chosen_of(selection: SelectionDocument) -> list[Chosen]:
    """Return the selected features of what selection handed over."""
    names = {field.name for field in fields(Chosen)}
    return [Chosen(**feature.model_dump(include=names)) for feature in selection.chosen]


def _feature(chosen: Chosen, sample: Sample) -> FeatureDocument:
    """Return a selected feature with how many values it has, and which share of the exposures has none."""
    feature = sample.features[chosen.name]
    missing = feature.codes == feature.values.index(MISSING) if MISSING in feature.values else False
    share = float((sample.exposure * missing).sum() / sample.exposure.sum())
    return FeatureDocument(**asdict(chosen), values=len(feature.values), missing_share=share)


def _evaluation(evidence: HoldoutEvaluation, choice: Choice) -> EvaluationDocument:
    drawn = choice.drawn
    return EvaluationDocument(
        **asdict(evidence),
        sampled_rows=len(drawn.sample.exposure),
        sampled_share=drawn.shares.others,
        sampled_positive_share=drawn.shares.positives,
        value_cut_share=drawn.value_cut,
        folds="day" if drawn.by_day else "row_hash",
    )


def _logs(read: LogsRead, expected: Sequence[str]) -> LogsDocument:
    profile, present = read.profile, {partition.url for partition in read.partitions}
    anomalies = {**profile.anomalies, "duplicate": read.choice.drawn.duplicates}
    return LogsDocument(
        totals=profile.totals,
        design_effect=profile.design_effect,
        positive_rows=profile.positive_rows,
        rows_by_day={str(day): rows for day, rows in profile.rows_by_day.items()},
        by_day={str(day): counts for day, counts in profile.by_day.items()},
        rows_by_hour=tuple(read.volume.rows_by_hour),
        anomalies={name: count for name, count in anomalies.items() if count},
        worst_days={name: str(day) for name, day in profile.worst_days.items()},
        partitions=tuple(partition.url for partition in read.partitions),
        partitions_expected=len(expected),
        missing=tuple(url for url in expected if url not in present),
    )
