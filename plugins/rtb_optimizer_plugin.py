"""Registers RTB Optimizer with Airflow. The loader executes every .py below plugins/: this is the only one."""

from airflow.plugins_manager import AirflowPlugin

from rtb_optimizer import listener


class RtbOptimizerPlugin(AirflowPlugin):
    """What Airflow loads: the listener that hears of dag runs that a user marked failed."""

    name = "rtb_optimizer"
    listeners = [listener]  # noqa: RUF012 - Airflow reads it as a class attribute
