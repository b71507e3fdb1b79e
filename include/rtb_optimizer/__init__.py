"""RTB Optimizer: every night, an entity's RTB logs become a segment table that bidders read.

core/      decisions, pure: configuration, windows, scoring, selection, segments, bidding, macros, activation
engines/   where the counting over the logs runs
store/     what is remembered: connections, schema, entities, configs, runs, objects, migrations
steps.py   one function per task of a run: gather -> core -> apply
dagfactory.py, sensors.py, callbacks.py   the steps as Airflow DAGs
local/     the embedded stack: PostgreSQL, S3, Airflow
demo/      seeded synthetic logs and the demonstration
cli/       python -m rtb_optimizer
"""

__version__ = "0.1.0"
