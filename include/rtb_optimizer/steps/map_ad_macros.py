"""Maps the selected features to an ad macro combo per format."""

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
        runs.record_ad_macros(session, opt_run_id, combos)
        session.commit()
    workspace.write_work_document("ad_macros", macros_document(features, combos, workspace.settings))
    return sum(combo.combo is not None for combo in combos)
