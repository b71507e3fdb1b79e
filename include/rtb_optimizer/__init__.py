"""RTB Optimizer: every night, an entity's RTB logs become a segment table that bidders read.

dag/         what Airflow loads beside the graph: params, sensors, callbacks, notifier, listener
steps/       the nightly run, one module a task, named as the task
run/         what the steps are made of
outputs/     what a run leaves, written and read back
operations/  what keeps the product true: maintenance, retention, metrics, alerts, doctor
exports/     one module an ad platform
engines/     where the logs are counted
store/       what is remembered: catalog and objects
core/        decisions, pure
web/         pages and API        cli/  commands
local/       the local stack      demo/ the demonstration
"""

__version__ = "0.1.0"
