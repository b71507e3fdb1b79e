"""What keeps the product true when nobody is looking, and what people are notified of.

maintenance     sweeps, the DAG list, active.json copies, the audit of active outputs
retention       deletes the objects of expired runs
metrics         figures for StatsD or OpenTelemetry
alerts          sends what runs and maintenance have raised
alert_channels  Slack and SMTP
doctor/         checks of the surroundings, behind `rtb doctor`
"""
