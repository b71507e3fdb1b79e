"""Registers RTB Optimizer with Airflow. The loader executes every .py below plugins/: this is the only one."""

from airflow.plugins_manager import AirflowPlugin

from rtb_optimizer.dag import listener, preload
from rtb_optimizer.web.navigation import EXTERNAL_VIEWS, PREFIX

preload.import_before_tasks()


async def web(scope, receive, send):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201 - ASGI
    """Import the pages with the first request: every component loads this file, only the api-server serves."""
    from rtb_optimizer.web.app import app

    await app(scope, receive, send)


class RtbOptimizerPlugin(AirflowPlugin):
    """What Airflow loads: the pages, their places, and the listener that hears of dag runs marked failed."""

    name = "rtb_optimizer"
    listeners = [listener]  # noqa: RUF012 - Airflow reads class attributes
    fastapi_apps = [{"app": web, "url_prefix": PREFIX, "name": "RTB Optimizer"}]  # noqa: RUF012 - as above
    external_views = EXTERNAL_VIEWS
