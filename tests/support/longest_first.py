"""The order in which workers take files: the longest first, so that none is left alone with one at the end.

The order is that of processor time, measured on one test in eight, and judged where a file had none among them. The
whole stacks come before them all.
"""

from pathlib import PurePath

LONGEST = (
    "cases/test_bad_logs.py",
    "web/test_in_chromium.py",
    "live/test_challengers.py",
    "live/test_closed_loop.py",
    "faults/test_every_effect.py",
    "faults/test_catalog_restarts.py",
    "steps/test_steps.py",
    "steps/test_on_a_cluster.py",
    "cases/test_layouts_and_formats.py",
    "cases/test_runs_and_bids.py",
    "operations/rebuild/test_rebuild.py",
    "cases/test_audit_and_retention.py",
    "cli/test_completion.py",
    "cases/test_logs_and_values.py",
    "faults/test_hostile_logs.py",
    "dag/test_dags.py",
    "cli/test_doctor.py",
    "faults/test_hostile_names.py",
    "web/test_access.py",
    "faults/test_disk_full.py",
    "faults/test_store_answers_badly.py",
    "local/test_commands.py",
    "local/test_supervision.py",
    "cases/test_privacy.py",
    "engines/sql/test_portable_sql.py",
    "web/test_api.py",
    "web/test_compare_page.py",
    "exports/test_prebid_floors.py",
    "web/entity/test_config.py",
    "outputs/test_report_page.py",
    "steps/test_warm_start.py",
    "steps/test_challengers.py",
    "faults/test_inputs_change_between_tries.py",
    "faults/test_activation_interleavings.py",
    "project/test_house_rules.py",
)


def rank(path):
    """Return the place of a test file in the order; files that are not among the longest share the last one."""
    name = "/".join(PurePath(path).parts)
    return next((place for place, each in enumerate(LONGEST) if name.endswith(f"/{each}")), len(LONGEST))
