"""Where in Airflow's UI do the pages stand? In its navigation, and as a tab of an entity's DAG and dag run.

Every component of Airflow loads this, so it imports nothing.
"""

PREFIX = "/rtb"
_ICONS = {"icon": f"{PREFIX}/static/icon.svg", "icon_dark_mode": f"{PREFIX}/static/icon-dark.svg"}

EXTERNAL_VIEWS = [
    {
        "name": "RTB Optimizer",
        "href": f"{PREFIX}/",
        "destination": "nav",
        "url_route": "rtb_optimizer",
        **_ICONS,
        "nav_top_level": True,
    },
    {
        "name": "RTB entity",
        "href": f"{PREFIX}/dags/{{DAG_ID}}",
        "destination": "dag",
        "url_route": "rtb_entity",
        **_ICONS,
    },
    {
        "name": "RTB run",
        "href": f"{PREFIX}/dag-runs?dag_id={{DAG_ID}}&run_id={{RUN_ID}}",
        "destination": "dag_run",
        "url_route": "rtb_run",
        **_ICONS,
    },
]
