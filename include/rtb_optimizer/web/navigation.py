"""The entries of the pages in Airflow's UI: its navigation, and a tab of each entity's DAG and of its dag runs.

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
