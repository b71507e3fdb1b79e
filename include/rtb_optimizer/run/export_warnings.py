"""Warns of what an export loses: values that a platform never holds, rows, fields, and distance from the table."""

from collections.abc import Collection, Mapping, Sequence

from rtb_optimizer.core.decision.warning import RunWarning
from rtb_optimizer.core.platforms.column import Platform
from rtb_optimizer.core.platforms.prebid import FIELDS, IN_PREBID_JS
from rtb_optimizer.outputs.documents.exports import ExportDocument, ExportsDocument, SpeltDocument

FAR = 0.2
"""The mean error of an export from which on it is warned of."""

SHORTER = "shorter keys and the default answer"
IN_PLACE_OF_A_ROW: Mapping[str, str] = {
    Platform.PREBID_FLOORS: "rules with more * and the default floor answer",
    Platform.LOOKUP_TABLES: "the weights of shorter keys, and beta0, answer",
    Platform.BEESWAX: "Beeswax has no shorter keys: the line item's default bid answers",
    Platform.BONSAI: "the leaf of the else branch above answers",
}
"""What a platform answers with where a row is absent, in its own words."""


def export_warnings(exports: ExportsDocument, active: Sequence[ExportDocument] = ()) -> list[RunWarning]:
    """Return the warnings of all exports of a run, each with the export's name and what can be done.

    Args:
        exports: The exports.
        active: Those of the active run: a limit of the file's reader is warned of when it begins, not each night.
    """
    before = {export.platform: export for export in active}
    return [
        warning
        for export in exports.platforms
        for warning in _of_export(export, before.get(export.platform, ExportDocument()))
    ]


def _of_export(export: ExportDocument, before: ExportDocument) -> list[RunWarning]:
    name, answer = export.platform, IN_PLACE_OF_A_ROW.get(export.platform, SHORTER)
    blind = f"{name} has a field for none of the features: its export is the default alone; name fields in "
    lost = (
        RunWarning(
            "export_rows_lost",
            f"{name}: {loss.rows:,} of {export.rows_asked:,} rows are not in the export: {loss.cause}; {answer} in "
            "their place",
        )
        for loss in export.lost
    )
    return [
        *(
            []
            if export.fields
            else [RunWarning("export_without_fields", f"{blind}export_fields, or take it off exports")]
        ),
        *(
            RunWarning("export_clock", f"{name}: {each.feature} is not exported: {each.reason}")
            for each in export.refused
        ),
        *(
            RunWarning("export_field_taken", f"{name}: {each.feature} is averaged over: {each.reason}")
            for each in export.taken
        ),
        *_unknown(export),
        *_values_lost(export, answer),
        *lost,
        *(
            RunWarning("export_rows_cut", f"{name}: {each.rows:,} answers are not bid as the table says: {each.cause}")
            for each in export.cut
        ),
        *_far(export),
        *_refused_by_prebid_js(export, {each.field for each in before.fields}),
        *_bids_on_control(export, before),
    ]


def _unknown(export: ExportDocument) -> list[RunWarning]:
    if not export.unknown:
        return []
    message = (
        f"{export.platform}: {', '.join(export.unknown)} in export_fields or export_value_maps: no candidate is called "
        "so, and nothing is exported by that; correct the name, or take it off"
    )
    return [RunWarning("export_unknown_feature", message)]


def _values_lost(export: ExportDocument, answer: str) -> list[RunWarning]:
    fields = {each.feature: each.field for each in export.fields}
    nameless = [
        RunWarning(
            "export_values_without_id",
            f"{export.platform}: {gap.values:,} values of {gap.feature} ({gap.exposure_share:.1%} of the "
            f"exposures) have no id in export_value_maps; {answer} for them",
        )
        for gap in export.without_id
    ]
    return nameless + [
        RunWarning(
            "export_values_outside",
            f"{export.platform}: {gap.values:,} values of {gap.feature} ({gap.exposure_share:.1%} of the exposures) "
            f"are never those of {fields.get(gap.feature, '')}, as {_named(gap)}: its requests hold {gap.wants}; "
            f"translate them by export_value_maps; {answer} for them",
        )
        for gap in export.outside
    ]


def _named(gap: SpeltDocument) -> str:
    return ", ".join(repr(ours) for ours, _ in gap.examples)


def _far(export: ExportDocument) -> list[RunWarning]:
    if not export.fields or export.mean_error is None or export.mean_error < FAR:
        return []
    without = f"; {', '.join(export.without_field)} without a field there" if export.without_field else ""
    message = (
        f"{export.platform}: its bids differ from the table's by {export.mean_error:.0%} on the mean, and by "
        f"{export.largest_error or 0.0:.0%} at most{without}; beyond max_export_error a run is held"
    )
    return [RunWarning("export_far", message)]


def _refused_by_prebid_js(export: ExportDocument, known: Collection[str]) -> list[RunWarning]:
    if export.platform != Platform.PREBID_FLOORS:
        return []
    strange = [each.field for each in export.fields if each.field not in IN_PREBID_JS]
    if all(field in known for field in strange):
        return []
    by_server = [field for field in strange if field in FIELDS]
    server = f"; Prebid Server knows {', '.join(by_server)}" if by_server else ""
    message = (
        f"{export.platform}: a bare Prebid.js refuses the whole file for its fields {', '.join(strange)}: define them "
        f"on the page (additionalSchemaFields), or give the features other fields in export_fields{server}"
    )
    return [RunWarning("prebid_js_refuses", message)]


def _bids_on_control(export: ExportDocument, before: ExportDocument) -> list[RunWarning]:
    if not export.bids_on_control or before.bids_on_control:
        return []
    message = (
        f"{export.platform}: its files cannot hold requests back by their id: those of the control are bid by the "
        "table too, and the lift over the holdback compares the table with itself; bid 1.0 on them before the platform "
        "does, or let it draw the arm (arm_column)"
    )
    return [RunWarning("export_bids_on_control", message)]
