"""The demonstration: seeded logs, the nightly runs of three entities, and their results.

world    the synthetic logs
content  entities and logs
summary  prints the result of an active run
"""
