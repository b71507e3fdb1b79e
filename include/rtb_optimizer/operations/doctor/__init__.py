"""Checks of the product's environment, each with a finding and a fix.

checks    the checks in order, with their dependencies
catalog   PostgreSQL and the catalog
s3        the bucket
logs      an object of the logs, read as a run reads it
airflow   Airflow's version and folders
cluster   the same read on the cluster of `engine = spark`
machine   memory, disk, packages of this machine
findings  the result of a check, from its measurements
"""
