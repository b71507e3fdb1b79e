"""Unattended operation: maintenance, retention, metrics, alerts and diagnostics.

maintenance     sweeps, the DAG list, active.json copies, the audit of active outputs
deliveries      delivers exports that were not when their run became active
retention       deletes the objects of expired runs
metrics         figures for StatsD or OpenTelemetry
alerts          sends the alerts of runs and maintenance
alert_channels  Slack and SMTP
inspection      what logs hold that no entity reads yet, and the configuration that fits
doctor/         checks of the environment, behind `rtb doctor`
"""
