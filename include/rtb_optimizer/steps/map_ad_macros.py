"""Maps the selected features to an ad macro combo per format."""

from rtb_optimizer.outputs.documents.macros import MacrosDocument
from rtb_optimizer.run.handover import hand_over
from rtb_optimizer.run.macro_combos import combos_of, macros_document
from rtb_optimizer.run.workspace import open_workspace
from rtb_optimizer.store import connections, runs


def map_ad_macros(opt_run_id: int) -> int:
    """Map the selected features to a macro combo per format and record them; return how many formats have one.

    Raises:
        MacroGap: when a feature has no macro in a format whose policy is `fail`.
    """
    workspace = open_workspace(opt_run_id)
    with connections.session() as session:
        features = [feature.feature_name for feature in runs.features(session, opt_run_id)]
        combos = combos_of(session, workspace.opt_id, workspace.settings, features)
    document = macros_document(features, combos, workspace.settings)
    standing = hand_over(workspace, "map_ad_macros", {"ad_macros": document}).document("ad_macros", MacrosDocument)
    recorded = {name: each.combo for name, each in standing.formats.items() if each.combo is not None}
    with connections.session() as session:
        runs.record_ad_macros(session, opt_run_id, recorded)
        session.commit()
    return len(recorded)
