"""Checks of the surroundings of the product, each with its finding and its fix.

checks    which checks there are, and in which order
catalog   PostgreSQL and the catalog
s3        the bucket
airflow   Airflow's version and folders
machine   memory, disk, packages of this machine
findings  the result of a check, and how it is shown
"""
