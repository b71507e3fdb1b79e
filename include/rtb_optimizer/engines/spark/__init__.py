"""Spark, past one machine: a thin client of Spark Connect; the rows stay on the cluster.

engine    the engine
dialect   its SQL
files     log files as a table on the cluster
session   a session of the cluster, with the settings that the counts need
failures  its errors, sorted: of the cluster, of the store or of the logs
"""
