"""Operation: maintenance, retention, metrics, alerts, diagnostics, and runs that are made again.

maintenance     sweeps, the DAG list, active.json copies, the audit of active outputs
deliveries      delivers exports that were not when their run became active
retention       deletes the objects of expired runs
metrics         figures for StatsD or OpenTelemetry
alerts          sends the alerts of runs and maintenance
alert_channels  Slack and SMTP
inspected_logs  looks into logs that no entity reads yet: layout, format, columns
inspected_text  whether the first lines of text name columns, and the same
store_faults    words a fault of the store: object, connection, fix
inspection      the roles of their columns, and the configuration that fits
rebuild/        makes a run again from its capsule and compares it, behind `rtb rebuild`
doctor/         checks of the environment, behind `rtb doctor`
"""
